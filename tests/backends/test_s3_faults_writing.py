"""What holds when writing to S3 fails: nothing lost, nothing left behind, no half files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage
from storages.errors import (
    AlreadyExists,
    NotFound,
    Unavailable,
)
from tests.backends.s3_proxied import BUSY, CUT, LARGE, LOST, PARTS, SMALL, MiB, fired, stored
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import Fault, S3Proxy, error_body


@pytest.fixture
def server() -> S3Server:
    """The server: moto."""
    return shared(Moto)


@pytest.mark.parametrize("fault", [CUT, LOST, BUSY], ids=["cut", "lost", "busy"])
def test_a_failed_save_is_repeated(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, fault: Fault
) -> None:
    """One file, under the name that was asked for, also when only the answer was lost."""
    proxy.fail("put", fault)
    assert storage.save("a.txt", ContentFile(SMALL)) == "a.txt"
    fired(proxy)
    assert stored(raw, bucket) == {"a.txt": SMALL}


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("fault", [CUT, BUSY], ids=["cut", "busy"])
def test_a_save_that_never_succeeds_leaves_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, content: bytes, fault: Fault
) -> None:
    """An error of ours in bounded time; no file, no parts; the old file is what it was."""
    storage.save("old.bin", ContentFile(b"old"))
    proxy.rule = lambda request: fault if request.kind in {"put", "part"} else None
    started = time.monotonic()
    with pytest.raises(Unavailable):
        storage.save("new.bin", ContentFile(content))
    with pytest.raises(Unavailable), storage.open("old.bin", "wb") as file:
        file.write(content)
    assert time.monotonic() - started < 20
    assert len(proxy.faults) >= storage.max_attempts
    assert stored(raw, bucket) == {"old.bin": b"old"}


def test_a_conflict_is_no_second_name(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """409 says to ask again: the same name is free after all."""
    conflict = Fault(status=409, body=error_body("ConditionalRequestConflict"))
    proxy.fail("put", conflict, conflict)
    assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
    fired(proxy, 2)
    assert stored(raw, bucket) == {"a.txt": b"x"}


def test_an_exception_in_a_with_block_publishes_nothing(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """Not even a request is made."""
    with pytest.raises(ZeroDivisionError), storage.open("a.bin", "wb") as file:  # noqa: PT012
        file.write(LARGE)
        raise ZeroDivisionError
    assert proxy.kinds == []
    assert stored(raw, bucket) == {}


def test_a_part_that_fails_is_repeated_by_itself(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The other parts are not sent again."""
    proxy.fail("part", CUT, BUSY)
    storage.save("a.bin", ContentFile(LARGE))
    fired(proxy, 2)
    assert proxy.kinds.count("part") == PARTS + 2
    assert proxy.kinds.count("begin") == 1
    assert stored(raw, bucket) == {"a.bin": LARGE}


