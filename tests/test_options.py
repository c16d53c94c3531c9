"""Options: one declaration gives keyword, setting, default, check and deconstruction."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from storages.base import BaseStorage
from storages.errors import OptionError, StorageError
from storages.options import base_url_option, option, options_of, positive


class Service(BaseStorage):
    """A storage with one option of each kind."""

    host: str = option(settings=("TEST_HOST", "TEST_OLD_HOST"), required=True, type=str)
    port: int = option(settings=("TEST_PORT",), default=21, type=int)
    password: str | None = option(settings=("TEST_PASSWORD",), type=str, secret=True)
    headers: dict[str, str] = option(default={}, type=dict)
    mode: int | None = option(convert=lambda value: int(value, 8))
    timeout: float = option(default=30.0, type=float, convert=positive)


class Named(Service):
    """A subclass that sets an option as a plain attribute."""

    host = "subclass"


def test_the_argument_wins_then_the_subclass_then_the_setting_then_the_default() -> None:
    """The order of precedence, each step alone."""
    with override_settings(TEST_HOST="setting", TEST_PORT=1):
        assert Service().host == "setting"
        assert Service(host="argument").host == "argument"
        assert Named().host == "subclass"
        assert Named(host="argument").host == "argument"
        assert Service().port == 1
    assert Named().port == 21


def test_the_first_setting_that_exists_counts() -> None:
    """Older names of a setting come after newer ones."""
    with override_settings(TEST_OLD_HOST="old"):
        assert Service().host == "old"
        with override_settings(TEST_HOST="new"):
            assert Service().host == "new"


def test_override_settings_reaches_a_storage_that_exists() -> None:
    """Settings are read at each access."""
    storage = Named()
    with override_settings(TEST_PORT=99):
        assert storage.port == 99
    assert storage.port == 21


def test_a_missing_option_names_its_setting_and_keyword() -> None:
    """Constructing without a required option says where to set it."""
    with pytest.raises(ImproperlyConfigured, match=r"TEST_HOST.*host="):
        Service()


def test_an_unknown_option_names_the_nearest_one() -> None:
    """A slip of the pen gets an answer, not silence."""
    with pytest.raises(OptionError, match=r"'prot'.*Did you mean 'port'"):
        Service(host="h", prot=1)


@pytest.mark.parametrize("port", ["21", 2.5, True, None])
def test_a_wrong_type_is_refused(port: object) -> None:
    """The message names option, wanted and given type; a bool is no number."""
    with pytest.raises(OptionError, match=r"'port'.*must be int, not"):
        Service(host="h", port=port)
    with override_settings(TEST_PORT=port), pytest.raises(OptionError, match="setting TEST_PORT"):
        Service(host="h")


def test_a_class_attribute_is_checked_too() -> None:
    """A subclass's plain attribute of a wrong type is refused."""

    class Wrong(Named):
        port = "x"  # type: ignore[assignment]

    with pytest.raises(OptionError, match="class attribute"):
        Wrong()


def test_values_are_converted_and_refused_by_convert() -> None:
    """``convert`` makes the value, or says why not."""
    assert Named(mode="644").mode == 0o644
    with pytest.raises(OptionError, match="'mode'"):
        Named(mode="9")


def test_defaults_are_not_shared() -> None:
    """Changing one storage's dict changes no other's."""
    Named().headers["a"] = "b"
    assert Named().headers == {}


def test_secrets_stay_out_of_repr_deconstruct_and_messages() -> None:
    """Only where the caller put it is the secret to be found."""
    storage = Service(host="h", password="hunter22")
    path, args, kwargs = storage.deconstruct()
    assert (path, args, kwargs) == (f"{__name__}.Service", [], {"host": "h"})
    assert "hunter22" not in repr(storage)
    with pytest.raises(OptionError) as caught:
        Service(host="h", password=["hunter22"])
    assert "hunter22" not in str(caught.value)


class Connecting(BaseStorage):
    """A storage with some secret entries in a mapping."""

    params: dict[str, Any] = option(
        settings=("TEST_PARAMS",), default={}, type=dict, secret=("password",)
    )

    def _stat(self, key: str) -> Any:
        raise ConnectionResetError(f"login of anna with {self.params['via']['password']} failed")


def test_some_entries_of_a_mapping_may_be_secret() -> None:
    """They are left out wherever the mapping is shown, at any depth, and the others are not."""
    given = {"username": "anna", "via": {"port": 5, "password": "hunter22"}, "password": "hunter2"}
    storage = Connecting(params=given)
    shown = {"username": "anna", "via": {"port": 5}}
    assert storage.deconstruct()[2] == {"params": shown}
    assert "hunter2" not in repr(storage)
    assert storage.params == given
    with pytest.raises(StorageError) as caught:
        storage.size("x")
    assert "login of anna with *** failed" in str(caught.value)


def test_a_pickled_storage_keeps_what_it_was_given_and_nothing_of_the_settings() -> None:
    """Settings are read where the copy lives."""
    with override_settings(TEST_PASSWORD="hunter22"):
        data = pickle.dumps(Service(host="h", port=5))
        assert b"hunter22" not in data
    copy = pickle.loads(data)
    assert (copy.host, copy.port, copy.password) == ("h", 5, None)


class Leaky(Service):
    """A storage whose library tells everything in its errors."""

    def _stat(self, key: str) -> Any:
        raise ConnectionResetError(f"login with p%40ss/word and {self.password} failed for {key}")


@pytest.mark.parametrize("password", ["p@ss/word", "hunter22"])
def test_secrets_are_taken_out_of_the_librarys_errors(password: str) -> None:
    """Plain or percent-encoded, in the error and in its cause."""
    storage = Leaky(host="h", password=password)
    with pytest.raises(StorageError) as caught:
        storage.size("x")
    for error in (caught.value, caught.value.__cause__):
        assert password not in str(error)
        assert "***" in str(error)
    if password == "p@ss/word":
        assert "p%40ss" not in str(caught.value)


def test_options_are_listed_base_classes_first() -> None:
    """What the docs' tables and the checks read."""
    assert list(options_of(Named)) == ["host", "port", "password", "headers", "mode", "timeout"]


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_number_that_must_be_above_0_is_refused_otherwise(value: float) -> None:
    """Neither 0 nor less, nor what no system can wait for."""
    with pytest.raises(OptionError, match=r"'timeout' .*: must be above 0"):
        Service(host="h", timeout=value)
    assert Service(host="h", timeout=0.1).timeout == 0.1


def test_an_empty_media_url_is_none() -> None:
    """Django shows it as "/"; a project that wants that says so."""

    class Placed:
        base_url = base_url_option(settings=("PLACED_URL",))

    with override_settings(MEDIA_URL=""):
        assert Placed().base_url is None
        with override_settings(PLACED_URL="/"):
            assert Placed().base_url == "/"
    with override_settings(MEDIA_URL="media/"):
        assert Placed().base_url == "/media/"
    with override_settings(MEDIA_URL="/"):
        assert Placed().base_url == "/"
