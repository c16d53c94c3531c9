"""URLs and forms for uploads that bypass the server, as they are made. No server is asked."""

from __future__ import annotations

import base64
import json
import re

import pytest
from django.core.exceptions import SuspiciousFileOperation

from tests.backends.s3_signed import make, query


def test_an_upload_form_demands_what_it_says() -> None:
    """Each field is a condition of the policy, and so are size and type."""
    storage = make(
        location="up",
        default_acl="private",
        encryption=True,
        headers={"Cache-Control": "max-age=9", "x-amz-meta-a": "b"},
        security_token="token",
    )
    form = storage.upload_form("ü.png", expire=60, max_size=1000)
    assert form["url"] == "https://bucket.s3.amazonaws.com/"
    fields = form["fields"]
    assert fields["key"] == "up/ü.png"
    assert {name: fields[name] for name in ("acl", "Content-Type", "Cache-Control")} == {
        "acl": "private",
        "Content-Type": "image/png",
        "Cache-Control": "max-age=9",
    }
    assert fields["x-amz-server-side-encryption"] == "AES256"
    assert fields["x-amz-meta-a"] == "b"
    assert fields["x-amz-security-token"] == "token"
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    demanded = {
        name: value for each in conditions if isinstance(each, dict) for name, value in each.items()
    }
    signed = {n: v for n, v in fields.items() if n not in {"policy", "x-amz-signature"}}
    assert demanded == {"bucket": "bucket", **signed}
    assert [each for each in conditions if isinstance(each, list)] == [
        ["content-length-range", 0, 1000]
    ]
    assert re.fullmatch("[0-9a-f]{64}", fields["x-amz-signature"])


def test_an_upload_form_may_leave_the_kind_of_image_open() -> None:
    """A type that ends in * is a prefix."""
    form = make().upload_form("a", content_type="image/*")
    assert "Content-Type" not in form["fields"]
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    assert ["starts-with", "$Content-Type", "image/"] in policy["conditions"]


def test_an_upload_url_signs_its_headers() -> None:
    """The client has to send them."""
    url = make().upload_url("a", content_type="text/x", headers={"If-None-Match": "*"})
    assert query(url)["X-Amz-SignedHeaders"] == "content-type;host;if-none-match"


@pytest.mark.parametrize("name", ["", "../x", "/x", "a/"])
def test_uploads_are_for_files_of_the_storage(name: str) -> None:
    """No other names are given away."""
    for method in (make().upload_url, make().upload_form):
        with pytest.raises(SuspiciousFileOperation):
            method(name)


def test_uploads_live_no_longer_than_urls() -> None:
    """Seven days."""
    for method in (make().upload_url, make().upload_form):
        with pytest.raises(ValueError, match="seven days"):
            method("a", expire=604_801)
