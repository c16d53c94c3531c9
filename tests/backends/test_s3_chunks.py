"""Bodies that are signed in chunks: the server checks each, and the object is what was sent."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.base import ContentFile, File

from storages.backends.s3 import S3Storage, conditions
from storages.backends.s3.chunks import CHUNK, ChunkedBody
from storages.errors import SourceChanged, Unavailable
from storages.events import transferred
from storages.staging import Source
from tests.backends.s3_proxied import CUT, LARGE, Make, fired, refusal, stored
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import S3Server
from tests.servers.s3proxy import Asked, Fault, S3Proxy

HEADER = "x-amz-content-sha256"
CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.fixture
def server() -> S3Server:
    """radosgw, which checks signatures and knows no condition on parts."""
    return shared(RadosGW)


@pytest.fixture
def storage(make: Make, proxy: S3Proxy) -> S3Storage:
    """A storage that knows its server."""
    storage = make()
    assert conditions.honours(storage, "put", "x")
    assert not conditions.honours(storage, "complete", "x")
    assert conditions.takes_chunks(storage, "x")
    proxy.clear()
    return storage


def test_a_large_new_file_is_signed_while_it_is_sent(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """One PUT, of chunks; what is stored is the content and says nothing of them."""
    assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
    assert proxy.kinds == ["put"]
    assert proxy.requests[0].headers[HEADER] == CHUNKS
    assert proxy.requests[0].headers["x-amz-decoded-content-length"] == str(len(LARGE))
    assert stored(raw, bucket) == {"a.bin": LARGE}
    assert "ContentEncoding" not in raw.head_object(Bucket=bucket, Key="a.bin")


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 1])
def test_every_length(storage: S3Storage, raw: Any, bucket: str, size: int) -> None:
    """The announced length is what is sent, with a last chunk that is full, short or missing."""
    content = os.urandom(size)
    body = ChunkedBody(Source(io.BytesIO(content), size))
    storage._request("put_object", "a.bin", Body=body)
    assert body.tell() == len(body)
    assert not body.read(1)
    assert stored(raw, bucket) == {"a.bin": content}


@pytest.mark.parametrize(
    "at", [1000, CHUNK + 1000, len(LARGE) - 1000], ids=["first", "second", "last"]
)
def test_a_bit_that_flips_on_the_way_up_is_refused_and_sent_again(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, at: int
) -> None:
    """In whichever chunk: each signature covers its content and the one before."""
    proxy.fail("put", Fault(flip_up=at))
    assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
    fired(proxy)
    assert proxy.kinds == ["put", "put"]
    assert stored(raw, bucket) == {"a.bin": LARGE}


def test_one_that_is_always_damaged_is_no_file(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """Unavailable, and not that the keys are wrong, after so many attempts; nothing is stored."""
    proxy.rule = lambda _: Fault(flip_up=1000)
    with pytest.raises(Unavailable, match="damaged"):
        storage.save("a.bin", ContentFile(LARGE))
    fired(proxy, storage.max_attempts)
    assert stored(raw, bucket) == {}


def test_a_failed_one_is_signed_anew(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The second attempt begins at the start of the content; each byte is told of once."""
    told: list[int] = []

    def hear(count: int, **_: Any) -> None:
        told.append(count)

    proxy.fail("put", CUT)
    transferred.connect(hear)
    try:
        assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
    finally:
        transferred.disconnect(hear)
    fired(proxy)
    assert sum(told) == len(LARGE)
    assert [request.headers[HEADER] for request in proxy.requests] == [CHUNKS] * 2
    assert stored(raw, bucket) == {"a.bin": LARGE}


def test_content_that_shrinks_meanwhile(storage: S3Storage, raw: Any, bucket: str) -> None:
    """SourceChanged; nothing is stored."""

    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return b"" if self.tell() > CHUNK else super().read(size)

    with pytest.raises(SourceChanged):
        storage.save("a.bin", File(Shrinking(LARGE)))
    assert stored(raw, bucket) == {}


def test_a_server_that_does_not_know_chunks(
    make: Make, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """It is tried out on a scratch object; the body is then signed as a whole."""
    conditions.forget()
    refused = refusal(501, "NotImplemented")

    def rule(request: Asked) -> Fault | None:
        return refused if request.headers.get(HEADER) == CHUNKS else None

    proxy.rule = rule
    assert make().save("a.bin", ContentFile(LARGE)) == "a.bin"
    fired(proxy)
    assert len(proxy.requests[-1].headers[HEADER]) == 64
    assert stored(raw, bucket) == {"a.bin": LARGE}
    conditions.forget()


def test_a_server_that_stores_the_frames(make: Make, proxy: S3Proxy, raw: Any, bucket: str) -> None:
    """Its ETag is another than the content's: no file is ever sent to it so."""
    conditions.forget()
    frames = Fault(changes={"etag": f'"{"0" * 32}"'})

    def rule(request: Asked) -> Fault | None:
        return frames if request.headers.get(HEADER) == CHUNKS else None

    proxy.rule = rule
    assert make().save("a.bin", ContentFile(LARGE)) == "a.bin"
    fired(proxy)
    assert stored(raw, bucket) == {"a.bin": LARGE}
    conditions.forget()


@pytest.mark.parametrize(
    "options",
    [
        {"request_checksum": "when_supported"},
        {"object_parameters": {"ChecksumAlgorithm": "SHA256"}},
        {"client_config": Config(s3={"payload_signing_enabled": False})},
    ],
    ids=["checksums", "algorithm", "unsigned"],
)
def test_bodies_that_something_else_guards_or_nothing(
    make: Make, proxy: S3Proxy, raw: Any, bucket: str, options: dict[str, Any]
) -> None:
    """boto3's checksums are of the whole body, and who wants no signature gets none."""
    storage = make(**options)
    assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
    assert CHUNKS not in {request.headers.get(HEADER) for request in proxy.requests}
    assert stored(raw, bucket) == {"a.bin": LARGE}
