"""URLs and cookies that CloudFront's key signs. No server is asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.exceptions import SuspiciousFileOperation

from storages.errors import OptionError
from tests.backends.s3_signed import NOW, make, query


@pytest.fixture(autouse=True)
def clock() -> Iterator[mock.Mock]:
    """The time stands still, at :data:`NOW`."""
    with mock.patch("storages.backends.s3.urls.time.time", return_value=float(NOW)) as patched:
        yield patched


@pytest.fixture(scope="module")
def pem() -> str:
    """A private key, as CloudFront gives it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def verify(pem: str, message: bytes, signature: str) -> None:
    """Raise InvalidSignature unless CloudFront would accept it."""
    key: Any = serialization.load_pem_private_key(pem.encode(), None)
    raw = base64.b64decode(signature.translate(str.maketrans("-_~", "+=/")))
    key.public_key().verify(raw, message, padding.PKCS1v15(), hashes.SHA1())


def test_cloudfront_signs_the_custom_domain_with_a_canned_policy(pem: str) -> None:
    """The signature is of the policy that CloudFront makes of URL and Expires."""
    storage = make(
        custom_domain="c.example", cloudfront_key=pem, cloudfront_key_id="KID", location="l"
    )
    url = storage.url("ü.txt", parameters={"v": "1"}, expire=1000)
    assert storage.url("ü.txt", parameters={"v": "1"}, expire=1000) == url
    found = query(url)
    assert int(found["Expires"]) == NOW // 250 * 250 + 1000
    assert found["Key-Pair-Id"] == "KID"
    resource = "https://c.example/l/%C3%BC.txt?v=1"
    assert url.startswith(resource + "&")
    policy = (
        f'{{"Statement":[{{"Resource":"{resource}",'
        f'"Condition":{{"DateLessThan":{{"AWS:EpochTime":{found["Expires"]}}}}}}}]}}'
    )
    verify(pem, policy.encode(), found["Signature"])


def test_cloudfront_urls_may_live_longer_than_seven_days(pem: str) -> None:
    """That limit is S3's."""
    storage = make(custom_domain="c.example", cloudfront_key=pem, cloudfront_key_id="KID")
    assert int(query(storage.url("a", expire=timedelta(days=30)))["Expires"]) > NOW + 604_800
    assert "?" not in make(
        custom_domain="c.example",
        cloudfront_key=pem,
        cloudfront_key_id="KID",
        querystring_auth=False,
    ).url("a")


def test_a_given_signer_is_used() -> None:
    """An object with botocore's method."""
    signer = mock.Mock()
    signer.generate_presigned_url.return_value = "https://c.example/signed"
    storage = make(custom_domain="c.example", cloudfront_signer=signer, url_window=0)
    assert storage.url("a", expire=10) == "https://c.example/signed"
    until = datetime.fromtimestamp(NOW + 10, tz=timezone.utc)
    signer.generate_presigned_url.assert_called_once_with(
        "https://c.example/a", date_less_than=until
    )


def test_cookies_open_a_prefix_of_the_custom_domain(pem: str) -> None:
    """A custom policy with a wildcard, signed."""
    storage = make(
        custom_domain="c.example", cloudfront_key=pem, cloudfront_key_id="KID", location="l"
    )
    cookies = storage.signed_cookies("video/ü/", expire=100)
    policy = base64.b64decode(cookies["CloudFront-Policy"].translate(str.maketrans("-_~", "+=/")))
    (statement,) = json.loads(policy)["Statement"]
    assert statement == {
        "Resource": "https://c.example/l/video/%C3%BC/*",
        "Condition": {"DateLessThan": {"AWS:EpochTime": NOW + 100}},
    }
    assert cookies["CloudFront-Key-Pair-Id"] == "KID"
    verify(pem, policy, cookies["CloudFront-Signature"])
    with pytest.raises(SuspiciousFileOperation):
        storage.signed_cookies("../")


def test_cookies_need_a_key_and_a_domain(pem: str) -> None:
    """The message names the options."""
    with pytest.raises(OptionError, match="cloudfront_key"):
        make(custom_domain="c.example").signed_cookies()
    with pytest.raises(OptionError, match="custom_domain"):
        make(cloudfront_key=pem, cloudfront_key_id="KID").signed_cookies()


def test_a_key_that_is_none_is_not_shown() -> None:
    """Neither in the message nor in a cause."""
    storage = make(custom_domain="c.example", cloudfront_key="hunter22", cloudfront_key_id="KID")
    with pytest.raises(OptionError, match="no PEM") as caught:
        storage.url("a")
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None
