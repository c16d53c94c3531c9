"""IPFS: a node of js-ipfs behind a proxy. What is pinned is what is stored."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.js_ipfs import JsIPFS
from tests.servers.s3proxy import S3Proxy

__all__ = ["NodeScene"]

_IMMUTABLE = "A name follows from the content: nothing is replaced or renamed, and nothing listed."
_UNGUARDED = (
    "The RPC speaks plain HTTP, and the name of a file of more than 256 KiB is the hash of a tree "
    "of blocks, of which only the node knows."
)
_names: dict[bytes, str] = {}  # of what the node was asked for already


class NodeScene(Patient):
    """A node, which nobody else uses meanwhile."""

    backend = "ipfs"
    service = "js-ipfs"
    http = True
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.*": Declared("unnoticed", _UNGUARDED),
        "http.500.*": Declared("impossible", "A node answers 500 to whatever it refuses."),
        "http.resume-changed.*": Declared("impossible", _IMMUTABLE),
        **{
            f"*.{operation}{rest}": Declared("impossible", _IMMUTABLE)
            for operation in ("replace", "move", "copy", "list")
            for rest in ("", ".*")
        },
    }

    def open(self) -> None:
        """Forget what others have pinned."""
        for cid in self.server.pins():
            self.server.ask("pin/rm", arg=cid)
        self.port = self.proxy(self.server.port).port

    @property
    def server(self) -> JsIPFS:
        """The process's one."""
        return shared(JsIPFS)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage with a session of its own."""
        wait = 60.0 if direct else self.timeout
        port = self.server.port if direct else self.port
        given = {
            "api_url": f"http://127.0.0.1:{port}",
            "connect_timeout": wait,
            "read_timeout": wait,
        }
        storage = InterPlanetaryFileSystemStorage(**{**given, **more})
        storage.retry = retry
        return storage

    def named(self, name: str, content: bytes) -> str:
        """The CID that the node gives the content."""
        if content not in _names:
            _names[content] = self.server.add(content, **{"only-hash": "true"})
        return _names[content]

    def thaw(self) -> None:
        """Let it go on, and wait until it has done what it was asked while it was frozen."""
        super().thaw()
        for _ in range(3):  # which come after that, and take as long
            self.server.ask("pin/rm", arg=self.server.add(os.urandom(self.size)))

    def stored(self) -> dict[str, bytes]:
        """What is pinned."""
        return {cid: self._cat(cid) for cid in self.server.pins()}

    def _cat(self, cid: str) -> bytes:
        request = urllib.request.Request(f"{self.server.url}/api/v0/cat?arg={cid}", method="POST")
        with urllib.request.urlopen(request, timeout=60) as told:
            content: bytes = told.read()
        return content

    def listed(self) -> list[str] | None:
        """It cannot list."""
        return None

    def orphans(self) -> int:
        """None: blocks that nothing pins are the garbage that the node collects."""
        return 0

    def sweep(self) -> None:
        """Nothing has to be removed."""

    @contextmanager
    def rewritten(self) -> Iterator[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites answers, and a storage behind it."""
        with S3Proxy(self.server.port) as wire:
            yield wire, self.storage(api_url=wire.endpoint)
