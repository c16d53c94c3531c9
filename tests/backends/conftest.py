"""S3 storages behind a proxy; a module that uses them has a fixture for the ``server``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storages.backends.s3 import S3Storage, conditions
from tests.backends.s3_proxied import Make, MiB
from tests.servers.s3 import S3Server
from tests.servers.s3proxy import S3Proxy


@pytest.fixture
def proxy(server: S3Server) -> Iterator[S3Proxy]:
    """What stands before the server, counts, and lets things go wrong."""
    with S3Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(server: S3Server) -> str:
    """A new bucket."""
    return server.new_bucket()


@pytest.fixture
def make(server: S3Server, proxy: S3Proxy, bucket: str) -> Iterator[Make]:
    """Makes storages of the bucket, behind the proxy."""
    made: list[S3Storage] = []

    def make(**options: Any) -> S3Storage:
        given = server.options(bucket_name=bucket, endpoint_url=proxy.endpoint)
        made.append(S3Storage(**{**given, **options}))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


@pytest.fixture
def storage(make: Make, proxy: S3Proxy) -> S3Storage:
    """One of them, with small parts, which knows already what its server does with them."""
    storage = make(conditional_writes=True, file_buffer_size=5 * MiB)
    assert conditions.honours(storage, "complete", "x")
    proxy.clear()
    return storage


@pytest.fixture
def raw(server: S3Server) -> Iterator[Any]:
    """A plain client, past the proxy."""
    client = server.client()
    yield client
    client.close()
