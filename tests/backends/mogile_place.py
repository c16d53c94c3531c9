"""A cluster whose storage nodes are asked through servers that count and may lie; a file on it."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile

from storages.backends.mogilefs import MogileFSStorage
from storages.retry import Retry
from tests.servers import shared
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.mogile import MogileFS
from tests.servers.process import HOST, Server

if TYPE_CHECKING:
    from typing_extensions import Self

KiB = 1024
MiB = 1024 * KiB
LARGE = bytes(range(256)) * 4 * KiB * 4  # 4 MiB
MEDIUM = LARGE[: 300 * KiB]

#: What a node's server does with a request: None lets it through.
Fault = Callable[[Request], Reply | None]


class Storage(MogileFSStorage):
    """Tries again soon."""

    retry = Retry(backoff=0.001)


class Between(ScriptedServer):
    """Hands each request on to a storage node and gives its answer back, unless told otherwise."""

    def __init__(self, node: Server) -> None:
        super().__init__(handler=self._hand_on)
        self.fault: Fault | None = None
        self._node = node

    def _hand_on(self, request: Request) -> Reply:
        if len(request.body) < int(request.headers.get("content-length", 0)):
            return Reply(400, close=True)  # the client is gone
        reply = self.fault(request) if self.fault is not None else None
        return reply or self._forward(request)

    def _forward(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection(HOST, self._node.port, timeout=60)
        try:
            skipped = {"host", "connection"}
            headers = {n: v for n, v in request.headers.items() if n not in skipped}
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {"content-range", "accept-ranges", "last-modified"}
            headers = {n: v for n, v in answer.getheaders() if n.lower() in kept}
            length = answer.getheader("Content-Length") if request.method == "HEAD" else None
            if length is not None:
                headers["Content-Length"] = length
            return Reply(answer.status, headers, body)
        finally:
            connection.close()


class Place:
    """A domain of the shared cluster; a context manager.

    ``between`` are the servers before the nodes, in the nodes' order.
    """

    def __init__(self) -> None:
        self.cluster = shared(MogileFS)
        self.domain = self.cluster.new_domain()
        self.between: list[Between] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # First, so that it is done last: what a test has stopped runs again.
        self._stack.callback(self.cluster.watch)
        self._stack.callback(self.cluster.start)
        self._stack.callback(self.cluster.clear)
        for node in self.cluster.nodes:
            between = self._stack.enter_context(Between(node))
            self.cluster.show(node, between.port)
            self.between.append(between)
        self.cluster.watch()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def storage(self, **more: Any) -> Storage:
        """Return a storage for the domain, which is closed at the end."""
        given = {"domain": self.domain, "trackers": self.cluster.addresses, **more}
        return self._stack.enter_context(Storage(**given))

    def fail(self, fault: Fault, *numbers: int) -> None:
        """Let requests to these nodes, or to all, go wrong."""
        for between in [self.between[n] for n in numbers] or self.between:
            between.fault = fault

    def asked(self) -> Counter[str]:
        """The methods of the requests to all nodes since the last call."""
        found: Counter[str] = Counter()
        for between in self.between:
            requests, between.requests = between.requests, []
            found.update(request.method for request in requests)
        return found

    def commands(self) -> Counter[str]:
        """The trackers' commands since the last call."""
        found = self.cluster.all_counts()
        for tracker in self.cluster.trackers:
            tracker.verb("clear")
        return found

    def keys(self) -> list[str]:
        """The first 1,000 keys, private ones as well, asked past the storage."""
        return self.cluster.keys(self.domain)


def read(storage: MogileFSStorage, name: str = "a.bin") -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


def put(place: Place, content: bytes, mogile_class: str = "two") -> list[int]:
    """Save ``a.bin``, wait for its copies, return the numbers of the nodes that have them."""
    place.storage(mogile_class=mogile_class).save("a.bin", ContentFile(content))
    place.cluster.settle()
    numbers = [devid - 1 for devid in place.cluster.devices(place.domain, "a.bin")]
    for between in place.between:
        between.requests.clear()
    return numbers


def faults(place: Place) -> int:
    """How many replies have cut, stalled or lied."""
    return sum(between.faults for between in place.between)


def damaged_at(content: bytes, at: int) -> bytes:
    """Change a bit there."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
