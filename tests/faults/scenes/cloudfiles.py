"""Cloud Files: a container of Swift behind a proxy, and plain requests past it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import quote

from storages.backends.cloudfiles import CloudFilesStorage, accounts
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.s3proxy import S3Proxy
from tests.servers.swift import Swift

__all__ = ["SegmentsScene", "SwiftScene"]


class SwiftScene(Patient):
    """A container; each new storage logs in, so that this is part of what may go wrong."""

    backend = "cloudfiles"
    service = "swift"
    http = True
    secrets = (Swift.key,)
    more: ClassVar[Mapping[str, Any]] = {}

    def open(self) -> None:
        """Make the container."""
        self.container = self.server.new_container()
        self.port = self.proxy(self.server.port).port

    @property
    def server(self) -> Swift:
        """The process's one."""
        return shared(Swift)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage that knows no token."""
        wait = 60.0 if direct else self.timeout
        port = self.server.port if direct else self.port
        given = {
            "username": Swift.user_name,
            "api_key": Swift.key,
            "auth_url": f"http://127.0.0.1:{port}/auth/v1.0",
            "container": self.container,
            "connect_timeout": wait,
            "read_timeout": wait,
        }
        storage = CloudFilesStorage(**{**given, **self.more, **more})
        storage.retry = retry
        accounts.forget(storage)
        return storage

    def stored(self) -> dict[str, bytes]:
        """The objects."""
        found = {}
        for name in self._names(self.container):
            status, _, found[name] = self.server.request("GET", f"{self.container}/{quote(name)}")
            assert status == 200
        return found

    def _names(self, container: str) -> list[str]:
        status, _, body = self.server.request("GET", f"{container}?format=json")
        assert status in {200, 204, 404}
        return [each["name"] for each in json.loads(body)] if status == 200 else []

    def orphans(self) -> int:
        """None: an object is stored whole or not at all."""
        return 0

    def sweep(self) -> None:
        """Nothing has to be removed."""

    @contextmanager
    def rewritten(self) -> Iterator[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites answers, and a storage behind it."""
        with S3Proxy(self.server.port) as wire:
            yield wire, self.storage(auth_url=f"{wire.endpoint}/auth/v1.0")


class SegmentsScene(SwiftScene):
    """Files in segments, and a manifest each."""

    service = "swift, in segments"
    size = 2_600_000
    more: ClassVar[Mapping[str, Any]] = {"segment_size": 1024 * 1024}

    @property
    def _segments(self) -> str:
        return f"{self.container}_segments"

    def orphans(self) -> int:
        """How many segments belong to no manifest."""
        return len(self._loose())

    def _loose(self) -> list[str]:
        used = set()
        for name in self._names(self.container):
            path = f"{self.container}/{quote(name)}?multipart-manifest=get"
            _, headers, body = self.server.request("GET", path)
            if headers.get("x-static-large-object", "").lower() == "true":
                used |= {each["name"].split("/", 2)[2] for each in json.loads(body)}
        return [name for name in self._names(self._segments) if name not in used]

    def sweep(self) -> None:
        """Delete them, as the documentation says that they can be found."""
        for name in self._loose():
            status, _, _ = self.server.request("DELETE", f"{self._segments}/{quote(name)}")
            assert status == 204
