"""A MogileFS cluster: two trackers of ours (mogile_tracker), nginx and Perlbal as storage nodes."""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.servers.beside import ROOT
from tests.servers.mogile_tracker import wire
from tests.servers.nginx import Nginx
from tests.servers.perlbal import Perlbal
from tests.servers.process import HOST, Server

if TYPE_CHECKING:
    from typing_extensions import Self

#: The classes of every new domain: how many copies, which hash.
CLASSES = {"hashed": (1, "MD5"), "two": (2, "NONE"), "hashed-two": (2, "MD5")}
WITHIN = 60.0
_numbers = itertools.count(1)
Node = Nginx | Perlbal


class MogileTracker(Server):
    """A tracker, with the tests' own verbs (see mogile_tracker/faults.py)."""

    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, database: Path | None = None, *, mysql: bool = False, cuts: bool = False
    ) -> None:
        super().__init__()
        self.database = database or self.directory / "mogile.db"
        self.mysql = mysql
        self.cuts = cuts

    def command(self) -> list[str]:
        """This Python, with the package beside this module."""
        mode = ["--mysql"] * self.mysql + ["--cuts"] * self.cuts
        program = [sys.executable, "-m", "tests.servers.mogile_tracker"]
        return ["env", f"PYTHONPATH={ROOT}", *program, str(self.database), str(self.port), *mode]

    def is_ready(self) -> bool:
        """Whether it speaks its protocol."""
        with contextlib.suppress(OSError):
            return self.verb("version") != []
        return False

    def kill_alone(self) -> None:
        """``kill -9`` this tracker, whatever else it is the first of."""
        Server.kill(self)

    @property
    def address(self) -> str:
        """What stands in MOGILEFS_TRACKERS."""
        return f"{HOST}:{self.port}"

    def connect(self) -> Conversation:
        """A connection, for what has to be said on one and the same; close it."""
        return Conversation(socket.create_connection((HOST, self.port), WITHIN))

    def ask(self, command: str, **given: object) -> dict[str, str]:
        """Do a command; what it is answered. RefusedError when it is refused."""
        with self.connect() as conversation:
            return conversation.ask(command, **given)

    def verb(self, *words: object) -> list[str]:
        """Say a verb of the tests'; the lines of the answer."""
        with self.connect() as conversation:
            conversation.send(f"!{' '.join(map(str, words))}")
            return list(iter(conversation.line, "."))

    def fault(self, kind: str, value: object = "-", command: str = "*", times: int = 1) -> None:
        """Let the next commands of that name go wrong."""
        assert self.verb("fault", kind, value, command, times) == []

    def fired(self) -> list[str]:
        """The faults that have happened: ``kind command``."""
        return self.verb("fired")

    def counts(self) -> Counter[str]:
        """How often each command has come since ``!clear``."""
        found: Counter[str] = Counter()
        for line in self.verb("counts"):
            command, count = line.split(" ")
            found[command] = int(count)
        return found


