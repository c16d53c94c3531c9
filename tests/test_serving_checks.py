"""``manage.py check`` of how files are served, and the options themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from storages.errors import OptionError
from storages.serving.checks import check_serving
from storages.serving.places import Served, served
from storages.testing import recorded_operations

MEMORY = "storages.testing.MemoryStorage"


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    """A site that serves files."""
    ours = "tests.serving_storages"
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        STORAGES={
            "default": {"BACKEND": MEMORY},
            "media": {"BACKEND": MEMORY, "OPTIONS": {"base_url": "/media/"}},
            "disk": {"BACKEND": "storages.local.LocalStorage"},
            "django": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "missing": {"BACKEND": "nowhere.Storage"},
            "wrong": {"BACKEND": MEMORY, "OPTIONS": {"plaec": "x"}},
            "mogile": {
                "BACKEND": f"{ours}.Mogile",
                "OPTIONS": {"domain": "d", "trackers": ["t:1"]},
            },
            "tahoe": {
                "BACKEND": "storages.backends.tahoe.TahoeStorage",
                "OPTIONS": {"tahoe_base_cap": "URI:DIR2:a:b"},
            },
        },
    ):
        yield


def permission(*_: object) -> bool:
    """Allow everything."""
    return True


NOT_CALLABLE = "a string"


def found(told: Any, permission: Any = None) -> list[tuple[str, str]]:
    """The ids and texts of what is told of these settings; nothing is asked of a store."""
    with (
        recorded_operations() as operations,
        override_settings(STORAGES_SERVE=told, STORAGES_SERVE_PERMISSION=permission),
    ):
        messages = check_serving()
    assert [event for event in operations if event.error is None] == []
    return [(str(message.id), f"{message.msg} {message.hint}") for message in messages]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"default": {}},
        {"default": {"access": "public"}, "media": {"offload": "redirect"}},
        {"disk": {"offload": "x-sendfile"}},
        {"disk": {"offload": "x-accel-redirect", "location": "/p/"}},
        {"mogile": {"offload": "x-reproxy-url", "remember": 60}},
        {"tahoe": {"offload": "redirect"}},
        {"default": {"permission": "tests.test_serving_checks.permission"}},
        {"default": {"permission": permission, "access": "permission"}},
        {"missing": {}, "wrong": {"offload": "redirect"}},
    ],
)
def test_what_makes_sense(told: Any) -> None:
    """Nothing is told of it; of storages that cannot be made, another check does."""
    assert found(told) == []


@pytest.mark.parametrize(
    ("told", "number", "text"),
    [
        (["default"], "E060", "must be a dict"),
        ({"defautl": {}}, "E060", "Did you mean 'default'?"),
        ({"default": True}, "E060", "STORAGES_SERVE['default'] must be a dict, not bool"),
        ({"default": {"acces": "public"}}, "E060", "Did you mean 'access'?"),
        ({"default": {"access": "everybody"}}, "E060", "signed, permission, public"),
        ({"default": {"access": "permission"}}, "E060", "no STORAGES_SERVE_PERMISSION"),
        ({"default": {"access": "public", "permission": permission}}, "E060", "nobody is asked"),
        ({"default": {"access": "signed", "permission": permission}}, "E060", "nobody is asked"),
        ({"default": {"expire": 0}}, "E060", "at least 1 second"),
        ({"default": {"expire": "1h"}}, "E060", "must be int"),
        ({"default": {"offload": "x-accel"}}, "E060", "x-accel-redirect"),
        ({"default": {"offload": "x-accel-redirect"}}, "E060", "belong together"),
        ({"default": {"location": "/p/"}}, "E060", "belong together"),
        (
            {"default": {"offload": "x-accel-redirect", "location": "p"}},
            "E060",
            "such as '/protected/'",
        ),
        ({"default": {"upstream": True}}, "E060", "upstream"),
        ({"default": {"cache_control": "a\r\nX: y"}}, "E060", "stand in a header"),
        ({"django": {}}, "E060", "storages.local.LocalStorage"),
        ({"default": {"permission": "nowhere.allowed"}}, "E061", "ModuleNotFoundError"),
        ({"default": {"permission": "tests.test_serving_checks.x"}}, "E061", "ImportError"),
        ({"default": {"permission": "tests.test_serving_checks.NOT_CALLABLE"}}, "E061", "function"),
        ({"default": {"offload": "x-sendfile"}}, "E062", "on this disk"),
        ({"default": {"offload": "redirect"}}, "E062", "it has none"),
        ({"default": {"offload": "x-reproxy-url"}}, "E062", "it has none"),
        (
            {"default": {"offload": "x-accel-redirect", "location": "/u/", "upstream": True}},
            "E062",
            "it has none",
        ),
    ],
)
def test_what_makes_no_sense(told: Any, number: str, text: str) -> None:
    """One error each, which says what to change."""
    messages = found(told)
    assert [found_id for found_id, _ in messages] == [f"storages.{number}"]
    assert text in messages[0][1]


def test_a_wrong_permission_for_all() -> None:
    """It is told of once, whatever aliases there are."""
    for told in (None, {"default": {}, "disk": {}, "media": {"access": "public"}}):
        messages = found(told, "nowhere.allowed")
        assert [number for number, _ in messages] == ["storages.E061"]
        assert messages[0][1].startswith("STORAGES_SERVE_PERMISSION")


def test_a_setting_without_urls() -> None:
    """STORAGES_SERVE without storages.urls in the URLconf does nothing."""
    with override_settings(ROOT_URLCONF="django.contrib.auth.urls"):
        messages = found({"default": {}})
    assert [number for number, _ in messages] == ["storages.W060"]
    assert 'include("storages.urls")' in messages[0][1]


def test_the_check_is_registered() -> None:
    """``manage.py check`` runs it."""
    with override_settings(STORAGES_SERVE={"nobody": {}}):
        ids = {message.id for message in run_checks(tags=["files"])}
    assert "storages.E060" in ids


def test_settings_take_effect_at_once() -> None:
    """Also those of a test."""
    assert served("default").access == "signed"
    with override_settings(STORAGES_SERVE={"default": {"access": "public", "expire": 5}}):
        assert (served("default").access, served("default").expire) == ("public", 5)
    with override_settings(STORAGES_SERVE_PERMISSION=permission):
        assert served("default").access == "permission"
        assert served("default").allows is permission
    assert served("default").access == "signed"


def test_options_name_their_place() -> None:
    """A message tells where in the settings the mistake is."""
    with pytest.raises(OptionError, match=r"STORAGES_SERVE\['x'\].*'window'"):
        Served("x", {"window": "long"})
