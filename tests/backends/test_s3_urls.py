"""S3's URLs: templates and stable signatures. No server is asked."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from django.core.exceptions import SuspiciousFileOperation
from django.test import override_settings

from storages.backends.s3 import S3Storage, places
from storages.backends.s3 import client as clients
from storages.backends.s3.signing import Place
from storages.backends.s3.urls import attachment
from storages.errors import OptionError
from tests.backends.s3_signed import KEYS, NOW, make, query


@pytest.fixture(autouse=True)
def clock() -> Iterator[mock.Mock]:
    """The time stands still, at :data:`NOW`."""
    with mock.patch("storages.backends.s3.urls.time.time", return_value=float(NOW)) as patched:
        yield patched


# ------------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"custom_domain": "cdn.example"}, "https://cdn.example/a.txt"),
        ({"custom_domain": "cdn.example/media/"}, "https://cdn.example/media/a.txt"),
        ({"custom_domain": "cdn.example", "location": "up/"}, "https://cdn.example/up/a.txt"),
        ({"custom_domain": "c.example", "url_protocol": "http:"}, "http://c.example/a.txt"),
        ({"custom_domain": "c.example", "secure_urls": False}, "http://c.example/a.txt"),
        ({"querystring_auth": False}, "https://bucket.s3.amazonaws.com/a.txt"),
        (
            {"querystring_auth": False, "region_name": "eu-west-1", "location": "l"},
            "https://bucket.s3.eu-west-1.amazonaws.com/l/a.txt",
        ),
        (
            {"querystring_auth": False, "addressing_style": "path"},
            "https://s3.amazonaws.com/bucket/a.txt",
        ),
        (
            {"querystring_auth": False, "bucket_name": "my.bucket", "region_name": "eu-west-1"},
            "https://s3.eu-west-1.amazonaws.com/my.bucket/a.txt",
        ),
        (
            {"querystring_auth": False, "endpoint_url": "http://minio:9000"},
            "http://minio:9000/bucket/a.txt",
        ),
        (
            {"querystring_auth": False, "host": "minio", "port": 9000, "use_ssl": False},
            "http://minio:9000/bucket/a.txt",
        ),
        (
            {
                "querystring_auth": False,
                "endpoint_url": "http://minio:9000",
                "public_endpoint_url": "https://files.example",
            },
            "https://files.example/bucket/a.txt",
        ),
        (
            {"addressing_style": "vanity", "bucket_name": "www.b.example"},
            "https://www.b.example/a.txt",
        ),
    ],
)
def test_unsigned_urls_are_made_of_the_options(options: dict[str, Any], url: str) -> None:
    """The host, protocol and directory are those that the options say; the key follows."""
    assert make(**options).url("a.txt") == url


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b/ü.txt", "a%20b/%C3%BC.txt"),
        ("a+b#c?d=e&f:g.txt", "a%2Bb%23c%3Fd%3De%26f%3Ag.txt"),
        ("100%.txt", "100%25.txt"),
        ("%2e%2e/x", "%252e%252e/x"),
        ("~a'(b)!*.txt", "~a%27%28b%29%21%2A.txt"),
        ("d\\e.txt", "d/e.txt"),
        ("dir/", "dir/"),
        ("", ""),
    ],
)
def test_names_are_percent_encoded(name: str, path: str) -> None:
    """Whatever is in a name stays in the path."""
    assert make(custom_domain="cdn.example").url(name) == f"https://cdn.example/{path}"


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//b", "./a", "a\nb", "//evil/x"])
@pytest.mark.parametrize("options", [{"custom_domain": "c.example"}, {}], ids=["domain", "signed"])
def test_names_that_lead_elsewhere_have_no_url(name: str, options: dict[str, Any]) -> None:
    """They are refused, as everywhere."""
    with pytest.raises(SuspiciousFileOperation):
        make(**options).url(name)


def test_parameters_and_download_as_are_added_to_a_custom_domain() -> None:
    """By boto3's names or any others."""
    url = make(custom_domain="c.example").url(
        "a.txt", parameters={"v": 1, "ResponseContentType": "text/x"}, download_as="ü.pdf"
    )
    assert query(url) == {
        "v": "1",
        "response-content-type": "text/x",
        "response-content-disposition": attachment("ü.pdf"),
    }


def test_download_as_needs_a_signature_at_s3() -> None:
    """S3 refuses it in anonymous requests, so we refuse it here, where somebody sees it."""
    with pytest.raises(ValueError, match="download_as"):
        make(querystring_auth=False).url("a.txt", download_as="b.txt")


