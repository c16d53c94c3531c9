"""The tests' MogileFS tracker answers as mogilefsd did, but for the differences listed here.

Beside what the transcript shows (data/mogilefs.txt), the tests' tracker has no plugins, no fsck, no
rebalancing or draining, no zones and weights, no second address of a host, and no ``!stats``; it
removes no uploads that were begun and never closed.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers import shared
from tests.servers.mogile import Conversation, MogileFS, MogileTracker
from tests.servers.mogile_tracker import wire
from tests.servers.mogile_tracker.wire import RefusedError
from tests.servers.process import HOST

TRANSCRIPT = Path(__file__).parent / "data" / "mogilefs.txt"
CONTENT = b"hello nodes"
CLOSED = "(closed)"
STORES = {"sqlite": False, "mariadb": True}
NO_LAST_ERROR = "mogilefsd tells whatever went wrong last anywhere in it"
NOT_THERE = "for administrators: left out"
#: store, the beginning of the request -> why the answers differ
DIFFERENCES = {
    ("sqlite", "create_open domain=test&key=k1&debug_profile=1"): NOT_THERE,
    ("mariadb", "create_open domain=test&key=k1&debug_profile=1"): NOT_THERE,
    ("sqlite", "file_debug"): NOT_THERE,
    ("mariadb", "file_debug"): NOT_THERE,
    ("sqlite", "create_close size=5&domain=test&key=e&{5010}"): NO_LAST_ERROR,
    ("mariadb", "create_close size=5&domain=test&key=e&{5010}"): NO_LAST_ERROR,
    ("sqlite", "create_close size=0&domain=test&key=e&{5011}"): NO_LAST_ERROR,
    ("mariadb", "create_close size=0&domain=test&key=e&{5011}"): NO_LAST_ERROR,
    ("mariadb", "noop callid=sync"): "whether a refused rename hits the next command is a race",
    ("mariadb", "file_info domain=test&key=ow&devices=1"): "its copy was made; ours is not yet",
    ("mariadb", "get_paths domain=test&key=ow"): "its copy was made; ours is not yet",
    ("sqlite", "get_domains"): "the classes have no order",
}


class Step(NamedTuple):
    """A line of the transcript; ``answers`` are those of a request, by store."""

    words: str
    answers: dict[str, str]


def steps() -> list[Step]:
    """The transcript."""
    found: list[Step] = []
    text = TRANSCRIPT.read_text(encoding="utf-8")
    for line in text[text.index("\n# ") :].splitlines():
        if line.startswith("<m "):
            found[-1].answers["mariadb"] = line[3:]
        elif line.startswith("<"):
            found[-1].answers.update(dict.fromkeys(STORES, line[2:]))
        elif line and not line.startswith("#"):
            found.append(Step(line, {}))
    return found


class Replay:
    """One run of the transcript."""

    def __init__(self, cluster: MogileFS) -> None:
        self.cluster = cluster
        digests = {kind: hashlib.new(kind, CONTENT).hexdigest() for kind in ("md5", "sha1")}
        self.known: dict[str, str] = {f"{{{kind}}}": digest for kind, digest in digests.items()}
        self.offers: dict[str, list[tuple[str, str]]] = {}

    def filled(self, text: str, *, escaped: bool) -> str:
        """``text`` with what stands for the placeholders."""
        text = re.sub(r"\{(\w)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)
        text = re.sub(r"\{(\d+\w*)\}", r"fid={\1.fid}&devid={\1.dev}&path={\1.path}", text)
        for name, value in self.known.items():
            text = text.replace(name, wire.escape(value) if escaped else value)
        return text

    def prepare(self, words: str) -> None:
        """Do what the transcript does not show."""
        what, *rest = words.split(" ")
        if what == "open":
            self.open(*rest)
        elif what == "second":
            self.choose(rest[0], 1)
        elif what == "put":
            self.put(rest[0], int(rest[1]))
        else:
            assert what == "store"
            key, size, *label = rest
            self.store(wire.unescape(self.filled(key, escaped=True)), int(size), *label)

    def open(self, label: str, more: str = "") -> None:
        """Begin an upload."""
        given = {"domain": "test", "multi_dest": 1, **wire.arguments(more)}
        told = self.cluster.ask("create_open", **given)
        count = int(told["dev_count"])
        self.known[f"{{{label}.fid}}"] = told["fid"]
        self.offers[label] = [(told[f"devid_{n}"], told[f"path_{n}"]) for n in range(1, count + 1)]
        self.choose(label, 0)

    def choose(self, label: str, number: int) -> None:
        """Upload to the place of that number."""
        device, path = self.offers[label][number]
        self.known |= {f"{{{label}.dev}}": device, f"{{{label}.path}}": path}

    def put(self, label: str, size: int) -> None:
        """Upload so much."""
        content = CONTENT if size == len(CONTENT) else b"x" * size
        request = urllib.request.Request(self.known[f"{{{label}.path}}"], content, method="PUT")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status in {200, 201, 204}

    def store(self, key: str, size: int, label: str = "0") -> None:
        """Store a file."""
        self.open(label)
        self.put(label, size)
        line = f"create_close domain=test&key={wire.escape(key)}&size={size}&{{{label}}}"
        with self.cluster.connect() as conversation:
            conversation.send(self.filled(line, escaped=True))
            assert conversation.line() == "OK "

    def differences(self, store: str) -> dict[str, tuple[str, str]]:
        """Request -> the answer in the transcript and ours, where they are not the same."""
        found: dict[str, tuple[str, str]] = {}
        conversation: Conversation | None = None
        try:
            for words, answers in steps():
                if not answers:
                    self.prepare(words)
                    continue
                request = words[2:]
                conversation = conversation or self.cluster.connect()
                conversation.send(self.filled(request, escaped=True))
                try:
                    ours = conversation.line()
                except ConnectionError:
                    conversation.close()
                    conversation, ours = None, CLOSED
                theirs = answers[store]
                if not same(self.filled(theirs, escaped=True), ours):
                    found[request] = (theirs, ours)
        finally:
            if conversation is not None:
                conversation.close()
        return found


def same(theirs: str, ours: str) -> bool:
    """Whether two answers say the same; ``*`` is anything."""
    if theirs.endswith(" *"):
        return ours.startswith(theirs[:-1])
    if theirs[:2] != "OK" or ours[:2] != "OK":
        return theirs == ours
    expected, found = wire.arguments(theirs[3:]), wire.arguments(ours[3:])
    return {
        name: value.replace("*", found.get(name, "")) for name, value in expected.items()
    } == found


@pytest.fixture(params=STORES, scope="module")
def store(request: pytest.FixtureRequest) -> str:
    """What the tracker keeps its tables in."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def cluster(store: str) -> Iterator[MogileFS]:
    """A new cluster with nothing but the domain of the transcript."""
    with MogileFS(mysql=STORES[store]) as found:
        found.verb("pause", "replicate")
        found.ask("create_domain", domain="test")
        for name, copies, hashtype in (("md5", 1, "MD5"), ("two", 2, "NONE")):
            given: dict[str, Any] = {"class": name, "mindevcount": copies, "hashtype": hashtype}
            found.ask("create_class", domain="test", **given)
        yield found


