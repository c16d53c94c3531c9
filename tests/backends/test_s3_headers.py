"""What S3 objects are given: headers, types, ACLs, encryption, metadata. No server is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.backends.s3 import CallingFormat, S3Storage
from storages.backends.s3.headers import HEADERS, PUT_PARAMETERS
from storages.errors import OptionError


def make(**options: Any) -> S3Storage:
    """A storage that reaches no server."""
    return S3Storage(bucket_name="bucket", **options)


def parameters(storage: S3Storage, name: str = "a.txt", content: Any = None) -> dict[str, Any]:
    """What an upload is given."""
    return storage._get_write_parameters(name, content)


def members() -> set[str]:
    """The parameters that boto3's put_object knows."""
    import boto3

    client = boto3.client("s3", region_name="us-east-1")
    return set(client.meta.service_model.operation_model("PutObject").input_shape.members)


def test_every_parameter_that_is_accepted_is_boto3s() -> None:
    """No upload fails in botocore's validation of names."""
    assert members() >= PUT_PARAMETERS


def test_every_header_is_sent_by_its_parameter() -> None:
    """The table says what botocore does."""
    import boto3

    client = boto3.client("s3", region_name="us-east-1")
    shapes = client.meta.service_model.operation_model("PutObject").input_shape.members
    assert {
        shapes[parameter].serialization["name"].lower(): parameter for parameter in HEADERS.values()
    } == HEADERS


def test_nothing_is_sent_by_default_but_the_type() -> None:
    """No ACL, which new buckets refuse."""
    assert parameters(make()) == {"ContentType": "text/plain"}


def test_headers_become_parameters_in_any_case() -> None:
    """The manual's literal settings, and everything else that an upload can have."""
    headers = {
        "Expires": "Thu, 15 Apr 2010 20:00:00 GMT",
        "cache-control": "max-age=86400",
        "X-AMZ-ACL": "private",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-website-redirect-location": "/b",
        "Content-Disposition": "attachment",
        "Content-Language": "de",
        "x-amz-meta-Colour": "red",
        "x-amz-meta-n": 1,
    }
    kept = dict(headers)
    storage = make(headers=headers)
    assert parameters(storage) == {
        "Expires": "Thu, 15 Apr 2010 20:00:00 GMT",
        "CacheControl": "max-age=86400",
        "ACL": "private",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "WebsiteRedirectLocation": "/b",
        "ContentDisposition": "attachment",
        "ContentLanguage": "de",
        "ContentType": "text/plain",
        "Metadata": {"colour": "red", "n": "1"},
    }
    assert headers == kept


def test_the_header_of_one_file_never_reaches_another() -> None:
    """1.1.4 changed the setting's dict with each upload."""
    setting: dict[str, Any] = {"Cache-Control": "no-cache"}
    with override_settings(AWS_HEADERS=setting, AWS_S3_OBJECT_PARAMETERS={"Metadata": {"a": "b"}}):
        storage = make()
        first = parameters(storage, "a.css")
        first["ContentEncoding"] = "gzip"
        first["Metadata"]["c"] = "d"
        assert parameters(storage, "b.png") == {
            "CacheControl": "no-cache",
            "Metadata": {"a": "b"},
            "ContentType": "image/png",
        }
    assert setting == {"Cache-Control": "no-cache"}


def test_an_unknown_header_is_an_error_at_once() -> None:
    """With the one that was meant."""
    with pytest.raises(OptionError, match=r"'Cache-Contrl'.*'cache-control'"):
        make(headers={"Cache-Contrl": "x"})
    with override_settings(AWS_HEADERS={"Authorization": "x"}), pytest.raises(OptionError):
        make()


@pytest.mark.parametrize("name", ["Body", "Bucket", "Key", "IfNoneMatch", "ContentLength", "Acl"])
def test_an_unknown_object_parameter_is_an_error_at_once(name: str) -> None:
    """So is one that is the storage's own business."""
    with pytest.raises(OptionError, match=f"'{name}'"):
        make(object_parameters={name: "x"})


def test_object_parameters_win_over_headers_and_options() -> None:
    """Metadata of both is sent."""
    storage = make(
        headers={"Cache-Control": "a", "Content-Language": "de", "x-amz-meta-a": "1"},
        default_acl="private",
        object_parameters={
            "CacheControl": "b",
            "ACL": "public-read",
            "ContentType": "x/y",
            "Metadata": {"b": "2"},
        },
    )
    assert parameters(storage, "a.txt", ContentFile(b"")) == {
        "CacheControl": "b",
        "ContentLanguage": "de",
        "ACL": "public-read",
        "ContentType": "x/y",
        "Metadata": {"a": "1", "b": "2"},
    }