def test_download_as_follows_rfc_6266() -> None:
    """ASCII names alone; others with a substitute for old browsers, and encoded."""
    assert attachment("a b.pdf") == 'attachment; filename="a b.pdf"'
    assert attachment("ü.pdf") == "attachment; filename=\"?.pdf\"; filename*=UTF-8''%C3%BC.pdf"
    assert attachment('a"b\\\r\n') == (
        "attachment; filename=\"a_b___\"; filename*=UTF-8''a%22b%5C%0D%0A"
    )


def test_a_callable_bucket_and_location_are_asked_each_time() -> None:
    """A tenant's URLs are the tenant's."""
    tenant = ["one"]
    storage = make(
        bucket_name=lambda: f"b-{tenant[0]}", location=lambda: tenant[0], querystring_auth=False
    )
    assert storage.url("a") == "https://b-one.s3.amazonaws.com/one/a"
    tenant[0] = "two"
    assert storage.url("a") == "https://b-two.s3.amazonaws.com/two/a"


def test_settings_and_attributes_that_change_take_effect() -> None:
    """What has been worked out for earlier URLs is dropped."""
    storage = S3Storage(bucket_name="bucket", querystring_auth=False)
    assert storage.url("a") == "https://bucket.s3.amazonaws.com/a"
    with override_settings(AWS_S3_CUSTOM_DOMAIN="c.example", AWS_LOCATION="l"):
        assert storage.url("a") == "https://c.example/l/a"
    assert storage.url("a") == "https://bucket.s3.amazonaws.com/a"
    storage.custom_domain = "d.example"
    assert storage.url("a") == "https://d.example/a"


def test_what_was_worked_out_is_not_pickled() -> None:
    """The copy reads the settings of where it lives."""
    storage = S3Storage(bucket_name="bucket")
    with override_settings(AWS_S3_CUSTOM_DOMAIN="c.example"):
        assert storage.url("a") == "https://c.example/a"
        data = pickle.dumps(storage)
    with override_settings(AWS_S3_CUSTOM_DOMAIN="d.example"):
        assert pickle.loads(data).url("a") == "https://d.example/a"


# --------------------------------------------------------------------- signed


@pytest.mark.parametrize("token", [None, "to/ken=="])
@pytest.mark.parametrize(
    ("place", "host"),
    [
        ({}, "https://bucket.s3.amazonaws.com/"),
        ({"region_name": "eu-central-1"}, "https://bucket.s3.eu-central-1.amazonaws.com/"),
        ({"endpoint_url": "http://minio:9000/base"}, "http://minio:9000/base/bucket/"),
        (
            {"endpoint_url": "http://minio:9000", "public_endpoint_url": "https://files.example"},
            "https://files.example/bucket/",
        ),
    ],
)
def test_signatures_are_those_that_botocore_makes(
    place: dict[str, Any], host: str, token: str | None
) -> None:
    """Byte for byte, at the same time, whatever is in the name and the parameters."""
    storage = make(location="l ö", url_window=0, security_token=token, **place)
    url = storage.url("ü b+c~.txt", parameters={"ResponseContentType": "a/b; c=ä"}, expire=99)
    assert url.startswith(host + "l%20%C3%B6/%C3%BC%20b%2Bc~.txt?")
    signer = S3SigV4QueryAuth(
        Credentials(KEYS["access_key"], KEYS["secret_key"], token),
        "s3",
        place.get("region_name", "us-east-1"),
        expires=99,
    )
    base = url.partition("?")[0]
    request = AWSRequest("GET", f"{base}?response-content-type=a%2Fb%3B%20c%3D%C3%A4")
    moment = datetime.fromtimestamp(NOW, tz=timezone.utc)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        signer.add_auth(request)
    assert query(url) == query(request.url)


def test_signed_urls_stay_the_same_for_a_quarter_of_their_life(clock: mock.Mock) -> None:
    """So that a browser's cache is of use; they end within their life."""
    storage = make(querystring_expire=3600)
    first = storage.url("a")
    assert query(first)["X-Amz-Expires"] == "3600"
    assert query(first)["X-Amz-Date"] == "20270115T080000Z"
    clock.return_value = NOW // 900 * 900 + 899.9
    assert storage.url("a") == first
    clock.return_value += 0.1
    assert storage.url("a") != first