def test_it_answers_as_the_real_one(cluster: MogileFS, store: str) -> None:
    """Every request of the transcript, but for the differences above, each of which is there."""
    found = Replay(cluster).differences(store)
    expected = {request for where, request in DIFFERENCES if where == store}
    unexpected = {
        request: answers
        for request, answers in found.items()
        if not any(request.startswith(known) for known in expected)
    }
    assert unexpected == {}
    assert {
        known for known in expected if any(each.startswith(known) for each in found)
    } == expected


class Uploaded(NamedTuple):
    """Where a file was put."""

    domain: str
    key: str
    path: str


def upload(
    cluster: MogileFS, content: bytes = CONTENT, key: str = "k", domain: str = "", kind: str = ""
) -> Uploaded:
    """Store a file, in a new domain unless one is named."""
    domain = domain or cluster.new_domain()
    told = cluster.ask("create_open", domain=domain, key=key, **({"class": kind} if kind else {}))
    request = urllib.request.Request(told["path"], content, method="PUT")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    close = {name: told[name] for name in ("fid", "devid", "path")}
    cluster.ask("create_close", domain=domain, key=key, size=len(content), **close)
    return Uploaded(domain, key, told["path"])


def status(path: str) -> int:
    """What a node answers."""
    try:
        with urllib.request.urlopen(path, timeout=60) as answer:
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture
def shared_cluster() -> Iterator[MogileFS]:
    """The cluster of this process, with no faults left over."""
    found = shared(MogileFS)
    found.clear()
    yield found
    found.start()
    found.clear()


