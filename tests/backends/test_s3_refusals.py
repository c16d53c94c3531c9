"""What S3 answers when it will not becomes an error that says what to do."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage
from storages.errors import (
    PermissionDenied,
    StorageError,
    Unavailable,
)
from tests.backends.s3_proxied import Make, fired, refusal
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import Fault, S3Proxy, error_body


@pytest.fixture
def server() -> S3Server:
    """The server: moto."""
    return shared(Moto)


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
