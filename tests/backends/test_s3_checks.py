"""What ``manage.py check`` tells of S3 storages, and the classes of old paths."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import migrations, models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils.module_loading import import_string

from storages import checks
from storages.backends.s3 import S3File, S3ManifestStaticStorage, S3StaticStorage, S3Storage
from storages.backends.s3boto import S3BotoStorage
from storages.backends.s3boto3 import S3Boto3Storage
from storages.errors import OptionError

S3 = "storages.backends.s3.S3Storage"
NEW: dict[str, Any] = {"bucket_name": "b", "file_overwrite": False}


def found(backend: str = S3, settings: Any = None, **options: Any) -> list[CheckMessage]:
    """What the checks say of this storage."""
    entry = {"BACKEND": backend, "OPTIONS": options}
    with override_settings(STORAGES={"default": entry}, **(settings or {})):
        return [it for it in run_checks() if (it.id or "").startswith("storages.")]


def ids(*args: Any, **options: Any) -> list[str | None]:
    """Their ids."""
    return [message.id for message in found(*args, **options)]


def test_a_project_that_says_everything_hears_nothing() -> None:
    """No check fires on an ordinary configuration."""
    assert ids(**NEW) == []
    assert ids(**NEW, custom_domain="c.example") == []
    assert ids(**NEW, endpoint_url="http://minio:9000", public_endpoint_url="https://f") == []


def test_w010_tells_who_does_not_say_whether_to_replace() -> None:
    """The default is not that of django-storages before 2.0."""
    (message,) = found(bucket_name="b")
    assert message.id == "storages.W010"
    assert "AWS_S3_FILE_OVERWRITE" in str(message.hint)
    for value in (True, False):
        assert ids(bucket_name="b", file_overwrite=value) == []
        assert ids(settings={"AWS_S3_FILE_OVERWRITE": value}, bucket_name="b") == []


@pytest.mark.parametrize(
    "backend",
    [
        "storages.backends.s3.S3StaticStorage",
        "storages.backends.s3.S3ManifestStaticStorage",
        "storages.backends.s3boto.S3BotoStorage",
        "storages.backends.s3boto3.S3Boto3Storage",
        f"{__name__}.Keeping",
    ],
)
def test_w010_is_not_for_classes_that_say_it_themselves(backend: str) -> None:
    """Static files and the old names replace; a subclass's attribute counts."""
    assert ids(backend, bucket_name="b") == []


class Keeping(S3Storage):
    """A project's subclass."""

    file_overwrite = False


@pytest.mark.parametrize("version", ["s3", "s3-query", "v2"])
def test_w011_tells_of_sigv2(version: str) -> None:
    """AWS refuses it nearly everywhere."""
    assert ids(**NEW, signature_version=version) == ["storages.W011"]


def test_e010_tells_of_an_expiry_that_s3_refuses() -> None:
    """CloudFront's and unsigned URLs have no such limit."""
    assert ids(**NEW, querystring_expire=604_801) == ["storages.E010"]
    assert ids(**NEW, querystring_expire=604_800) == []
    assert ids(**NEW, querystring_expire=604_801, querystring_auth=False) == []
    assert ids(**NEW, querystring_expire=604_801, custom_domain="c.example") == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"querystring_auth": True, "custom_domain": "c.example"}, "no CloudFront key"),
        ({"cloudfront_signer": object()}, "no custom_domain"),
        ({"custom_domain": "c", "public_endpoint_url": "https://f"}, "custom_domain wins"),
        ({"endpoint_url": "http://minio", "host": "s3.example"}, "endpoint_url wins"),
    ],
)
def test_w012_tells_of_options_without_effect(options: dict[str, Any], text: str) -> None:
    """What somebody wrote and does not get."""
    (message,) = found(**NEW, **options)
    assert message.id == "storages.W012"
    assert text in message.msg


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "AWS_STORAGE_BUCKET_NAME"),
        ({"bucket_name": ""}, "AWS_STORAGE_BUCKET_NAME"),
        ({**NEW, "access_key": "k"}, "AWS_S3_SECRET_ACCESS_KEY"),
        ({**NEW, "access_key": "k", "secret_key": "s", "session_profile": "p"}, "session_profile"),
        ({**NEW, "cloudfront_key": "k"}, "AWS_CLOUDFRONT_KEY_ID"),
        ({**NEW, "cloudfront_key_id": "k"}, "AWS_CLOUDFRONT_KEY"),
        ({**NEW, "headers": {"X-Nonsense": "1"}}, "X-Nonsense"),
        ({**NEW, "object_parameters": {"Acl": "private"}}, "ACL"),
        ({**NEW, "encrypt": True}, "ezPyCrypto"),
        ({**NEW, "file_name_charset": "latin-1"}, "UTF-8"),
        ({**NEW, "location": "/media"}, "slash"),
    ],
)
def test_what_cannot_work_is_refused_by_the_constructor(options: dict[str, Any], text: str) -> None:
    """And reported as an error, naming the settings."""
    with pytest.raises(ImproperlyConfigured, match=text):
        S3Storage(**options)
    (message,) = found(**options)
    assert message.id == "storages.E003"
    assert text in message.msg


# ----------------------------------------------------------------- migrations


def migration(storage: Any) -> dict[tuple[str, str], Any]:
    """The migrations of a project whose field has ``storage``, in three kinds of operation."""
    field = models.FileField(storage=storage)
    operations = [
        migrations.CreateModel("Paper", [("id", models.AutoField(primary_key=True)), ("f", field)]),
        migrations.AddField("paper", "g", field),
        migrations.AlterField("paper", "g", field),
        migrations.RunPython(migrations.RunPython.noop),
    ]
    return {("app", "0001_initial"): SimpleNamespace(operations=operations)}


