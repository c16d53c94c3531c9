"""What holds when S3, or the way there, fails: nothing lost, nothing left behind, no half files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from storages import deadline
from storages.backends.s3 import S3Storage, conditions, reading
from storages.backends.s3 import client as clients
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    PermissionDenied,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.retry import Retry
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import Fault, S3Proxy, error_body

MiB = 1024 * 1024
SMALL = os.urandom(300_000)
LARGE = os.urandom(12 * MiB)  # three parts of 5 MiB
PARTS = 3
Make = Callable[..., S3Storage]

CUT = Fault(refuse=True)
LOST = Fault(lose=True)
BUSY = Fault(status=503, body=error_body("SlowDown"))


@pytest.fixture
def server() -> S3Server:
    """The server: moto, unless a test says otherwise."""
    return shared(Moto)


@pytest.fixture
def proxy(server: S3Server) -> Iterator[S3Proxy]:
    """What lets things go wrong."""
    with S3Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def bucket(server: S3Server) -> str:
    """A new bucket."""
    return server.new_bucket()


@pytest.fixture
def make(server: S3Server, proxy: S3Proxy, bucket: str) -> Iterator[Make]:
    """Makes storages of the bucket, behind the proxy; they do not wait between attempts."""
    made: list[S3Storage] = []

    def make(**options: Any) -> S3Storage:
        given = {
            **server.options(bucket_name=bucket, endpoint_url=proxy.endpoint),
            "conditional_writes": True,
            "file_buffer_size": 5 * MiB,
            **options,
        }
        made.append(S3Storage(**given))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


@pytest.fixture
def storage(make: Make, proxy: S3Proxy) -> S3Storage:
    """One of them, which knows already what its server does with parts."""
    storage = make()
    assert conditions.honours(storage, "complete", "x")
    proxy.clear()
    return storage


@pytest.fixture
def raw(server: S3Server) -> Iterator[Any]:
    """A plain client, past the proxy."""
    client = server.client()
    yield client
    client.close()


def stored(raw: Any, bucket: str) -> dict[str, bytes]:
    """Every object of the bucket, read past the proxy; no upload is left unfinished."""
    assert raw.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    names = [found["Key"] for found in raw.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {name: raw.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}


def fired(proxy: S3Proxy, count: int = 1) -> None:
    """So many faults have happened: a test of what does not happen proves nothing."""
    assert len(proxy.faults) == count


# --------------------------------------------------------------------- reading


@pytest.mark.parametrize("cut", [0, 1, 150_000, 299_999])
def test_a_download_that_breaks_off_is_continued(
    storage: S3Storage, proxy: S3Proxy, cut: int
) -> None:
    """The rest is asked for, of the same version, and the bytes are right."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.clear()
    proxy.fail("get", Fault(cut=cut))
    with storage.open("a.bin") as file:
        assert file.read() == SMALL
    fired(proxy)
    assert proxy.kinds == ["get", "get"]
    assert "if-match" in proxy.requests[1].headers


def test_a_download_that_always_breaks_off_is_an_error(storage: S3Storage, proxy: S3Proxy) -> None:
    """After as many attempts as configured, and soon."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.rule = lambda _: Fault(cut=0)
    started = time.monotonic()
    with storage.open("a.bin") as file, pytest.raises(Unavailable):
        file.read()
    assert time.monotonic() - started < 10
    assert len(proxy.faults) > 1


def test_a_file_replaced_while_it_is_read_is_not_mixed(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str
) -> None:
    """The rest of another version is refused: the reader gets an error, not half of two."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.fail("get", Fault(cut=100_000))
    with storage.open("a.bin") as file:
        assert file.read(10) == SMALL[:10]
        raw.put_object(Bucket=bucket, Key="a.bin", Body=SMALL[::-1])
        with pytest.raises(Changed):
            file.read()
    fired(proxy)


def test_a_server_that_ignores_ranges(storage: S3Storage, proxy: S3Proxy) -> None:
    """The whole, sent instead of a range, is read up to where the range begins."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.rule = lambda _: Fault(ignore_range=True)
    with storage.open("a.bin") as file:
        file.seek(290_000)
        assert file.read(100) == SMALL[290_000:290_100]
    assert "range" in proxy.requests[-1].headers
    assert len(proxy.faults) > 1


def test_a_flipped_bit_is_noticed(storage: S3Storage, proxy: S3Proxy) -> None:
    """What was read is compared with the object's MD5."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.fail("get", Fault(flip=200_000))
    with storage.open("a.bin") as file, pytest.raises(Corrupt):
        file.read()
    fired(proxy)