def test_a_subclass_may_decide_per_file() -> None:
    """``get_object_parameters`` gets the object's key."""

    class PerFile(S3Storage):
        def get_object_parameters(self, name: str) -> dict[str, Any]:
            return {**super().get_object_parameters(name), "ContentDisposition": name}

    storage = PerFile(bucket_name="b", object_parameters={"CacheControl": "x"})
    assert parameters(storage, "l/a.txt") == {
        "CacheControl": "x",
        "ContentDisposition": "l/a.txt",
        "ContentType": "text/plain",
    }


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"default_acl": "public-read"}, {"ACL": "public-read"}),
        ({"encryption": True}, {"ServerSideEncryption": "AES256"}),
        ({"encryption": "aws:kms"}, {"ServerSideEncryption": "aws:kms"}),
        ({"reduced_redundancy": True}, {"StorageClass": "REDUCED_REDUNDANCY"}),
    ],
)
def test_options_become_parameters(options: dict[str, Any], given: dict[str, Any]) -> None:
    """ACL, encryption, storage class."""
    assert parameters(make(**options)) == {**given, "ContentType": "text/plain"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.csv.gz", "application/gzip"),
        ("a.tar.bz2", "application/x-bzip2"),
        ("a.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_type_is_guessed_from_the_name(name: str, kind: str) -> None:
    """A compressed file stays one: no Content-Encoding, or clients would unpack it."""
    assert parameters(make(), name) == {"ContentType": kind}


def test_the_contents_own_type_wins() -> None:
    """That of an upload; an empty one does not count."""
    content = ContentFile(b"")
    content.content_type = "x/y"  # type: ignore[attr-defined]
    assert parameters(make(), "a.png", content)["ContentType"] == "x/y"
    content.content_type = ""  # type: ignore[attr-defined]
    assert parameters(make(), "a.png", content)["ContentType"] == "image/png"


def test_a_subclass_may_have_another_default_type() -> None:
    """django-storages documents the attribute."""

    class Text(S3Storage):
        default_content_type = "text/plain"

    assert parameters(Text(bucket_name="b"), "a")["ContentType"] == "text/plain"


# ------------------------------------------------------- addresses, the old way


class OrdinaryCallingFormat:
    """Stands for boto's class, which is found by its name."""


class SubdomainCallingFormat(OrdinaryCallingFormat):
    """Likewise."""


class VHostCallingFormat(OrdinaryCallingFormat):
    """Likewise."""


@pytest.mark.parametrize(
    ("value", "url"),
    [
        *((v, "https://s3.amazonaws.com/b-example/a") for v in (1, "path", "PATH")),
        (CallingFormat.PATH, "https://s3.amazonaws.com/b-example/a"),
        (OrdinaryCallingFormat(), "https://s3.amazonaws.com/b-example/a"),
        ("boto.s3.connection.OrdinaryCallingFormat", "https://s3.amazonaws.com/b-example/a"),
        *((v, "https://b-example.s3.amazonaws.com/a") for v in (2, "subdomain", "virtual")),
        (CallingFormat.SUBDOMAIN, "https://b-example.s3.amazonaws.com/a"),
        (SubdomainCallingFormat(), "https://b-example.s3.amazonaws.com/a"),
        *((v, "https://b-example/a") for v in (3, "vanity")),
        (CallingFormat.VANITY, "https://b-example/a"),
        (VHostCallingFormat(), "https://b-example/a"),
        ("boto.s3.connection.VHostCallingFormat", "https://b-example/a"),
    ],
)
def test_calling_formats_of_all_times(value: Any, url: str) -> None:
    """Numbers, words, boto's classes: as setting (both names) and as option."""
    given = {"bucket_name": "b-example", "querystring_auth": False}
    assert S3Storage(**given, addressing_style=value).url("a") == url
    assert S3Storage(**given, calling_format=value).url("a") == url
    for setting in ("AWS_CALLING_FORMAT", "AWS_S3_CALLING_FORMAT", "AWS_S3_ADDRESSING_STYLE"):
        with override_settings(**{setting: value}):
            assert S3Storage(**given).url("a") == url


@pytest.mark.parametrize("value", [4, True, "boto.Nonsense", object()])
def test_other_calling_formats_are_refused(value: Any) -> None:
    """The message lists those that exist."""
    with pytest.raises(OptionError, match="vanity"):
        make(addressing_style=value)


def test_the_settings_module_can_import_the_calling_format(tmp_path: Path) -> None:
    """Without boto3, and without settings."""
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "from storages.backends.s3 import CallingFormat\n"
        "print(CallingFormat.SUBDOMAIN)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")
