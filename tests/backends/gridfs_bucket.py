"""A bucket on SecantusDB, as a storage and as other programs have it: fixtures and helpers.

They are no fixtures of conftest.py because S3's storages there have the same names. A module
takes those it wants: ``storage = gridfs_bucket.storage``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from gridfs import GridFSBucket

from storages.backends.gridfs import GridFSStorage
from tests.backends.gridfs_commands import Commands
from tests.servers import shared
from tests.servers.secantus import Secantus

OLD = datetime(2011, 12, 13, 14, 15, 16, tzinfo=timezone.utc)


@pytest.fixture
def name() -> Iterator[str]:
    """A new database's name."""
    server = shared(Secantus)
    made = server.new_database()
    yield made
    server.drop(made)


@pytest.fixture
def database(name: str) -> Iterator[Any]:
    """That database, as another program has it."""
    with shared(Secantus).client(tz_aware=True) as client:
        yield client[name]


@pytest.fixture
def others(database: Any) -> GridFSBucket:
    """Its bucket, as another program has it."""
    return GridFSBucket(database)


@pytest.fixture
def commands() -> Commands:
    """What the storage asks."""
    return Commands()


@pytest.fixture
def storage(name: str, commands: Commands) -> Iterator[GridFSStorage]:
    """A storage for the bucket."""
    options = {"event_listeners": [commands]}
    with GridFSStorage(
        uri=shared(Secantus).uri, database_name=name, client_options=options
    ) as made:
        yield made


def read(storage: GridFSStorage, name: str) -> bytes:
    """All of a file."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


def write(storage: GridFSStorage, name: str, content: bytes) -> None:
    """Write over what is there."""
    with storage.open(name, "wb") as file:
        file.write(content)


def leftovers(database: Any) -> int:
    """How many chunks belong to no file."""
    ids = [it["_id"] for it in database.fs.files.find({}, {"_id": 1})]
    count: int = database.fs.chunks.count_documents({"files_id": {"$nin": ids}})
    return count
