"""The options of Cloud Files: those of 1.1.4 as they were, refusals, migrations, checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils.module_loading import import_string

from storages.backends.cloudfiles import CloudFilesStorage, ThreadSafeCloudFilesStorage
from storages.errors import OptionError
from tests.backends.cloudfiles import read
from tests.servers import shared
from tests.servers.http import Reply, ScriptedServer
from tests.servers.swift import Swift

PATH = "storages.backends.cloudfiles.CloudFilesStorage"
GIVEN = {"username": "me", "api_key": "a-secret-key", "container": "files"}
SETTINGS = {f"CLOUDFILES_{name.upper()}": value for name, value in GIVEN.items()}


def test_the_settings_of_1_1_4() -> None:
    """The documented settings are all it takes; CLOUDFILES_CONNECTION_KWARGS as it was."""
    server = shared(Swift)
    kwargs = {
        "authurl": server.auth_url,
        "timeout": 30,
        "servicenet": False,
        "useragent": "my site",
        "debuglevel": 0,
    }
    with override_settings(
        CLOUDFILES_USERNAME=server.user_name,
        CLOUDFILES_API_KEY=server.key,
        CLOUDFILES_CONTAINER=server.new_container(),
        CLOUDFILES_CONNECTION_KWARGS=kwargs,
        CLOUDFILES_TTL=600,
        CLOUDFILES_SSL=True,
    ):
        for path in (PATH, "storages.backends.mosso.CloudFilesStorage"):
            with import_string(path)() as storage:
                name = storage.save("a.txt", ContentFile(b"abc"))
                assert read(storage, name) == b"abc"
                assert (storage.connect_timeout, storage.read_timeout) == (30, 30)
                assert (storage.ttl, storage.ssl) == (600, True)


def test_positional_arguments() -> None:
    """They are those of 1.1.4, in its order; None says nothing."""
    with override_settings(CLOUDFILES_CONTAINER="files"):
        storage = CloudFilesStorage("me", "key", None, {"timeout": 7})
        assert storage.container_name == "files"
    assert storage.given == {
        "username": "me",
        "api_key": "key",
        "connection_kwargs": {"timeout": 7},
    }
    with pytest.raises(TypeError, match="4 arguments"):
        CloudFilesStorage("me", "key", "files", {}, "more")
    with pytest.raises(TypeError, match="several values"):
        CloudFilesStorage("me", username="me")


def test_the_timeout_of_connection_kwargs() -> None:
    """It counts where no option of its own says something else."""
    given = {**GIVEN, "connection_kwargs": {"timeout": 7}}
    storage = CloudFilesStorage(**given, read_timeout=9)
    assert (storage.connect_timeout, storage.read_timeout) == (7, 9)
    with override_settings(CLOUDFILES_CONNECT_TIMEOUT=3):
        storage = CloudFilesStorage(**given)
        assert (storage.connect_timeout, storage.read_timeout) == (3, 7)
    assert CloudFilesStorage(**GIVEN).read_timeout == 60


def test_the_user_agent() -> None:
    """connection_kwargs['useragent'] is what requests say they come from."""
    with ScriptedServer(handler=lambda _: Reply(500)) as server:
        given = {"useragent": "my site", "authurl": f"{server.url}/auth"}
        storage = CloudFilesStorage(**GIVEN, connection_kwargs=given)
        with pytest.raises(OSError):  # noqa: PT011 - what it is told to say
            storage.exists("a")
        assert {each.headers["user-agent"] for each in server.requests} == {"my site"}
        storage.close()


@pytest.mark.parametrize("missing", ["username", "api_key", "container"])
def test_what_is_missing_is_named(missing: str) -> None:
    """The error names the setting."""
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(ImproperlyConfigured, match=f"CLOUDFILES_{missing.upper()}"):
        CloudFilesStorage(**given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"contanier": "x"}, "Did you mean 'container'"),
        ({"connection_kwargs": {"authurI": "x"}}, "Did you mean 'authurl'"),
        ({"container": "a/b"}, "without a slash"),
        ({"container": "é" * 129}, "256 bytes"),
        ({"segment_size": 1000}, "between 1 MiB and 5 GiB"),
        ({"temp_url_digest": "md5"}, "sha256"),
        ({"auth_version": 4}, "must be 1, 2 or 3"),
        ({"api_key": 5}, "must be str"),
    ],
)
def test_what_is_wrong_is_refused(options: dict[str, Any], said: str) -> None:
    """Unknown and impossible options are refused by the constructor."""
    with pytest.raises(OptionError, match=said):
        CloudFilesStorage(**{**GIVEN, **options})


def test_versions_by_address() -> None:
    """The path of the address says which protocol it is; an option overrules it."""
    for url, version in (
        ("https://auth.api.rackspacecloud.com/v1.0", 1),
        ("https://swift.example/auth/v1.0", 1),
        ("https://identity.api.rackspacecloud.com/v2.0/", 2),
        ("https://keystone.example:5000/v3", 3),
        ("https://keystone.example/identity/v3/", 3),
    ):
        assert CloudFilesStorage(**GIVEN, auth_url=url).effective_auth_version == version
    given = {"auth_url": "https://k.example/identity", "auth_version": "2.0"}
    assert CloudFilesStorage(**GIVEN, **given).effective_auth_version == 2
    default = CloudFilesStorage(**GIVEN)
    assert default.effective_auth_url == "https://auth.api.rackspacecloud.com/v1.0"


def test_durations() -> None:
    """Seconds may be given as a timedelta."""
    storage = CloudFilesStorage(**GIVEN, ttl=timedelta(hours=1), delete_after=timedelta(days=1))
    assert (storage.ttl, storage.delete_after) == (3600, 86400)


def test_migrations_hold_no_secret() -> None:
    """What a migration writes has neither the key nor a token, and loads again."""
    token = ("http://swift.example/v1/a", "a-secret-token")
    storage = CloudFilesStorage(
        **GIVEN, temp_url_key="a-secret-too", connection_kwargs={"auth": token, "timeout": 7}
    )
    text, imports = MigrationWriter.serialize(storage)
    assert "secret" not in text
    assert "secret" not in repr(storage)
    assert imports == {"import storages.backends.cloudfiles"}
    with override_settings(**SETTINGS):
        path, args, kwargs = storage.deconstruct()
        again = import_string(path)(*args, **kwargs)
        assert again.connection_kwargs == {"timeout": 7}
        assert ThreadSafeCloudFilesStorage().deconstruct() == (
            "storages.backends.cloudfiles.ThreadSafeCloudFilesStorage",
            [],
            {},
        )


@pytest.mark.parametrize(
    "given",
    [
        {"auth_url": "https://me:a-secret@swift.example/v1.0"},
        {"connection_kwargs": {"authurl": "https://me:a-secret@swift.example/v1.0"}},
    ],
)
def test_a_password_in_the_address_is_not_shown(given: dict[str, Any]) -> None:
    """It goes into no migration, repr or error, and is still used."""
    storage = CloudFilesStorage(**GIVEN, **given)
    shown = repr(storage) + repr(storage.deconstruct())
    assert "a-secret" not in shown
    assert "https://swift.example/v1.0" in shown
    assert storage.effective_auth_url == "https://me:a-secret@swift.example/v1.0"


# -------------------------------------------------------------------------- checks


def found(**options: Any) -> list[CheckMessage]:
    """What the checks say of this storage."""
    entry = {"BACKEND": PATH, "OPTIONS": options}
    with override_settings(STORAGES={"default": entry}):
        return [it for it in run_checks() if (it.id or "").startswith("storages.")]


def ids(**options: Any) -> list[str | None]:
    """Their ids."""
    return [message.id for message in found(**options)]


def test_a_project_that_says_everything_hears_nothing() -> None:
    """No check fires on an ordinary configuration."""
    assert ids(**GIVEN) == []
    assert ids(**GIVEN, auth_url="http://127.0.0.1:8080/auth/v1.0") == []
    assert ids(**GIVEN, public=True, ttl=900) == []


def test_e003_tells_what_the_constructor_refuses() -> None:
    """A missing key is found by manage.py check."""
    (message,) = found(username="me", container="files")
    assert message.id == "storages.E003"
    assert "CLOUDFILES_API_KEY" in message.msg


def test_w050_tells_who_sends_the_key_unencrypted() -> None:
    """To another machine, without TLS."""
    (message,) = found(**GIVEN, auth_url="http://swift.example/auth/v1.0")
    assert message.id == "storages.W050"
    assert "a-secret-key" not in str(message)
    assert ids(container="files", auth=("http://swift.example/v1/a", "token")) == []


def test_w051_tells_which_ttl_the_cdn_does_not_take() -> None:
    """The default, which 1.1.4 never used, is one."""
    for ttl in ({}, {"ttl": 899}, {"ttl": 31_536_001}):
        assert ids(**GIVEN, public=True, **ttl) == ["storages.W051"]


def test_w052_tells_what_has_no_effect() -> None:
    """A signing key wins over base_url."""
    given = {"temp_url_key": "key", "base_url": "https://m.example/"}
    assert ids(**GIVEN, **given) == ["storages.W052"]
