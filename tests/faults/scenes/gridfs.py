"""GridFS: a database of SecantusDB behind a proxy, and pymongo past it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import quote_plus

from storages.backends.gridfs import GridFSStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from tests.faults.matrix.scene import Declared
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.process import HOST
from tests.servers.secantus import SecantusAuth

__all__ = ["SecantusScene"]

_USER = "writer"
_EVERY = timedelta(minutes=-1)  # older than that: every orphan
_names = itertools.count(1)


class Journaled(SecantusAuth):
    """A server that loses nothing that it has acknowledged, as mongod with its journal."""

    options = ("--sync-on-commit",)


class SecantusScene(Patient):
    """A database, in which a user who may write it has files."""

    backend = "gridfs"
    service = "secantusdb"
    secrets = (SecantusAuth.passwords[_USER], quote_plus(SecantusAuth.passwords[_USER]))
    varies = 2000  # it looks after the indexes once a minute
    # Its client waits until there is a server.
    in_vain = (*Patient.in_vain, "kill", "refused.long", "threads")
    seldom = ("refused.long", "kill.replace")
    declared: ClassVar[Mapping[str, Declared]] = {
        "flip.save.*": Declared(
            "unnoticed",
            "Without TLS nothing protects bytes on their way to the server; who reads the file to "
            "its end notices, by its SHA-256.",
        ),
    }

    def open(self) -> None:
        """Choose a database."""
        # How soon a client asks again for a server that broke off.
        soon = mock.patch("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
        self.stack.enter_context(soon)
        self.database = self.server.new_database()
        self.stack.callback(self._drop)
        self.port = self.proxy(self.server.port).port
        client = self.server.client(serverSelectionTimeoutMS=60_000, connectTimeoutMS=60_000)
        self.raw = self.stack.enter_context(client)[self.database]

    def _drop(self) -> None:
        self.server.drop(self.database)

    @property
    def server(self) -> Journaled:
        """The process's one."""
        return shared(Journaled)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage with a client of its own."""
        wait = 60.0 if direct else self.timeout
        port = self.server.port if direct else self.port
        login = f"{_USER}:{quote_plus(SecantusAuth.passwords[_USER])}"
        given = {
            "uri": f"mongodb://{login}@{HOST}:{port}/{self.database}?authSource=admin",
            # One that streams would watch the server on one more connection; clients are shared by
            # what they are made with, and the name keeps them apart.
            "client_options": {
                "serverMonitoringMode": "poll",
                "appname": f"{next(_names):06}",
            },
            "timeout": wait,
            "connect_timeout": wait,
        }
        storage = GridFSStorage(**{**given, **more})
        storage.retry = retry
        return storage

    def stored(self) -> dict[str, bytes]:
        """The newest revision of each file, put together from its chunks."""
        chunks: dict[Any, dict[int, bytes]] = defaultdict(dict)
        for chunk in self.raw["fs.chunks"].find():
            chunks[chunk["files_id"]][chunk["n"]] = bytes(chunk["data"])
        return {
            each["filename"]: b"".join(held for _, held in sorted(chunks[each["_id"]].items()))
            for each in self.raw["fs.files"].find().sort("uploadDate")
        }

    def orphans(self) -> int:
        """How many ids have chunks and no file."""
        files = {each["_id"] for each in self.raw["fs.files"].find({}, {"_id": 1})}
        chunks = self.raw["fs.chunks"].find({}, {"files_id": 1})
        return len({each["files_id"] for each in chunks} - files)

    def sweep(self) -> None:
        """Remove them, as ``remove_orphans`` does it."""
        with self.storage(direct=True) as storage:
            assert isinstance(storage, GridFSStorage)
            storage.remove_orphans(_EVERY)