def test_a_lost_answer_to_completing_is_no_loss(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The object is there, made of our parts: that is success, and nothing is sent again."""
    proxy.fail("complete", LOST)
    assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
    fired(proxy)
    assert proxy.kinds.count("begin") == 1
    assert stored(raw, bucket) == {"a.bin": LARGE}


@pytest.mark.parametrize("times", [1, 2])
def test_completing_answers_200_with_an_error(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, times: int
) -> None:
    """An error in the body of a 200 is an error, and asking again makes the file."""
    hidden = Fault(status=200, body=error_body("InternalError"))
    proxy.fail("complete", *[hidden] * times)
    storage.save("a.bin", ContentFile(LARGE))
    fired(proxy, times)
    assert stored(raw, bucket) == {"a.bin": LARGE}


def test_completing_never_succeeds(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The parts are given up, and sent once only."""
    hidden = Fault(status=200, body=error_body("InternalError"))
    proxy.rule = lambda request: hidden if request.kind == "complete" else None
    with pytest.raises(Unavailable):
        storage.save("a.bin", ContentFile(LARGE))
    assert proxy.kinds.count("part") == PARTS
    assert proxy.kinds[-1] == "abort"
    assert stored(raw, bucket) == {}


def test_a_large_save_of_a_taken_name(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The condition holds for parts too: another name, and the refused parts are given up."""
    storage.save("a.bin", ContentFile(b"first"))
    second = storage.save("a.bin", ContentFile(LARGE))
    assert second != "a.bin"
    assert proxy.kinds.count("abort") == 1
    assert stored(raw, bucket) == {"a.bin": b"first", second: LARGE}


class Breaking(ContentFile):  # type: ignore[type-arg]
    """Content that breaks off."""

    def __init__(self) -> None:
        super().__init__(LARGE)
        self.left = 2

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield one part and a half."""
        yield LARGE[: 8 * MiB]
        raise ZeroDivisionError


def test_content_that_breaks_off(storage: S3Storage, raw: Any, bucket: str) -> None:
    """The content's own exception comes out; nothing was stored."""
    with pytest.raises(ZeroDivisionError):
        storage.save("a.bin", Breaking())
    assert stored(raw, bucket) == {}


def test_an_abort_that_fails_is_told(
    storage: S3Storage, proxy: S3Proxy, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Parts that could not be given up are in the log, with the upload's id."""
    proxy.rule = lambda request: CUT if request.kind in {"part", "abort"} else None
    with pytest.raises(Unavailable):
        storage.save("a.bin", ContentFile(LARGE))
    (left,) = raw.list_multipart_uploads(Bucket=storage.bucket_name)["Uploads"]
    assert any(left["UploadId"] in record.getMessage() for record in caplog.records)


def test_a_bit_that_flips_on_the_way_up_is_refused_and_sent_again() -> None:
    """The signature covers the body: radosgw refuses a damaged one, and the second is right."""
    server = shared(RadosGW)
    bucket = server.new_bucket()
    raw = server.client()
    with (
        S3Proxy(server.port) as proxy,
        S3Storage(
            **server.options(bucket_name=bucket, endpoint_url=proxy.endpoint),
            conditional_writes=True,
        ) as storage,
    ):
        proxy.fail("put", Fault(flip_up=123))
        assert storage.save("a.bin", ContentFile(SMALL)) == "a.bin"
        fired(proxy)
        assert stored(raw, bucket) == {"a.bin": SMALL}
    raw.close()


def test_a_large_save_where_parts_know_no_condition() -> None:
    """Radosgw replaces on completing, so a large new file goes in one PUT, which it refuses."""
    server = shared(RadosGW)
    bucket = server.new_bucket()
    raw = server.client()
    with (
        S3Proxy(server.port) as proxy,
        S3Storage(**server.options(bucket_name=bucket, endpoint_url=proxy.endpoint)) as storage,
    ):
        first = storage.save("a.bin", ContentFile(LARGE))
        second = storage.save("a.bin", ContentFile(LARGE[::-1]))
        assert stored(raw, bucket) == {first: LARGE, second: LARGE[::-1]}
        proxy.clear()
        with storage.open("a.bin", "wb") as file:  # replacing needs no condition
            file.write(LARGE)
        assert proxy.kinds.count("part") == 2
    raw.close()


def test_a_copy_does_not_replace_where_copies_know_no_condition() -> None:
    """Moto's and radosgw's copies replace: the bytes go through us, and the server decides."""
    for kind in (Moto, RadosGW):
        server = shared(kind)
        bucket = server.new_bucket()
        raw = server.client()
        raw.put_object(
            Bucket=bucket, Key="a", Body=SMALL, ContentType="x/y", Metadata={"colour": "red"}
        )
        raw.put_object(Bucket=bucket, Key="taken", Body=b"old")
        with S3Storage(**server.options(bucket_name=bucket)) as storage:
            with pytest.raises(AlreadyExists):
                storage.copy("a", "taken")
            with pytest.raises(NotFound):
                storage.copy("missing", "b")
            storage.copy("a", "b")
        assert stored(raw, bucket) == {"a": SMALL, "b": SMALL, "taken": b"old"}
        copied = raw.head_object(Bucket=bucket, Key="b")
        assert (copied["ContentType"], copied["Metadata"]) == ("x/y", {"colour": "red"})
        raw.close()
