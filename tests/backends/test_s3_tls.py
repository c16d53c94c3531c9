"""S3 over TLS, at a server that refuses what boto3 sends to Amazon."""

from __future__ import annotations

import os

import pytest
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage
from storages.errors import StorageError, Unavailable
from tests.servers import shared
from tests.servers.radosgw import RadosGWOverTLS

MiB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1000, 12 * MiB])
def test_files_of_every_size_over_tls(size: int) -> None:
    """One PUT, a large one, and parts: the server takes them, and gives them back."""
    server = shared(RadosGWOverTLS)
    data = os.urandom(size)
    with S3Storage(**server.options(bucket_name=server.new_bucket())) as storage:
        name = storage.save("a.bin", ContentFile(data))
        with storage.open("b.bin", "wb") as file:
            file.write(data)
        for stored in (name, "b.bin"):
            with storage.open(stored) as file:
                assert file.read() == data


def test_what_boto3_sends_to_amazon_is_refused_there() -> None:
    """That is why the default differs: with request_checksum the server answers 411."""
    server = shared(RadosGWOverTLS)
    options = server.options(bucket_name=server.new_bucket(), request_checksum="when_supported")
    with (
        S3Storage(**options, conditional_writes=True) as storage,
        pytest.raises(StorageError, match="411"),
    ):
        storage.save("a.bin", ContentFile(b"x"))


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    """TLS is verified unless that is switched off; the error names the option."""
    server = shared(RadosGWOverTLS)
    bucket = server.new_bucket()
    with (
        S3Storage(**server.options(bucket_name=bucket, verify=None, max_attempts=1)) as storage,
        pytest.raises(Unavailable, match="AWS_S3_VERIFY"),
    ):
        storage.exists("a.bin")
    with S3Storage(**server.options(bucket_name=bucket)) as storage:
        assert not storage.exists("a.bin")
