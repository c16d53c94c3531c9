"""A directory on the gateway that all tests share, a storage of it, and what must be hidden.

They are no fixtures of conftest.py because S3's storages there have the same names. A module
takes those it wants: ``storage = tahoe_directory.storage``.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from storages.backends.tahoe import TahoeStorage
from tests.servers import shared
from tests.servers.tahoe import Tahoe

# Of a grid that is no more.
CAP = "URI:DIR2:mwkjyoegf6sinz4cpskrkcqqie:cnjvw4zg3hmvhl64brpbbhzhxtzn6ot7tahh6gbpadpnrvrkmmaa"


@pytest.fixture
def server() -> Tahoe:
    """The gateway."""
    return shared(Tahoe)


@pytest.fixture
def cap(server: Tahoe) -> str:
    """A directory."""
    return server.new_directory()


@pytest.fixture
def storage(server: Tahoe, cap: str) -> Iterator[TahoeStorage]:
    """A storage of that directory."""
    with TahoeStorage(server.url, cap) as storage:
        yield storage


def save(storage: Storage, name: str, content: bytes = b"content") -> str:
    """Save a file: unlike those of ``tahoe_gateway.save``, one that its capability itself holds."""
    return storage.save(name, ContentFile(content))


def fetch(url: str) -> bytes:
    """Get a URL as any client does."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        data: bytes = answer.read()
        return data


def assert_hidden(cap: str, text: str) -> None:
    """Neither a capability nor its key is in ``text``, percent-encoded or not."""
    for form in {cap, quote(cap, safe=""), *(part for part in cap.split(":") if len(part) > 20)}:
        assert form not in text
