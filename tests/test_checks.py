"""The system checks that look at STORAGES and at the installation.

Those of the legacy settings are tested in projects of their own, in test_legacy.py and
test_legacy_moved.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

import django
import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.checks.registry import registry
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InMemoryStorage, storages
from django.test import override_settings

from storages import checks
from storages.base import BaseStorage

HERE = __name__
since_51 = pytest.mark.skipif(
    django.VERSION < (5, 1), reason="Django before 5.1 handles the settings itself"
)


class Fine(BaseStorage):
    """Constructs without a question."""


class Refuses(BaseStorage):
    """Says what its configuration lacks."""

    def __init__(self, **_options: Any) -> None:
        raise ImproperlyConfigured("Set FTP_STORAGE_LOCATION.")


class OwnArguments(BaseStorage):
    """A project's subclass with a signature of its own."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host


class Foreign(InMemoryStorage):
    """Not one of ours: it may do anything when it is constructed, so it is not."""

    def __init__(self) -> None:
        raise AssertionError("constructed by a check")


def found(entry: Mapping[str, Any]) -> list[CheckMessage]:
    """What the checks say of this storage."""
    more = {"x": entry, "default": {"BACKEND": f"{HERE}.Fine"}}
    with override_settings(STORAGES=more):
        return [it for it in run_checks() if (it.id or "").startswith("storages.")]


def ours() -> list[str]:
    """The ids of this package's messages, sorted: Django keeps its checks in a set."""
    return sorted(it.id for it in run_checks() if it.id and it.id.startswith("storages."))


def test_this_project_is_fine() -> None:
    """The tests' own project, which is an ordinary one, gets no message."""
    assert ours() == []


def test_checks_are_registered() -> None:
    """They run in `check`; those of the configuration also before collectstatic."""
    registered: Any = registry.get_checks()
    ours = {it.__name__: it.tags for it in registered if it.__module__ == checks.__name__}
    assert ours == {
        "check_legacy_settings": (Tags.files, Tags.staticfiles),
        "check_storages": (Tags.files, Tags.staticfiles),
        "check_fields": (Tags.models, Tags.files),
        "check_distributions": (Tags.files,),
        "check_migrations": (Tags.files,),
    }


def test_storages_that_construct() -> None:
    """A storage of ours that constructs gets no message, nor is it kept."""
    assert found({"BACKEND": f"{HERE}.Fine"}) == []
    assert found({"BACKEND": f"{HERE}.OwnArguments", "OPTIONS": {"host": "h"}}) == []
    assert "x" not in storages._storages  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"BACKEND": f"{HERE}.Refuses"}, "Set FTP_STORAGE_LOCATION."),
        ({"BACKEND": f"{HERE}.OwnArguments"}, "missing 1 required positional argument: 'host'"),
        ({"BACKEND": f"{HERE}.Fine", "OPTIONS": {"no_such_option": 1}}, "no_such_option"),
        ({"BACKEND": "storages.backends.s4.S4Storage"}, "No module named 'storages.backends.s4'"),
        ({"BACKEND": "storages.base.BaseStorag"}, 'does not define a "BaseStorag"'),
    ],
)
def test_storages_that_do_not_construct(entry: Mapping[str, Any], text: str) -> None:
    """E003 names the alias and the class, and says why."""
    (message,) = found(entry)
    assert message.id == "storages.E003"
    assert message.is_serious()
    assert message.msg.startswith(f"STORAGES['x'], {entry['BACKEND']}: ")
    assert text in message.msg


@pytest.mark.parametrize(
    "entry",
    [
        {"BACKEND": f"{HERE}.Foreign"},
        {"BACKEND": "no.such.Storage"},
        {"BACKEND": f"{HERE}.HERE"},
        {"BACKEND": None},
        {},
        None,
    ],
)
def test_other_storages_are_left_alone(entry: Mapping[str, Any]) -> None:
    """What is not ours is neither constructed nor judged: Django does that at its first use."""
    assert found(entry) == []


@since_51
def test_storages_that_overrule_a_legacy_setting() -> None:
    """The class that STORAGES names is judged, also where a legacy setting names a good one."""
    good = {"DEFAULT_FILE_STORAGE": f"{HERE}.Fine"}
    with override_settings(STORAGES={"default": {"BACKEND": "storages.backends.s4.S4"}}, **good):
        assert ours() == ["storages.E003", "storages.W002"]
    with override_settings(STORAGES={"default": "storages.backends.s4.S4"}, **good):
        assert ours() == ["storages.W002"]


@since_51
def test_a_class_in_the_place_of_its_path() -> None:
    """A legacy setting that holds a class itself is refused with the reason."""
    with override_settings(DEFAULT_FILE_STORAGE=Fine):
        message = next(it for it in run_checks() if it.id == "storages.E001")
    assert "takes a class's dotted path, not type" in message.msg


def messages_with(
    monkeypatch: pytest.MonkeyPatch, distributions: Mapping[str, list[str]]
) -> list[CheckMessage]:
    """What the check says when these distributions are installed."""
    monkeypatch.setattr(metadata, "packages_distributions", lambda: distributions)
    return checks.check_distributions(app_configs=None)


@pytest.mark.parametrize(
    "distributions",
    [
        {},  # run from a checkout
        {"storages": ["django-storages"]},
        {"storages": ["Django_Storages", "django.storages"]},  # checkout and editable install
        {"storages": ["django-storages"], "other": ["django-storages-redux"]},
    ],
)
def test_our_own_distribution(
    monkeypatch: pytest.MonkeyPatch, distributions: Mapping[str, list[str]]
) -> None:
    """This distribution, however often and under whatever spelling it is seen, is no news."""
    assert messages_with(monkeypatch, distributions) == []


def test_another_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """W004 names distributions that install into the same directory."""
    names = ["django-storages", "django-storages-redux", "aio_storages", "aio_storages"]
    (message,) = messages_with(monkeypatch, {"storages": names})
    assert message.id == "storages.W004"
    assert "installed by aio_storages, django-storages-redux:" in message.msg
    assert not message.is_serious()
