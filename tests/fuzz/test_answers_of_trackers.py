"""MogileFS: lines of trackers, addresses, and what is told of files and places."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from hypothesis import strategies as st

from storages.backends.mogilefs import MogileFSStorage, cluster, tracker
from storages.backends.mogilefs.listing import keys
from storages.errors import StorageError
from storages.retry import NO_RETRY
from tests.fuzz.making import fuzz, mutated, ours
from tests.fuzz.service import CONTENT, everything
from tests.servers.http import Reply, ScriptedServer
from tests.servers.process import HOST

INFO = "OK fid=7&key=a&length=12&domain=x&class=default&devcount=2&checksum=MD5%3Aabc"
PATHS = "OK paths=1&path1={node}/dev1/0/000/000/0000000007.fid"
RIGHT = {
    "file_info": INFO,
    "get_paths": PATHS,
    "get_domains": "OK domains=1&domain1=x&domain1classes=1&domain1class1name=default"
    "&domain1class1mindevcount=2&domain1class1hashtype=MD5",
    "create_open": "OK fid=7&dev_count=1&devid_1=1&path_1={node}/dev1/0/000/000/0000000007.fid",
    "create_close": "OK ",
    "list_keys": "OK key_count=3&key_1=a&key_2=d%2Fb&key_3=d%2Fe%2Ff&next_after=d%2Fe%2Ff",
    "list_fids": "OK fid_count=1&fid_1_fid=7&fid_1_key=a",
    "rename": "OK ",
    "delete": "OK ",
}
PIECES = (
    *("OK ", "ERR ", "ERR unknown_key unknown_key", "ERR key_exists x", "ERR db Database+error"),
    *("&", "=", "%", "%ff", "%00", "+", "key_count=", "paths=", "path1=", "fid=", "length=", "\r"),
    *("ERR none_match", "ERR", "OK", "99999999999999999999", "1000000000", "http://h:99999/x"),
)


class Scripted(socketserver.ThreadingTCPServer):
    """A tracker whose answers are right but for those to one command."""

    daemon_threads = True
    allow_reuse_address = True
    wrong: tuple[str, str] | None = None
    node = ""
    met = 0

    def line(self, text: str) -> bytes:
        """Return the answer to a command."""
        command, _, rest = text.partition(" ")
        call = parse_qs(rest).get("callid", ["1"])[0]
        right = RIGHT.get(command, "ERR unknown_command what").replace("{node}", self.node)
        if self.wrong is not None and self.wrong[0] == command:
            self.met += 1
            given = self.wrong[1].replace("{node}", self.node)
            return given.replace("\n", "").encode("utf-8", "surrogateescape") + b"\r\n"
        return f"{right}&callid={call}\r\n".replace(" &", " ").encode()


class Asked(socketserver.StreamRequestHandler):
    """One connection."""

    server: Scripted

    def handle(self) -> None:
        """Answer line by line."""
        try:
            for line in self.rfile:
                self.wfile.write(self.server.line(line.decode().strip()))
        except OSError:
            return


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A tracker, and a storage node behind it."""
    reply = Reply(200, {"Content-Type": "application/octet-stream"}, CONTENT)
    with ScriptedServer(handler=lambda _: reply) as node, Scripted((HOST, 0), Asked) as server:
        server.node = node.url
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Storage(MogileFSStorage):
    """Asks once, and waits for nobody for long."""

    retry = NO_RETRY


def test_lines() -> None:
    """Each is understood, or is an error of ours."""
    samples = sorted(RIGHT.values())
    texts = mutated([f"{sample}&callid=1" for sample in samples], PIECES).map(
        lambda text: text.encode("utf-8", "replace").decode()
    )
    with scripted() as server:
        address = f"{HOST}:{server.server_address[1]}"

        def check(wrong: tuple[str, str]) -> None:
            server.wrong = wrong
            options: dict[str, Any] = {
                "connect_timeout": 5,
                "tracker_timeout": 5,
                "read_timeout": 5,
            }
            with Storage(domain="x", trackers=[address], base_url="/m/", **options) as storage:
                everything(storage)
                for name in ours(lambda: storage.get_mogile_paths("a")) or ():
                    assert name.startswith("http")

        fuzz(st.tuples(st.sampled_from(sorted(RIGHT)), texts), check, quick=60, share=0.6)
        assert server.met > 20


def test_what_is_told() -> None:
    """Numbers are numbers and places have URLs; or the error is ours."""
    lines = mutated([text.partition(" ")[2] for text in RIGHT.values()], PIECES)

    def check(text: str) -> None:
        told = tracker._decoded(text)
        stat = ours(lambda: cluster.stat_of(told))
        assert stat is None or stat.size >= 0
        for place in ours(lambda: cluster.places_of(told)) or ():
            assert place.path.startswith("http")
        for path in ours(lambda: cluster.paths_of(told)) or ():
            cluster.fid_of(path)
        cluster.Cluster([], 1, 1).best_first([text])

        def ask(_command: str, _arguments: Any) -> dict[str, str]:
            return told

        ours(lambda: [*zip(range(10), keys(ask, "d/"), strict=False)])
        assert tracker._decoded(tracker._encoded(told)) == told

    fuzz(
        lines,
        check,
        quick=300,
        known=[
            "key_count=9999999999999999999",
            "paths=9999999999999999999",
            "&callid=1&%ff=%ff",
            "key_1=a&key_2d%2b",
        ],
        share=0.3,
    )


def test_addresses() -> None:
    """An address has a host and a port, or is a ValueError."""

    def check(text: str) -> None:
        try:
            found = tracker.address(text)
        except ValueError:
            return
        host, port = tracker._place(found)
        assert host
        assert 0 <= port < 65536

    fuzz(
        mutated(["h:7001", "[::1]:7001", "10.0.0.1", "[fe80::1%eth0]:1"], (":", "[", "]")),
        check,
        share=0.05,
    )


def test_refusals() -> None:
    """Whatever the code and the words: an error of ours, which has them."""
    from storages.backends.mogilefs.refusals import refusal

    def check(drawn: tuple[str, str]) -> None:
        assert isinstance(refusal("x", *drawn), StorageError)

    fuzz(st.tuples(mutated(["key_exists", "db"]), mutated(["Database error"])), check, share=0.05)
