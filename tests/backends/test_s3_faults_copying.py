"""What holds when copying, moving or deleting in S3 fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage, conditions
from storages.errors import (
    PermissionDenied,
    Unavailable,
)
from tests.backends.s3_proxied import BUSY, LARGE, LOST, PARTS, SMALL, MiB, fired, stored
from tests.servers import shared
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import Fault, S3Proxy, error_body


@pytest.fixture
def server() -> S3Server:
    """The server: moto."""
    return shared(Moto)


def test_copying_answers_200_with_an_error(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """It is asked again; when that never helps the target is not there."""
    storage.save("a.txt", ContentFile(SMALL))
    hidden = Fault(status=200, body=error_body("InternalError"))
    proxy.fail("copy", hidden)
    assert storage.copy("a.txt", "b.txt", overwrite=True) == "b.txt"
    fired(proxy)
    proxy.rule = lambda request: hidden if request.kind == "copy" else None
    with pytest.raises(Unavailable):
        storage.move("a.txt", "c.txt", overwrite=True)
    assert stored(raw, bucket) == {"a.txt": SMALL, "b.txt": SMALL}


@pytest.mark.parametrize(
    ("content", "kind"), [(SMALL, "put"), (LARGE, "complete")], ids=["small", "large"]
)
def test_a_lost_answer_to_copying_is_no_loss(  # noqa: PLR0913, PLR0917 - fixtures
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, content: bytes, kind: str
) -> None:
    """The copy is there: that is success, though repeating it found the name taken."""
    raw.put_object(Bucket=bucket, Key="a.bin", Body=content)
    conditions.honours(storage, "copy", "x")
    proxy.fail(kind, LOST)
    assert storage.copy("a.bin", "b.bin") == "b.bin"
    fired(proxy)
    assert stored(raw, bucket) == {"a.bin": content, "b.bin": content}


def test_a_move_whose_second_half_fails(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """Deleting is repeated by itself; when it never succeeds both files are there."""
    storage.save("a.txt", ContentFile(SMALL))
    proxy.fail("delete", BUSY)
    assert storage.move("a.txt", "b.txt", overwrite=True) == "b.txt"
    fired(proxy)
    assert stored(raw, bucket) == {"b.txt": SMALL}
    proxy.rule = lambda request: BUSY if request.kind == "delete" else None
    with pytest.raises(Unavailable):
        storage.move("b.txt", "c.txt", overwrite=True)
    assert stored(raw, bucket) == {"b.txt": SMALL, "c.txt": SMALL}


def test_copying_what_is_too_large_for_one_request(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 5 GB (less, here) a copy is made in parts, with type and metadata."""
    from storages.backends.s3 import multipart

    monkeypatch.setattr(multipart, "MOST_COPY", MiB)
    monkeypatch.setattr(multipart, "COPY_PART", 5 * MiB)
    raw.put_object(
        Bucket=bucket, Key="a.bin", Body=LARGE, ContentType="x/y", Metadata={"colour": "red"}
    )
    too_large = Fault(status=400, body=error_body("InvalidRequest", "The source is too large"))
    proxy.fail("copy", too_large)
    storage.copy("a.bin", "b.bin", overwrite=True)
    fired(proxy)
    assert proxy.kinds.count("part") == PARTS
    assert stored(raw, bucket) == {"a.bin": LARGE, "b.bin": LARGE}
    copied = raw.head_object(Bucket=bucket, Key="b.bin")
    assert (copied["ContentType"], copied["Metadata"]) == ("x/y", {"colour": "red"})


def test_a_bulk_delete_that_is_refused_in_part(storage: S3Storage, proxy: S3Proxy) -> None:
    """The error names the file that is still there; a missing one is no error."""
    body = (
        b"<DeleteResult><Error><Key>gone.txt</Key><Code>NoSuchKey</Code></Error>"
        b"<Error><Key>kept.txt</Key><Code>AccessDenied</Code><Message>No</Message></Error>"
        b"</DeleteResult>"
    )
    proxy.fail("delete many", Fault(status=200, body=body))
    with pytest.raises(PermissionDenied) as caught:
        storage.delete_many(["gone.txt", "kept.txt"])
    assert caught.value.name == "kept.txt"
    fired(proxy)


def test_a_server_without_bulk_delete(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """501: the files are deleted one by one."""
    storage.save("a.txt", ContentFile(b"x"))
    proxy.fail("delete many", Fault(status=501, body=error_body("NotImplemented")))
    storage.delete_many(["a.txt", "missing.txt"])
    fired(proxy)
    assert stored(raw, bucket) == {}
