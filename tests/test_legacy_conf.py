"""The helper for settings modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InMemoryStorage, StorageHandler

import storages
from storages.conf import storages_setting

MEMORY = "django.core.files.storage.InMemoryStorage"


def test_nothing_given_is_the_default_of_django() -> None:
    """Without arguments it returns what a project without STORAGES has."""
    assert storages_setting() == global_settings.STORAGES


def test_paths_and_dicts() -> None:
    """An alias takes a dotted path, or a dict with OPTIONS; further aliases are keywords."""
    assert storages_setting(
        "a.Uploads", staticfiles="b.Static", backup={"BACKEND": "c.D", "OPTIONS": {"host": "x"}}
    ) == {
        "default": {"BACKEND": "a.Uploads"},
        "staticfiles": {"BACKEND": "b.Static"},
        "backup": {"BACKEND": "c.D", "OPTIONS": {"host": "x"}},
    }


def test_django_takes_it() -> None:
    """Django builds the storages from it."""
    backends: Any = storages_setting(MEMORY, x={"BACKEND": MEMORY, "OPTIONS": {"location": "/x"}})
    handler = StorageHandler(backends)
    default, more = handler["default"], handler["x"]
    assert isinstance(default, InMemoryStorage)
    assert isinstance(more, InMemoryStorage)
    assert more.location == "/x"


def test_arguments_are_not_kept() -> None:
    """The result is new: changing it changes neither what was given nor a later result."""
    given = {"BACKEND": MEMORY}
    made = storages_setting(given)
    made["default"]["OPTIONS"] = {}
    made["staticfiles"].clear()
    assert given == {"BACKEND": MEMORY}
    assert storages_setting() == global_settings.STORAGES


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (3, "not int"),
        ("", "must be the dotted path of a class, not ''"),
        ("S3Storage", "must be the dotted path of a class, not 'S3Storage'"),
        ({}, "must be the dotted path of a class, not None"),
        ({"BACKEND": MEMORY, "OPTION": {}}, "not OPTION"),
        ({"BACKEND": InMemoryStorage}, "must be the dotted path of a class"),
    ],
)
def test_wrong_entries_are_refused(wrong: Any, text: str) -> None:
    """What Django would stumble over later, or drop, is refused with the alias's name."""
    with pytest.raises(ImproperlyConfigured, match=text) as caught:
        storages_setting(backup=wrong)
    assert "storages_setting(backup=" in str(caught.value)


def test_settings_are_not_imported() -> None:
    """A settings module may use it: django.conf is not loaded."""
    code = (
        "import sys, storages.conf as c; c.storages_setting(); print('django.conf' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(storages.__path__[0]).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