def test_the_window_is_an_option(clock: mock.Mock) -> None:
    """0 signs for each second; a window is never more than half of the life."""
    storage = make(url_window=0)
    first = storage.url("a")
    clock.return_value += 1
    assert storage.url("a") != first
    long = make(url_window=timedelta(days=1))
    signed = datetime.strptime(
        query(long.url("a", expire=100))["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z"
    )
    assert 0 <= clock() - signed.timestamp() < 50


@pytest.mark.parametrize("expire", [604_801, timedelta(days=8)])
def test_no_signed_url_lives_longer_than_seven_days(expire: Any) -> None:
    """S3 would refuse it; the message says so before anybody follows it."""
    with pytest.raises(ValueError, match="seven days"):
        make().url("a", expire=expire)
    with pytest.raises(OptionError, match="seven days"):
        make(querystring_expire=expire).url("a")
    assert query(make().url("a", expire=604_800))["X-Amz-Expires"] == "604800"
    with pytest.raises(ValueError, match="0 seconds"):
        make().url("a", expire=0)


def test_the_method_is_signed() -> None:
    """A URL for HEAD is another one than for GET."""
    storage = make()
    assert (
        storage.url("a", http_method="HEAD")
        != storage.url("a")
        == storage.url("a", http_method="get")
    )


def test_version_and_expires_go_by_boto3s_names() -> None:
    """Times as HTTP writes them."""
    url = make().url(
        "a",
        parameters={
            "VersionId": "v1",
            "ResponseExpires": datetime(2027, 1, 1, tzinfo=timezone.utc),
        },
    )
    assert query(url)["versionId"] == "v1"
    assert query(url)["response-expires"] == "Fri, 01 Jan 2027 00:00:00 GMT"


def test_other_signature_versions_are_botocores() -> None:
    """SigV2, for servers that know nothing else."""
    url = make(signature_version="s3").url("a", parameters={"ResponseContentType": "a/b"})
    assert set(query(url)) == {"AWSAccessKeyId", "Signature", "Expires", "response-content-type"}
    with pytest.raises(OptionError, match="s3v4"):
        make(signature_version="s3").upload_url("a")


def test_no_credentials_are_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's own chain is asked; where it finds nothing there is no signature."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with override_settings(AWS_S3_CUSTOM_DOMAIN=None):  # what was found before is dropped
        with pytest.raises(PermissionError, match="querystring_auth=False"):
            S3Storage(bucket_name="bucket").url("a")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKFROMENV")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        url = S3Storage(bucket_name="bucket").url("a")
    assert query(url)["X-Amz-Credential"].startswith("AKFROMENV/")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[RefreshableCredentials]:
    """Credentials as a role has them: they end 20 minutes from now, and may be refreshed."""
    end = datetime.fromtimestamp(NOW + 1200, tz=timezone.utc)
    found = RefreshableCredentials(
        "AKID",
        "secret",
        "token",
        end,
        refresh_using=mock.Mock(side_effect=AssertionError),
        method="test",
        time_fetcher=lambda: datetime.fromtimestamp(NOW, tz=timezone.utc),
    )
    monkeypatch.setattr(clients, "session", lambda _: mock.Mock(get_credentials=lambda: found))
    monkeypatch.setattr(places, "place", lambda *_: Place("https://b/", "b", "/", "eu-west-1"))
    with override_settings(AWS_S3_CUSTOM_DOMAIN=None):  # what was found before is dropped
        yield found
    places._credentials.clear()


@pytest.mark.parametrize(("expire", "life"), [(3600, 1200), (1000, 1000)])
def test_a_url_says_when_temporary_credentials_end(
    temporary: RefreshableCredentials, expire: int, life: int
) -> None:
    """It lives until then at most, and stays the same all the same."""
    signed = query(S3Storage(bucket_name="bucket", url_window=0).url("a", expire=expire))
    assert (signed["X-Amz-Expires"], signed["X-Amz-Security-Token"]) == (str(life), "token")
    storage = S3Storage(bucket_name="bucket")
    assert storage.url("a", expire=3600) == storage.url("a", expire=3600)


def test_uploads_end_with_temporary_credentials(temporary: RefreshableCredentials) -> None:
    """So do the signatures of forms and of URLs to PUT to."""
    end = datetime.now(timezone.utc) + timedelta(seconds=100)
    temporary._expiry_time = end
    temporary._time_fetcher = lambda: end - timedelta(days=1)
    storage = S3Storage(bucket_name="bucket")
    assert 90 <= int(query(storage.upload_url("a", expire=3600))["X-Amz-Expires"]) <= 100
    form = storage.upload_form("a", expire=3600)
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    until = datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00"))
    assert timedelta(0) <= end - until < timedelta(seconds=10)
