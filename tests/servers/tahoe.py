"""Tahoe-LAFS: gateways and storage servers.

It comes from PyPI and has an environment of its own (``tools/environment.py servers/tahoe``).
There is no introducer: a gateway is told of its storage servers by its private/servers.yaml.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from tests.servers import beside
from tests.servers.process import HOST, Server, free_port

CONFIGURATION = """
[node]
nickname = {nickname}
tub.port = tcp:{port}:interface={host}
tub.location = tcp:{host}:{port}
web.port = {web}
[client]
introducer.furl =
shares.needed = {needed}
shares.happy = {needed}
shares.total = {total}
[storage]
enabled = true
reserved_space = {reserved}
force_foolscap = true
"""
PROGRAM = Path(__file__).with_name("tahoe_node.py")


def _is_whole(path: Path) -> bool:
    """Whether a file of one line is there to its end.

    A node makes the file, then writes it: who looks between finds it empty, and a gateway ignores
    a storage server whose address is.
    """
    return path.exists() and path.read_text().endswith("\n")


class TahoeNode(Server):
    """One node: a storage server; with a ``web_port``, a gateway as well."""

    packages: ClassVar[tuple[str, ...]] = ("gcc", "python3-dev")  # to install it
    web_port: int | None = None
    needed: ClassVar[int] = 1
    total: ClassVar[int] = 1
    reserved: ClassVar[str] = "1M"

    def prepare(self) -> None:
        """Write the configuration."""
        web = "" if self.web_port is None else f"tcp:{self.web_port}:interface={HOST}"
        configuration = CONFIGURATION.format(
            nickname=type(self).__name__,
            host=HOST,
            port=self.port,
            web=web,
            needed=self.needed,
            total=self.total,
            reserved=self.reserved,
        )
        (self.directory / "tahoe.cfg").write_text(configuration)
        (self.directory / "tahoe-client.tac").touch()  # tells what kind of node it is
        (self.directory / "private").mkdir(mode=0o700)

    def command(self) -> list[str]:
        """``tahoe run``, which would end when its standard input does."""
        python = beside.program("tahoe", "python")
        # -I: without the modules beside the program, of which one is named http.
        return [python, "-I", str(PROGRAM), "run", "--allow-stdin-close", str(self.directory)]

    def is_ready(self) -> bool:
        """Whether it has told how it can be reached."""
        return _is_whole(self._furl) and _is_whole(self._key)

    def announcement(self) -> dict[str, Any]:
        """What another node's servers.yaml says of this one."""
        furl = self._furl.read_text().strip()
        return {"ann": {"nickname": "storage", "anonymous-storage-FURL": furl}}

    @property
    def identity(self) -> str:
        """The node's public key, by which others know it."""
        return self._key.read_text().strip().removeprefix("pub-")

    @property
    def shares(self) -> list[Path]:
        """The files of the shares that it holds, those of directories too."""
        found = (self.directory / "storage" / "shares").glob("*/*/*")
        return [path for path in found if path.parent.parent.name != "incoming"]

    @property
    def _furl(self) -> Path:
        return self.directory / "private" / "storage.furl"

    @property
    def _key(self) -> Path:
        return self.directory / "node.pubkey"


class Tahoe(TahoeNode):
    """A grid in one process: the gateway is its own and only storage server."""

    def __init__(self) -> None:
        super().__init__()
        self.web_port: int = free_port()
        self.others: list[TahoeNode] = []

    def prepare(self) -> None:
        """Write the configuration; run once, since a node's address is known only then."""
        super().prepare()
        with self.log.open("ab") as log:
            first = subprocess.Popen(
                self.as_user(*self.command()),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            until = time.monotonic() + self.ready_within
            while not super().is_ready():
                if first.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"the first run of the node failed:\n{self.tail()}")
                time.sleep(0.02)
        finally:
            # Its process id must be free: a node does not start beside a process of its own.
            first.send_signal(signal.SIGKILL)
            first.wait()
        nodes = {node.identity: node.announcement() for node in (self, *self.others)}
        # JSON is YAML.
        (self.directory / "private" / "servers.yaml").write_text(json.dumps({"storage": nodes}))

    def is_ready(self) -> bool:
        """Whether it is connected to every storage server that runs."""
        running = 1 + sum(node.process is not None for node in self.others)
        return self.connected() >= running

    @property
    def url(self) -> str:
        """The gateway's URL."""
        return f"http://{HOST}:{self.web_port}/"

    def connected(self) -> int:
        """How many storage servers the gateway is connected to; -1 when it does not answer."""
        try:
            servers = json.loads(self.request("GET", "?t=json"))["servers"]
        except OSError:
            return -1
        return sum(
            server["connection_status"].lower().startswith("connected") for server in servers
        )

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send one request; return the answer's body. Raises urllib's HTTPError."""
        request = urllib.request.Request(self.url + path, body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: bytes = answer.read()
            return data

    def new_directory(self) -> str:
        """Make a directory; return its capability."""
        return self.request("PUT", "uri?t=mkdir").decode()

    def describe(self, cap: str, path: str = "") -> Any:
        """What the gateway tells of a file or directory: its kind, and a dictionary."""
        return json.loads(self.request("GET", f"{self.path(cap, path)}?t=json"))

    def path(self, cap: str, path: str = "") -> str:
        """The path of a file's URL below the gateway's."""
        return "/".join(["uri", quote(cap, safe=""), *(quote(p, safe="") for p in path.split("/"))])


class Grid(Tahoe):
    """A gateway and three storage servers, of which two are enough; one is the gateway itself."""

    needed = 2
    total = 3

    def __init__(self) -> None:
        super().__init__()
        self.others = [TahoeNode(), TahoeNode()]

    def start(self) -> None:
        """Start the storage servers and the gateway."""
        for node in self.others:
            node.start()
        super().start()

    def close(self) -> None:
        """Stop them all and remove their directories."""
        super().close()
        for node in self.others:
            node.close()

    @contextlib.contextmanager
    def without(self, *nodes: TahoeNode) -> Iterator[None]:
        """Stop storage servers for the time of the block; then wait until they are back."""
        for node in nodes:
            node.kill()
        while self.connected() > 3 - len(nodes):
            time.sleep(0.02)
        try:
            yield
        finally:
            self.start()
            until = time.monotonic() + self.ready_within
            while not self.is_ready():
                assert time.monotonic() < until, "the gateway does not find its storage servers"
                time.sleep(0.05)
