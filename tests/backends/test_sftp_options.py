"""SFTP storages made: options and settings, checks, migrations, URLs; nothing is connected to."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils.functional import lazystr

from storages import checks
from storages.backends import sftpstorage
from storages.backends.sftp import SFTPStorage, SFTPStorageFile
from storages.errors import NoURL, OptionError
from storages.options import options_of
from storages.redact import redacted

SFTP = "storages.backends.sftp.SFTPStorage"
SECRETS: dict[str, Any] = {
    "password": "p@ss&word/1",
    "passphrase": "p@ss&phrase/2",
    "pkey": "-----BEGIN KEY-----\nc3RvcmFnZXMtdGVzdC1rZXk=\n-----END KEY-----",
}
PARAMS: dict[str, Any] = {
    "username": "anna",
    "port": 2222,
    **SECRETS,
    "proxy_jump": {"hostname": "gate", "username": "bert", "password": "p@ss&word/3"},
}


def test_everything_by_the_settings_of_1_1_4() -> None:
    """Their names, and what they mean, have not changed."""
    settings = {
        "SFTP_STORAGE_HOST": "h.example",
        "SFTP_STORAGE_ROOT": "/srv/media/",
        "SFTP_STORAGE_PARAMS": {"username": "anna"},
        "SFTP_STORAGE_INTERACTIVE": True,
        "SFTP_STORAGE_FILE_MODE": 0o640,
        "SFTP_STORAGE_DIR_MODE": 0o750,
        "SFTP_STORAGE_UID": 0,
        "SFTP_STORAGE_GID": 0,
        "SFTP_KNOWN_HOST_FILE": "/etc/known_hosts",
        "SFTP_BASE_URL": "/media/",
    }
    with override_settings(**settings):
        storage = SFTPStorage()
        assert [getattr(storage, name) for name in SFTPStorage.positional[:10]] == list(
            settings.values()
        )
        assert storage.host_key_policy == "reject"
        assert storage.deconstruct() == (SFTP, [], {})


def test_everything_by_position_or_keyword() -> None:
    """In the order in which the settings are documented."""
    values = ["h", "/r", {}, True, 0o644, 0o755, 1, 2, "/k", "/u/", "accept-new"]
    by_position = SFTPStorage(*values)
    by_keyword = SFTPStorage(**dict(zip(SFTPStorage.positional, values, strict=True)))
    for name, value in zip(SFTPStorage.positional, values, strict=True):
        assert getattr(by_position, name) == getattr(by_keyword, name) == value
    with pytest.raises(TypeError, match="11 arguments"):
        SFTPStorage(*values, "one too many")
    with pytest.raises(TypeError, match="'host'"):
        SFTPStorage("h", host="h")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "SFTP_STORAGE_HOST"),
        ({"host": ""}, "SFTP_STORAGE_HOST"),
        ({"host": "h", "hots": "h"}, "'host'"),
        ({"host": "h", "params": {"usernam": "a"}}, "'username'"),
        ({"host": "h", "params": {"hostname": "a"}}, "'host'"),
        ({"host": "h", "params": {"sock": object()}}, "function"),
        ({"host": "h", "params": {"proxy_jump": "a", "proxy_command": "b"}}, "one of"),
        ({"host": "h", "params": {"proxy_jump": {"port": 1}}}, "hostname"),
        ({"host": "h", "params": {"proxy_jump": {"hostname": "a", "usernam": 1}}}, "'username'"),
        ({"host": "h", "params": {"proxy_jump": 5}}, "proxy_jump"),
        ({"host": "h", "params": {"pkey": "a"}, "private_key": "b"}, "private_key"),
        ({"host": "h", "host_key_policy": "warn"}, "accept-new"),
        ({"host": "h", "file_mode": "0644"}, "file_mode"),
        ({"host": "h", "dir_mode": 755000}, "dir_mode"),
        ({"host": "h", "uid": -1}, "uid"),
        ({"host": "h", "timeout": 0}, "timeout"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_made(options: dict[str, Any], text: str) -> None:
    """With the name of the option, and what to write instead."""
    with pytest.raises(ImproperlyConfigured, match=text):
        SFTPStorage(**options)


def test_a_refusal_shows_no_secret() -> None:
    """Whatever else is wrong with the parameters."""
    with pytest.raises(OptionError) as caught:
        SFTPStorage(host="h", params={**SECRETS, "usernam": "a"})
    for secret in SECRETS.values():
        assert secret not in str(caught.value)


def test_the_parameters_are_copied() -> None:
    """Nothing of ours ends up in the project's settings, and nothing of theirs changes ours."""
    given = {"username": "anna"}
    storage = SFTPStorage(host="h", params=given)
    given["username"] = "bert"
    assert storage.params == {"username": "anna"}
    with override_settings(SFTP_STORAGE_PARAMS=given):
        storage = SFTPStorage(host="h")
        storage.params["username"] = "carl"  # type: ignore[index]
        assert given == {"username": "bert"}


