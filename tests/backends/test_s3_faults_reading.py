"""What holds when reading or asking S3 fails: the right bytes of one version, or an error."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages import deadline
from storages.backends.s3 import S3Storage, reading
from storages.errors import (
    Changed,
    Corrupt,
    Timeout,
    Unavailable,
)
from storages.retry import Retry
from tests.backends.s3_proxied import BUSY, SMALL, Make, fired
from tests.servers import shared
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import Fault, S3Proxy, error_body


@pytest.fixture
def server() -> S3Server:
    """The server: moto."""
    return shared(Moto)


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
    proxy.fail("get", Fault(cut=200_000, gently=True))
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


def test_a_checksum_that_the_server_sends_is_enough(
    storage: S3Storage, proxy: S3Proxy, raw: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit is noticed by it, and no MD5 is computed beside it."""
    raw.put_object(Bucket=bucket, Key="a.bin", Body=SMALL, ChecksumAlgorithm="CRC32")
    monkeypatch.setattr(reading, "hashlib", None)
    with storage.open("a.bin") as file:
        assert file.read() == SMALL
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


def test_retry_after_is_honoured_and_capped(storage: S3Storage, proxy: S3Proxy) -> None:
    """The server's wish counts, up to ``Retry.longest``."""
    busy = Fault(status=503, headers={"Retry-After": "1"}, body=error_body("SlowDown"))
    proxy.fail("put", busy)
    started = time.monotonic()
    storage.save("a.txt", ContentFile(b"x"))
    assert 1 <= time.monotonic() - started < 10
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
    assert time.monotonic() - started < 10
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
    assert 0.6 <= time.monotonic() - started < 10
    assert proxy.kinds == ["get", "get"]
