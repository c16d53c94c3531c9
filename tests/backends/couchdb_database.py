"""A database on pouchdb-server, and a storage for it: fixtures and helpers of CouchDB's tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.couchdb import CouchDBStorage
from storages.retry import Retry
from tests.servers import shared
from tests.servers.pouchdb import PouchDB


class Storage(CouchDBStorage):
    """Tries again soon, and counts what it asks."""

    retry = Retry(backoff=0.001)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.asked: Counter[str] = Counter()

    def _ask(self, method: str, url: str, **more: Any) -> Any:
        self.asked[method] += 1
        return super()._ask(method, url, **more)

    def _stream(self, method: str, url: str, **more: Any) -> Any:
        self.asked["all"] += 1
        return super()._stream(method, url, **more)


@pytest.fixture
def database() -> str:
    """A new database."""
    return shared(PouchDB).new_database()


@pytest.fixture
def storage(database: str) -> Iterator[Storage]:
    """A storage for it."""
    with Storage(server=shared(PouchDB).url, database=database) as made:
        yield made


def save(storage: Storage, name: str, content: bytes = b"content") -> str:
    """Save a file."""
    return storage.save(name, ContentFile(content))


def read(storage: Storage, name: str) -> bytes:
    """Read it."""
    with storage.open(name) as file:
        content: bytes = file.read()
        return content
