"""A gateway behind a server that counts its requests and may lose its answers; storages of it."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from storages.backends.tahoe import TahoeStorage
from storages.retry import Retry
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.process import HOST
from tests.servers.tahoe import Tahoe

#: What a test does with a request: None lets it through.
Fault = Callable[[Request], Reply | None]


class Between(ScriptedServer):
    """Hands each request on to the gateway and gives its answer back, unless ``fault`` answers."""

    def __init__(self, server: Tahoe) -> None:
        super().__init__(handler=self._hand_on)
        self.cap = server.new_directory()
        self.fault: Fault | None = None
        self._port = server.web_port

    def storage(self) -> TahoeStorage:
        """Make a storage that speaks with the gateway through this."""
        return TahoeStorage(self.url, self.cap)

    def asked(self) -> list[str]:
        """The methods of the requests since the last call, with what they ask for: ``GET json``."""
        asked, self.requests = self.requests, []
        return [f"{r.method} {_kind(r.path)}".rstrip() for r in asked]

    def forward(self, request: Request) -> Reply:
        """Ask the gateway."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
        try:
            skipped = {"host", "connection"}
            headers = {n: v for n, v in request.headers.items() if n not in skipped}
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {"content-type", "etag", "accept-ranges", "content-range", "content-encoding"}
            headers = {n: v for n, v in answer.getheaders() if n.lower() in kept}
            chunked = answer.getheader("Transfer-Encoding") == "chunked"
            return Reply(answer.status, headers, body, chunked=chunked)
        finally:
            connection.close()

    def _hand_on(self, request: Request) -> Reply:
        reply = self.fault(request) if self.fault is not None else None
        return reply or self.forward(request)


def _kind(path: str) -> str:
    """The ``t`` of a request, which says what is to be done."""
    query = path.partition("?")[2].split("&")
    return next((part[2:] for part in query if part.startswith("t=")), "")


def patient(server: Tahoe, cap: str, **options: Any) -> TahoeStorage:
    """A storage that tries again at once."""
    storage = TahoeStorage(server.url, cap, **options)
    storage.retry = Retry(attempts=3, backoff=0.01)
    return storage


def save(storage: TahoeStorage, name: str, content: bytes = b"content" * 100) -> str:
    """Save a file."""
    return storage.save(name, ContentFile(content))


def read(storage: TahoeStorage, name: str) -> bytes:
    """Read a file."""
    with storage.open(name) as file:
        return bytes(file.read())