def test_an_etag_that_is_no_md5_is_none(storage: S3Storage, proxy: S3Proxy) -> None:
    """Bytes that come the same twice are what the server has, and its ETags are not asked again."""
    storage.save("a.bin", ContentFile(SMALL))
    proxy.clear()
    proxy.rule = lambda _: Fault(changes={"etag": f'"{"0" * 32}"'})
    original = reading._get

    # moto does not know the version that the proxy invents.
    def without_condition(storage: Any, key: str, offset: int, version: str | None) -> Any:
        return original(storage, key, offset, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_get", without_condition)
        with storage.open("a.bin") as file:
            assert file.read() == SMALL
        assert proxy.kinds == ["get", "get"]
        with storage.open("a.bin") as file:
            assert file.read() == SMALL
    assert proxy.kinds == ["get"] * 3
    reading._other_etags.clear()


def test_a_listing_continues_after_a_failure(storage: S3Storage, proxy: S3Proxy, raw: Any) -> None:
    """A page that the server refuses at first is asked for again; no name is lost or doubled."""
    names = [f"{number:04}" for number in range(1001)]
    for name in names:
        raw.put_object(Bucket=storage.bucket_name, Key=f"d/{name}", Body=b"")
    proxy.fail("list", None, BUSY)
    assert storage.listdir("d") == ([], names)
    fired(proxy)


# --------------------------------------------------------------------- writing


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


# --------------------------------------------------------------------- copying


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


# -------------------------------------------------------------------- deleting


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


# ------------------------------------------------------------ refusals and hints


def refusal(status: int, code: str, message: str = "", **more: str) -> Fault:
    """An answer that says no."""
    return Fault(status=status, body=error_body(code, message, **more))


@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        (refusal(403, "AccessDenied"), PermissionDenied, "s3:GetObject"),
        (refusal(403, "InvalidAccessKeyId"), PermissionDenied, "secret key"),
        (refusal(403, "SignatureDoesNotMatch"), PermissionDenied, "secret key"),
        (refusal(400, "ExpiredToken"), PermissionDenied, "have expired"),
        (refusal(301, "PermanentRedirect", Region="eu-x"), StorageError, "AWS_S3_REGION_NAME"),
        (refusal(400, "AuthorizationHeaderMalformed", Region="eu-x"), StorageError, "'eu-x'"),
        (refusal(400, "AccessControlListNotSupported"), PermissionDenied, "AWS_DEFAULT_ACL"),
        (refusal(404, "NoSuchBucket"), ImproperlyConfigured, "AWS_AUTO_CREATE_BUCKET"),
        (refusal(404, "NoSuchBucket"), StorageError, "AWS_STORAGE_BUCKET_NAME"),
        (refusal(507, "InsufficientStorage"), StorageError, ""),
        (refusal(418, "Teapot", "I am one"), StorageError, "I am one"),
    ],
)
def test_a_refusal_says_what_to_do(
    storage: S3Storage, proxy: S3Proxy, fault: Fault, kind: type[Exception], hint: str
) -> None:
    """Each answer becomes the right error, which names bucket, key and the way out; no retry."""
    proxy.rule = lambda _: fault
    with pytest.raises(kind) as caught:
        storage.open("d/a.txt")
    text = str(caught.value)
    assert hint in text
    assert "d/a.txt" in text
    assert repr(storage.bucket_name) in text
    assert S3Server.secret_key not in text
    assert proxy.kinds.count("get") <= 2  # botocore asks another region once


def test_clock_skew_is_told_in_seconds(storage: S3Storage, proxy: S3Proxy) -> None:
    """The server's Date says how wrong the clock is."""
    proxy.rule = lambda _: Fault(
        status=403,
        headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"},
        body=error_body("RequestTimeTooSkewed"),
    )
    with pytest.raises(PermissionDenied, match=r"clock is wrong by \d+ seconds"):
        storage.open("a.txt")


@pytest.mark.parametrize("status", [400, 403])
def test_cannot_tell_is_not_missing(storage: S3Storage, proxy: S3Proxy, status: int) -> None:
    """A HEAD that is refused has no body: the reason is got by a GET, and exists() raises it."""
    proxy.rule = lambda _: refusal(status, "ExpiredToken" if status == 400 else "AccessDenied")
    for question in (storage.exists, storage.size):
        with pytest.raises(PermissionDenied) as caught:
            question("a.txt")
        assert ("s3:ListBucket" if status == 403 else "expired") in str(caught.value)
    assert proxy.kinds.count("get") == 2


def test_an_unreachable_server_is_not_missing(make: Make) -> None:
    """``exists`` raises Unavailable, in bounded time."""
    storage = make(endpoint_url="http://127.0.0.1:9", max_attempts=2)
    for question in (storage.exists, storage.listdir):
        with pytest.raises(Unavailable):
            question("a.txt")


