"""Tahoe-LAFS: a directory of a gateway behind a proxy, and plain requests past it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from storages.backends.tahoe import TahoeStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.s3proxy import S3Proxy
from tests.servers.tahoe import Tahoe

__all__ = ["GatewayScene"]


class GatewayScene(Patient):
    """A gateway that is its own storage server."""

    backend = "tahoe"
    service = "tahoe-lafs"
    http = True
    size = 200_000  # the gateway computes much
    entries = 10
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared(
            "unnoticed",
            "Between a project and its gateway nothing but TLS protects bytes; the gateway guards "
            "those in the grid.",
        ),
        "http.length-short.*": Declared(
            "unnoticed", "The length of a file is what the gateway says with its bytes."
        ),
    }

    def open(self) -> None:
        """Make the directory."""
        self.cap = self.server.new_directory()
        self.port = self.proxy(self.server.web_port).port

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override] # each place has its own
        """The capability."""
        return (self.cap,)

    @property
    def server(self) -> Tahoe:
        """The process's one."""
        return shared(Tahoe)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage with a session of its own."""
        wait = 60.0 if direct else self.timeout
        port = self.server.web_port if direct else self.port
        given = {
            "tahoe_base_url": f"http://127.0.0.1:{port}/",
            "tahoe_base_cap": self.cap,
            "connect_timeout": wait,
            "read_timeout": wait,
        }
        storage = TahoeStorage(**{**given, **more})
        storage.retry = retry
        return storage

    def stored(self) -> dict[str, bytes]:
        """The files that are linked, below directories too."""
        found = {}
        pending = [""]
        while pending:
            directory = pending.pop()
            for name, (kind, _) in self.server.describe(self.cap, directory)[1]["children"].items():
                path = f"{directory}/{name}".lstrip("/")
                if kind == "dirnode":
                    pending.append(path)
                else:
                    found[path] = self.server.request("GET", self.server.path(self.cap, path))
        return found

    def orphans(self) -> int:
        """None: what is not linked is dropped by the storage servers, by its lease."""
        return 0

    def sweep(self) -> None:
        """Nothing can be removed."""

    @contextmanager
    def rewritten(self) -> Iterator[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites answers, and a storage behind it."""
        with S3Proxy(self.server.web_port) as wire:
            yield wire, self.storage(tahoe_base_url=f"{wire.endpoint}/")