def looked_through(storage: Any) -> list[CheckMessage]:
    """What is told of such a project."""

    def load_disk(loader: Any) -> None:
        loader.disk_migrations = migration(storage)

    with mock.patch("django.db.migrations.loader.MigrationLoader.load_disk", load_disk):
        return checks.check_migrations()


def test_w005_tells_of_secrets_in_migrations() -> None:
    """Older packages wrote them there."""
    messages = looked_through(S3Storage(bucket_name="b", access_key="AK", secret_key="hunter22"))
    assert [message.id for message in messages] == ["storages.W005"] * 3
    assert "app.0001_initial" in messages[0].msg
    assert "access_key, secret_key" in messages[0].msg
    assert "Paper.f" in messages[0].msg
    assert "hunter22" not in str(messages)


def test_w005_is_for_secrets_only() -> None:
    """Other options belong into a migration, and so do other storages."""
    with override_settings(AWS_S3_ACCESS_KEY_ID="AK", AWS_S3_SECRET_ACCESS_KEY="hunter22"):
        assert looked_through(S3Storage(bucket_name="b", location="l")) == []
    assert looked_through(None) == []


def test_w005_looks_at_the_projects_own_migrations() -> None:
    """Those on disk; and tells when they cannot be loaded."""
    assert checks.check_migrations() == []
    failing = mock.patch(
        "django.db.migrations.loader.MigrationLoader.load_disk", side_effect=ImportError("old.path")
    )
    with failing:
        (message,) = checks.check_migrations()
    assert (message.id, "old.path" in message.msg) == ("storages.W005", True)


# ------------------------------------------------------------------ old paths


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("storages.backends.s3.S3Storage", S3Storage),
        ("storages.backends.s3.S3StaticStorage", S3StaticStorage),
        ("storages.backends.s3.S3ManifestStaticStorage", S3ManifestStaticStorage),
        ("storages.backends.s3.S3File", S3File),
        ("storages.backends.s3boto.S3BotoStorage", S3BotoStorage),
        ("storages.backends.s3boto.S3BotoStorageFile", S3File),
        ("storages.backends.s3boto3.S3Boto3Storage", S3Boto3Storage),
        ("storages.backends.s3boto3.S3Boto3StorageFile", S3File),
        ("storages.backends.s3boto3.S3StaticStorage", S3StaticStorage),
        ("storages.backends.s3boto3.S3ManifestStaticStorage", S3ManifestStaticStorage),
    ],
)
def test_every_path_leads_to_its_class(path: str, kind: type) -> None:
    """Those of settings, imports and migrations."""
    assert import_string(path) is kind


@pytest.mark.parametrize(
    "path",
    [
        "storages.backends.s3.S3Storage",
        "storages.backends.s3.S3StaticStorage",
        "storages.backends.s3boto.S3BotoStorage",
        "storages.backends.s3boto3.S3Boto3Storage",
    ],
)
def test_a_migration_names_the_class_by_its_path(path: str) -> None:
    """With what it was given, never a secret; and pickles."""
    module, _, name = path.rpartition(".")
    storage = import_string(path)(bucket="b", acl="private", access_key="AK", secret_key="hunter22")
    text, imports = MigrationWriter.serialize(storage)
    assert text == f"{path}(bucket_name='b', default_acl='private')"
    assert imports == {f"import {module}"}
    assert type(pickle.loads(pickle.dumps(storage))).__name__ == name


def test_the_old_names_replace_unless_told_not_to() -> None:
    """As they always did."""
    for kind in (S3BotoStorage, S3Boto3Storage):
        assert kind(bucket_name="b").overwrites
        assert not kind(bucket_name="b", file_overwrite=False).overwrites
        with override_settings(AWS_S3_FILE_OVERWRITE=False):
            assert not kind(bucket_name="b").overwrites
    assert not S3Storage(bucket_name="b").overwrites


def test_static_storages_do_not_follow_the_settings_of_uploads() -> None:
    """They replace and never sign; arguments still count."""
    with override_settings(AWS_S3_FILE_OVERWRITE=False, AWS_QUERYSTRING_AUTH=True):
        for kind in (S3StaticStorage, S3ManifestStaticStorage):
            storage = kind(bucket_name="bucket")
            assert (storage.overwrites, storage.querystring_auth) == (True, False)
        url = S3StaticStorage(bucket_name="bucket").url("a.css")
        assert url == "https://bucket.s3.amazonaws.com/a.css"
    assert S3StaticStorage(bucket_name="b", querystring_auth=True).querystring_auth


def test_positional_arguments_keep_their_order() -> None:
    """Each old class had its own."""
    values = ("b", "AK", "SK", "private", 2, False, True, ["text/css"], True)
    storage = S3Storage(*values)
    assert (storage.bucket_name, storage.access_key, storage.default_acl) == ("b", "AK", "private")
    assert (storage.addressing_style, storage.gzip, storage.gzip_content_types) == (
        "virtual",
        True,
        ("text/css",),
    )
    more = ("b", "AK", "SK", "public-read", "private", {"Cache-Control": "x"}, True)
    boto = S3BotoStorage(*more)
    assert (boto.bucket_acl, boto.default_acl, boto.gzip) == ("public-read", "private", True)
    boto3 = S3Boto3Storage("private", "b")
    assert (boto3.default_acl, boto3.bucket_name) == ("private", "b")
    with pytest.raises(TypeError, match="2 arguments"):
        S3Boto3Storage("private", "b", "more")
    with pytest.raises(TypeError, match="bucket_name"):
        S3Storage("b", bucket="c")


def test_an_unknown_option_names_the_nearest_one() -> None:
    """Not silently dropped."""
    with pytest.raises(OptionError, match="'bucket_name'"):
        S3Storage(bucket_nam="b")