def test_credentials_that_boto3_found_are_looked_for_again(
    make: Make, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they have expired, a new client finds new ones: one repetition, no error."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "first-secret")
    storage = make(access_key=None, secret_key=None)
    assert storage.listdir("") == ([], [])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "second")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "second-secret")
    proxy.fail("list", refusal(400, "ExpiredToken"))
    assert storage.listdir("") == ([], [])
    fired(proxy)
    used = [
        request.headers["authorization"].split("=")[1].split("/")[0] for request in proxy.requests
    ]
    assert used == ["first", "first", "second"]


@pytest.mark.parametrize("kind", [Moto, RadosGW])
def test_a_missing_bucket(kind: type[S3Server]) -> None:
    """Every operation names both settings; with auto_create_bucket it is made, once."""
    server = shared(kind)
    name = f"missing-{kind.__name__.lower()}"
    with S3Storage(**server.options(bucket_name=name)) as storage:
        for attempt in (
            lambda: storage.save("a.txt", ContentFile(b"x")),
            lambda: storage.open("a.txt"),
            lambda: storage.exists("a.txt"),
            lambda: storage.exists(""),
            lambda: storage.listdir(""),
            lambda: storage.delete_many(["a.txt"]),
        ):
            with pytest.raises(ImproperlyConfigured, match="AWS_AUTO_CREATE_BUCKET"):
                attempt()
    with S3Storage(**server.options(bucket_name=name, auto_create_bucket=True)) as storage:
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
        assert storage.listdir("") == ([], ["a.txt"])


# ------------------------------------------------------------------ waiting, time


def test_retry_after_is_honoured_and_capped(storage: S3Storage, proxy: S3Proxy) -> None:
    """The server's wish counts, up to ``Retry.longest``."""
    busy = Fault(status=503, headers={"Retry-After": "1"}, body=error_body("SlowDown"))
    proxy.fail("put", busy)
    started = time.monotonic()
    storage.save("a.txt", ContentFile(b"x"))
    assert 1 <= time.monotonic() - started < 4
    error = Unavailable()
    error.retry_after = 1000
    assert storage.retry.pause(1, error) == Retry().longest


def test_attempts_follow_the_option_and_the_config(make: Make, proxy: S3Proxy) -> None:
    """max_attempts counts, and so do the retries of a client_config; botocore adds none."""
    from botocore.config import Config

    proxy.rule = lambda _: BUSY
    for options, expected in (
        ({"max_attempts": 1}, 1),
        ({"max_attempts": 2}, 2),
        ({"client_config": Config(retries={"total_max_attempts": 1})}, 1),
        ({"client_config": Config(retries={"max_attempts": 1})}, 2),
    ):
        proxy.clear()
        with pytest.raises(Unavailable):
            make(**options).open("a.txt")
        assert proxy.kinds == ["get"] * expected


def test_a_deadline_bounds_a_server_that_does_not_answer(
    storage: S3Storage, proxy: S3Proxy
) -> None:
    """Half a second, though read_timeout is a minute; afterwards everything works again."""
    storage.save("a.txt", ContentFile(b"x"))
    proxy.rule = lambda _: Fault(wait=30)
    started = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout):
        storage.size("a.txt")
    assert time.monotonic() - started < 1.5
    proxy.rule = lambda _: None
    assert storage.size("a.txt") == 1


def test_a_deadline_bounds_reading(storage: S3Storage, proxy: S3Proxy) -> None:
    """Between two reads too, and not when everything has come already."""
    storage.save("a.bin", ContentFile(SMALL))
    with storage.open("a.bin") as file, deadline(5):
        assert file.read(10) == SMALL[:10]
        assert file.read() == SMALL[10:]
    with storage.open("a.bin") as file:
        assert file.read(10) == SMALL[:10]
        file.seek(200_000)
        with deadline(0), pytest.raises(Timeout):
            file.read(100_000)


def test_read_timeout_bounds_every_request(make: Make, proxy: S3Proxy) -> None:
    """A server that does not answer costs attempts times read_timeout."""
    storage = make(read_timeout=0.3, max_attempts=2)
    proxy.rule = lambda _: Fault(wait=30)
    started = time.monotonic()
    with pytest.raises(Timeout):
        storage.open("a.txt")
    assert 0.6 <= time.monotonic() - started < 3
    assert proxy.kinds == ["get", "get"]


# ------------------------------------------------------------- a server that checks


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


def test_a_new_client_after_a_changed_setting(make: Make) -> None:
    """What was kept is not used any more once settings have changed."""
    from django.test import override_settings

    storage = make()
    client = storage.client
    with override_settings(AWS_S3_READ_TIMEOUT=17):
        assert storage.client is not client
        assert storage.client.meta.config.read_timeout == 17
    assert storage.client is client
    clients.forget(storage)
    assert storage.client is not client