def test_secrets_are_left_out_wherever_the_storage_is_shown() -> None:
    """The rest of the parameters stays: with a key file, it is all that a worker needs."""
    storage = SFTPStorage(host="h", params=PARAMS)
    kept = {
        "username": "anna",
        "port": 2222,
        "proxy_jump": {"hostname": "gate", "username": "bert"},
    }
    assert storage.deconstruct() == (SFTP, [], {"host": "h", "params": kept})
    field = models.FileField(storage=storage)
    shown = [repr(storage), MigrationWriter.serialize(field)[0]]
    secrets = [*SECRETS.values(), "p@ss&word/3"]
    shown.append(redacted(" ".join(["of anna:", *secrets]), storage))
    for text in shown:
        assert not any(secret in text for secret in secrets)
        assert "anna" in text


def test_a_key_of_its_own_option_is_a_secret() -> None:
    """All of it."""
    storage = SFTPStorage(host="h", private_key="a long private key")
    assert storage.deconstruct() == (SFTP, [], {"host": "h"})
    assert redacted("a long private key!", storage) == "***!"


def test_a_pickled_storage_is_made_of_its_options() -> None:
    """And of nothing of the settings."""
    with override_settings(SFTP_STORAGE_PARAMS=PARAMS):
        data = pickle.dumps(SFTPStorage(host="h", root_path=Path("/r").as_posix()))
    assert b"p@ss" not in data
    copy = pickle.loads(data)
    assert (copy.host, copy.root_path, copy.params) == ("h", "/r", {})


def test_the_old_module_has_the_same_class() -> None:
    """Migrations and settings that name it go on."""
    assert sftpstorage.SFTPStorage is SFTPStorage
    assert sftpstorage.SFTPStorageFile is SFTPStorageFile
    storage = sftpstorage.SFTPStorage(host="h")
    assert storage.deconstruct()[0] == SFTP


# ---------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("settings", "options", "url"),
    [
        ({"MEDIA_URL": "/media/"}, {}, "/media/a/%C3%BC%20b%3F.txt"),
        ({"MEDIA_URL": "/media/"}, {"base_url": "https://f.example/x"}, "https://f.example/x/"),
        ({"MEDIA_URL": "/media/", "SFTP_BASE_URL": "/files"}, {}, "/files/a/"),
        ({"MEDIA_URL": ""}, {"base_url": "/"}, "/a/"),
        ({"MEDIA_URL": ""}, {"base_url": lazystr("/later/")}, "/later/a/"),
        ({"MEDIA_URL": ""}, {}, None),
        ({"MEDIA_URL": "/media/"}, {"base_url": None}, None),
        ({"MEDIA_URL": "/media/", "SFTP_BASE_URL": None}, {}, None),
        ({"MEDIA_URL": "/media/", "SFTP_BASE_URL": ""}, {}, None),
    ],
)
def test_urls(settings: dict[str, Any], options: dict[str, Any], url: str | None) -> None:
    """``base_url``, then ``MEDIA_URL``, then none; never ``sftp://``."""
    with override_settings(**settings):
        storage = SFTPStorage(host="h", params={"username": "anna"}, **options)
        if url is None:
            with pytest.raises(NoURL):
                storage.url("a/ü b?.txt")
        else:
            assert storage.url("a/ü b?.txt").startswith(url)


# ---------------------------------------------------------------------- docs

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["backends/sftp.rst", "django-storages.rst"])
def test_every_setting_that_is_named_exists(page: str) -> None:
    """So nobody pastes what has no effect."""
    known = {setting for option in options_of(SFTPStorage).values() for setting in option.settings}
    named = set(re.findall(r"\bSFTP_[A-Z_]*[A-Z]\b", (DOCS / page).read_text()))
    assert named
    assert named <= known


# -------------------------------------------------------------------- checks


def found(**options: Any) -> list[CheckMessage]:
    """What the checks say of this storage."""
    entry = {"BACKEND": SFTP, "OPTIONS": options}
    with override_settings(STORAGES={"default": entry}):
        return [it for it in run_checks() if (it.id or "").startswith("storages.")]


def test_w020_warns_of_hosts_that_are_not_verified() -> None:
    """And of nothing else."""
    for policy in ("reject", "accept-new"):
        assert found(host="h", host_key_policy=policy) == []
    (message,) = found(host="h.example", host_key_policy="ignore")
    assert message.id == "storages.W020"
    assert "h.example" in message.msg
    assert "SFTP_STORAGE_HOST_KEY_POLICY" in str(message.hint)


def test_e003_tells_what_the_constructor_refuses() -> None:
    """Without a connection, and without a secret."""
    (message,) = found(params=SECRETS)
    assert message.id == "storages.E003"
    assert "SFTP_STORAGE_HOST" in message.msg


def test_w005_finds_only_the_secret_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration may well hold a user's name."""
    from django.db import migrations
    from django.db.migrations.loader import MigrationLoader

    def load(loader: Any) -> None:
        loader.disk_migrations = {}
        for name, params in (("good", {"username": "anna"}), ("bad", PARAMS)):
            field = models.FileField(storage=SFTPStorage(host="h", params=params))
            made: Any = migrations.Migration(name, "app")  # with a list of its own
            made.operations.append(migrations.AddField("thing", "file", field))
            loader.disk_migrations["app", name] = made

    monkeypatch.setattr(MigrationLoader, "load_disk", load)
    (message,) = checks.check_migrations()
    assert "app.bad holds secrets: params" in message.msg