def refused(tracker: MogileTracker, command: str, **given: Any) -> str:
    """The code of the error."""
    with pytest.raises(RefusedError) as caught:
        tracker.ask(command, **given)
    return caught.value.code


def test_both_trackers_know_the_same(shared_cluster: MogileFS) -> None:
    """What one was told the other tells."""
    stored = upload(shared_cluster)
    told = shared_cluster.second.ask("get_paths", domain=stored.domain, key="k")
    assert told == {"paths": "1", "path1": stored.path}


def test_a_refused_rename_closes_the_next_command(shared_cluster: MogileFS) -> None:
    """On the same connection; with ``!stray any``, on whichever connection it comes."""
    stored = upload(shared_cluster)
    upload(shared_cluster, key="other", domain=stored.domain)
    names = {"domain": stored.domain, "from_key": "k", "to_key": "other"}
    with shared_cluster.connect() as conversation:
        with pytest.raises(RefusedError, match="key_exists"):
            conversation.ask("rename", **names)
        assert shared_cluster.ask("noop") == {}
        with pytest.raises(ConnectionError):
            conversation.ask("noop")
    shared_cluster.verb("stray", "any")
    assert refused(shared_cluster, "rename", **names) == "key_exists"
    with pytest.raises(ConnectionError):
        shared_cluster.ask("noop")
    assert shared_cluster.ask("noop") == {}
    assert "stray any" in shared_cluster.fired()


def test_copies_are_made_later(shared_cluster: MogileFS) -> None:
    """One at first, and two when the trackers have got round to it, on two nodes."""
    shared_cluster.verb("pause", "replicate")
    stored = upload(shared_cluster, kind="two")
    assert len(shared_cluster.devices(*stored[:2])) == 1
    shared_cluster.verb("resume", "replicate")
    shared_cluster.settle()
    copies = shared_cluster.replicas(*stored[:2])
    assert len(copies) == 2
    assert {path.read_bytes() for path in copies.values()} == {CONTENT}
    told = shared_cluster.ask("get_paths", domain=stored.domain, key="k")
    assert told["paths"] == "2"


def test_deleted_bytes_stay_for_a_while(shared_cluster: MogileFS) -> None:
    """The key is gone at once, what its URL leads to a little later."""
    stored = upload(shared_cluster)
    shared_cluster.verb("pause", "delete")
    shared_cluster.ask("delete", domain=stored.domain, key="k")
    assert refused(shared_cluster, "get_paths", domain=stored.domain, key="k") == "unknown_key"
    assert status(stored.path) == 200
    shared_cluster.verb("resume", "delete")
    shared_cluster.settle()
    assert status(stored.path) == 404


def test_a_replaced_file_is_removed(shared_cluster: MogileFS) -> None:
    """The bytes of the older one go the same way."""
    stored = upload(shared_cluster)
    upload(shared_cluster, b"new", domain=stored.domain)
    shared_cluster.settle()
    assert status(stored.path) == 404
    assert shared_cluster.ask("file_info", domain=stored.domain, key="k")["length"] == "3"


