"""CouchDB: a database of pouchdb-server, and plain HTTP past the proxy."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import quote

from storages.backends.couchdb import CouchDBStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.pouchdb import PouchDB
from tests.servers.process import HOST
from tests.servers.s3proxy import S3Proxy

__all__ = ["CouchDBScene"]

_PASSWORD = "hidden-couch-77"


class CouchDBScene(Patient):
    """A database."""

    backend = "couchdb"
    service = "pouchdb-server"
    short = 0.7
    http = True
    secrets = (_PASSWORD,)
    declared: ClassVar[Mapping[str, Declared]] = {}

    def open(self) -> None:
        """Make the database."""
        self.database = self.server.new_database()
        self.port = self.proxy(self.server.port).port

    @property
    def server(self) -> PouchDB:
        """The process's one."""
        return shared(PouchDB)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """The server asks for no password, so any will do; it is there to be kept secret."""
        port = self.server.port if direct else self.port
        wait = 60.0 if direct else self.timeout
        given = {"server": f"http://{HOST}:{port}", "connect_timeout": wait, "read_timeout": wait}
        storage = CouchDBStorage(database=self.database, **{**given, **more})
        storage.retry = retry
        return storage

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.server.url}/{self.database}/{path}") as answer:
            content: bytes = answer.read()
        return content

    @contextmanager
    def rewritten(self) -> Iterator[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites answers, and a storage behind it."""
        with S3Proxy(self.server.port) as wire:
            yield wire, self.storage(server=wire.endpoint)

    def stored(self) -> dict[str, bytes]:
        """The attachments of all documents; one without is a file that has lost its content."""
        rows = json.loads(self._get("_all_docs?include_docs=true"))["rows"]
        return {row["id"]: self._get(f"{quote(row['id'], safe='')}/content") for row in rows}

    def orphans(self) -> int:
        """None: a document and its content are stored in one step."""
        return 0

    def sweep(self) -> None:
        """Nothing is to be removed."""