class Conversation:
    """A connection to a tracker."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def send(self, line: str) -> None:
        """Send a line, of one character for each byte."""
        self._connection.sendall(f"{line}\r\n".encode("latin-1"))

    def line(self) -> str:
        """The next line; ConnectionError at the end."""
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(f"the tracker closed the connection: {line!r}")
        return line.decode("latin-1").rstrip("\r\n")

    def ask(self, command: str, **given: object) -> dict[str, str]:
        """Do a command; what it is answered. RefusedError when it is refused."""
        pairs = (f"{name}={wire.escape(_bytes(value))}" for name, value in given.items())
        self.send(f"{command} {'&'.join(pairs)}")
        status, _, rest = self.line().partition(" ")
        if status != "OK":
            code, _, text = rest.partition(" ")
            raise wire.RefusedError(code, wire.unescape(text))
        return {name: _text(value) for name, value in wire.arguments(rest).items()}


class MogileFS(MogileTracker):
    """The cluster. This object is its first tracker, ``second`` the other; they share all.

    Device n is of host n, which is ``nodes[n - 1]``: nginx, Perlbal, nginx.
    """

    packages: ClassVar[tuple[str, ...]] = (*Nginx.packages, *Perlbal.packages)

    def __init__(self, *, mysql: bool = False, cuts: bool = False) -> None:
        super().__init__(mysql=mysql, cuts=cuts)
        self.second = MogileTracker(self.database, mysql=mysql, cuts=cuts)
        self.nodes = self.make_nodes()
        self._known = False

    def make_nodes(self) -> list[Node]:
        """The storage nodes; three, for that many places a tracker offers."""
        return [Nginx(storing), Perlbal(), Nginx(storing)]

    def start(self) -> None:
        """Start what does not run; then every node is known to take files."""
        running = [each for each in self._all if each.process and each.process.poll() is None]
        if len(running) == len(self._all):
            return
        try:
            for number, node in enumerate(self.nodes, 1):
                node.start()
                (node.directory / "data" / f"dev{number}").mkdir(parents=True, exist_ok=True)
            super().start()
            self.second.start()
            if not self._known:
                self._introduce()
            self.watch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything."""
        super().stop()
        for each in self._all[1:]:
            each.stop()

    def close(self) -> None:
        """Stop everything and remove the directories."""
        super().close()
        for each in self._all[1:]:
            each.close()

    @property
    def trackers(self) -> tuple[MogileTracker, MogileTracker]:
        """Both."""
        return self, self.second

    @property
    def addresses(self) -> list[str]:
        """What MOGILEFS_TRACKERS is."""
        return [tracker.address for tracker in self.trackers]

    @property
    def _all(self) -> list[Server]:
        return [*self.trackers, *self.nodes]

    def _introduce(self) -> None:
        for number, node in enumerate(self.nodes, 1):
            host = f"host{number}"
            self.ask("create_host", host=host, ip=HOST, port=node.port, status="alive")
            self.ask("create_device", hostname=host, devid=number)
        self._known = True

    # -- what a test calls

    def new_domain(self) -> str:
        """A domain with the classes CLASSES, beside ``default``: one copy, no hash."""
        name = f"domain-{next(_numbers)}"
        self.ask("create_domain", domain=name)
        for kind, (copies, hashtype) in CLASSES.items():
            given = {"class": kind, "mindevcount": copies, "hashtype": hashtype}
            self.ask("create_class", domain=name, **given)
        return name

    def options(self, **more: Any) -> dict[str, Any]:
        """Options for MogileFSStorage, with a domain of its own."""
        return {"domain": self.new_domain(), "trackers": self.addresses, **more}

    def watch(self) -> None:
        """Let the trackers look at the nodes, instead of up to a second later."""
        for tracker in self.trackers:
            tracker.verb("watch")

    def settle(self) -> None:
        """Wait until every copy is made and every deleted one gone; of stopped nodes none are."""
        until = time.monotonic() + WITHIN
        self.watch()
        while self.verb("work") != ["0"]:
            assert time.monotonic() < until, "the trackers do not come to an end"
            time.sleep(0.02)

    def clear_counts(self) -> None:
        """Forget faults and counts."""
        for tracker in self.trackers:
            tracker.verb("clear")

    def clear(self) -> None:
        """Forget faults and counts, show the nodes' own ports, let the workers work."""
        self.clear_counts()
        for tracker in self.trackers:
            tracker.verb("stray", "same")
        for number in range(1, len(self.nodes) + 1):
            self.verb("show", f"host{number}", 0)
        for kind in ("replicate", "delete"):
            self.verb("resume", kind)

    def show(self, node: Node, port: int) -> None:
        """Tell clients this port instead of the node's own: that of a proxy before it."""
        self.verb("show", f"host{self.nodes.index(node) + 1}", port)

    def fault_both(
        self, kind: str, value: object = "-", command: str = "*", times: int = 1
    ) -> None:
        """Let the next commands of that name go wrong on each of the trackers."""
        for tracker in self.trackers:
            tracker.fault(kind, value, command, times)

    def all_fired(self) -> list[str]:
        """The faults that have happened at either."""
        return [*self.fired(), *self.second.fired()]

    def all_counts(self) -> Counter[str]:
        """How often each command has come, to either, since ``clear``."""
        return self.counts() + self.second.counts()

    def keys(self, domain: str) -> list[str]:
        """The first 1,000 keys of a domain, those of uploads that have no name yet too."""
        try:
            told = self.ask("list_keys", domain=domain)
        except wire.RefusedError as error:
            if error.code != "none_match":
                raise
            return []
        return [told[f"key_{number}"] for number in range(1, int(told["key_count"]) + 1)]

    def devices(self, domain: str, key: str) -> list[int]:
        """The devices that have a file, by the trackers' knowledge."""
        found = self.ask("file_info", domain=domain, key=key, devices=1)
        return [int(devid) for devid in found["devids"].split(",")]

    def replicas(self, domain: str, key: str) -> dict[int, Path]:
        """The copies of a file on the nodes' disks, by device."""
        found = self.ask("file_info", domain=domain, key=key)
        digits = f"{int(found['fid']):010}"
        below = f"{digits[0]}/{digits[1:4]}/{digits[4:7]}/{digits}.fid"
        return {
            devid: self.nodes[devid - 1].directory / "data" / f"dev{devid}" / below
            for devid in self.devices(domain, key)
        }

    def stored(self) -> list[Path]:
        """Every file on the nodes' disks, those that no key leads to as well."""
        found = (path for node in self.nodes for path in (node.directory / "data").rglob("*.fid"))
        return sorted(found)

    def corrupt(self, domain: str, key: str, devid: int, at: int = 0) -> None:
        """Change one bit of a copy."""
        with self.replicas(domain, key)[devid].open("r+b") as file:
            file.seek(at)
            old = file.read(1)
            file.seek(at)
            file.write(bytes([old[0] ^ 1]))

    def shorten(self, domain: str, key: str, devid: int, size: int) -> None:
        """Cut a copy to ``size`` bytes."""
        with self.replicas(domain, key)[devid].open("r+b") as file:
            file.truncate(size)


def storing(node: Nginx) -> str:
    """A storage node: PUT and DELETE in ``data``."""
    (node.directory / "data").mkdir()
    return f"""
    root {node.directory}/data;
    sendfile on;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
"""


def _bytes(value: object) -> str:
    """Text as the protocol's: one character for each byte of UTF-8."""
    return str(value).encode().decode("latin-1")


def _text(value: str) -> str:
    return value.encode("latin-1").decode(errors="replace")