def test_a_node_that_has_just_died(shared_cluster: MogileFS) -> None:
    """No paths at all while that is not known; then the dead one, and it takes no new files."""
    stored = upload(shared_cluster)
    (device,) = shared_cluster.devices(*stored[:2])
    node = shared_cluster.nodes[device - 1]
    node.kill()
    given = {"domain": stored.domain, "key": "k"}
    first = shared_cluster.ask("get_paths", **given)
    assert first in ({"paths": "0"}, {"paths": "1", "path1": stored.path})
    shared_cluster.watch()
    assert shared_cluster.ask("get_paths", **given) == {"paths": "1", "path1": stored.path}
    for _ in range(5):
        told = shared_cluster.ask("create_open", domain=stored.domain, multi_dest=1)
        offered = {told[f"devid_{at}"] for at in range(1, int(told["dev_count"]) + 1)}
        assert offered == {"1", "2", "3"} - {str(device)}
    shared_cluster.start()
    assert shared_cluster.ask("get_paths", **given) == {"paths": "1", "path1": stored.path}


def test_a_short_copy_is_not_offered(shared_cluster: MogileFS) -> None:
    """Unless ``noverify`` is given: only the first is looked at, and only its size."""
    stored = upload(shared_cluster)
    (device,) = shared_cluster.devices(*stored[:2])
    given = {"domain": stored.domain, "key": "k"}
    shared_cluster.corrupt(*stored[:2], device)
    assert shared_cluster.ask("get_paths", **given)["paths"] == "1"
    shared_cluster.shorten(*stored[:2], device, 3)
    assert shared_cluster.ask("get_paths", **given) == {"paths": "0"}
    assert shared_cluster.ask("get_paths", noverify=1, **given)["paths"] == "1"


def test_clients_may_be_led_through_a_proxy(shared_cluster: MogileFS) -> None:
    """The trackers themselves go on using the node's own port."""
    for node in shared_cluster.nodes:
        shared_cluster.show(node, 9)
    domain = shared_cluster.new_domain()
    told = shared_cluster.ask("create_open", domain=domain)
    assert ":9/" in told["path"]
    shared_cluster.clear()
    told = shared_cluster.ask("create_open", domain=domain)
    assert ":9/" not in told["path"]


@pytest.mark.parametrize(
    ("kind", "value", "answer"),
    [
        ("drop", "-", b""),
        ("lose", "-", b""),
        ("error", "no_devices", b"ERR no_devices No+devices+found+to+store+file\r\n"),
        ("delay", "0.05", b"OK domain=DOMAIN\r\n"),
        ("stall", "0.05", b""),
        ("bad", "-", b"\x00\xff this is no answer \x15\r\n"),
        ("cut", "5", b"OK do"),
    ],
)
def test_a_fault_happens_once(
    shared_cluster: MogileFS, kind: str, value: str, answer: bytes
) -> None:
    """To the named command alone; it is done, or not, as the table says."""
    domain = f"{shared_cluster.new_domain()}-{kind}"
    shared_cluster.fault(kind, value, "create_domain")
    assert shared_cluster.ask("noop") == {}
    begun = time.monotonic()
    with socket.create_connection((HOST, shared_cluster.port), 60) as connection:
        connection.sendall(f"create_domain domain={domain}\r\n".encode())
        with connection.makefile("rb") as file:
            assert file.readline() == answer.replace(b"DOMAIN", domain.encode())
    assert shared_cluster.fired() == [f"{kind} create_domain"]
    if kind in {"delay", "stall"}:
        assert time.monotonic() - begun >= 0.05
    told = shared_cluster.ask("get_domains").values()
    assert (domain in told) == (kind not in {"drop", "error"})
    assert shared_cluster.counts()["create_domain"] >= 1
    shared_cluster.ask("create_domain", domain=f"{domain}-2")
