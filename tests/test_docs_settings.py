"""The settings reference names every setting that the code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import global_settings
from django.utils.module_loading import import_string

from docs._ext import declared
from storages.options import Option, options_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "storages"
# Django's, looked at to tell what a project is like: they mean nothing else here.
LOOKED_AT = {"MIDDLEWARE", "ROOT_URLCONF"}


def modules() -> list[Path]:
    """The modules of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def declarations() -> Iterator[tuple[str, Option]]:
    """Every option of every class in the package, with the module that has the class."""
    for path in modules():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.startswith("storages.testing"):
            for value in vars(__import__(name, fromlist=["_"])).values():
                if isinstance(value, type):
                    yield from ((name, option) for option in options_of(value).values())


def read_by_hand(path: Path) -> set[str]:
    """The settings that a module reads: ``settings.X`` and ``getattr(settings, "X")``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in {"settings", "django_settings"} and node.attr.isupper():
                found.add(node.attr)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"getattr", "hasattr"}:
            subject, name, *_ = node.args
            if getattr(subject, "id", "").endswith("settings") and isinstance(name, ast.Constant):
                found.add(str(name.value))
    return {name for name in found if name.isupper() and not name.startswith("_")}


def test_every_setting_of_every_option_is_listed() -> None:
    """Whatever class of the package declares it."""
    found = {setting for _, option in declarations() for setting in option.settings}
    assert len(found) > 150
    assert found <= declared.settings()


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_setting_that_a_module_reads_is_listed(path: Path) -> None:
    """Also those that are no option's."""
    assert read_by_hand(path) - LOOKED_AT <= declared.settings()


def test_settings_that_are_read_are_found() -> None:
    """The test above looks at something."""
    found = set().union(*map(read_by_hand, modules()))
    assert {"DB_FILES", "STORAGES_SERVE", "STORAGES_LEGACY_SETTINGS", "STORAGES"} <= found


def test_the_list_is_in_the_order_of_the_alphabet_and_has_nothing_twice() -> None:
    """One entry for a setting and what it means, whichever backends share it."""
    rows = declared.rows()
    assert [row.setting for row in rows] == sorted(row.setting for row in rows)
    assert len({(row.setting, row.option, row.meaning) for row in rows}) == len(rows)


def test_every_entry_says_what_the_setting_means() -> None:
    """With a sentence that ends."""
    for row in declared.rows():
        assert row.meaning.rstrip(".").strip(), row
        assert row.meaning.endswith("."), row


@pytest.mark.parametrize("other", declared.OTHERS, ids=lambda other: other.setting)
def test_the_settings_that_are_no_options_are_described_on_their_page(
    other: declared.Other,
) -> None:
    """The page that the list names tells of the setting; a default of Django's is Django's."""
    page = (declared.DOCS / f"{other.page}.rst").read_text(encoding="utf-8")
    assert other.setting in page
    if other.meaning.startswith("Django's.") and other.default:
        assert repr(getattr(global_settings, other.setting)) == other.default


@pytest.mark.parametrize("page", [*declared.classes()])
def test_every_table_of_options_is_made_from_a_class(page: str) -> None:
    """So it shows what the code says."""
    (dotted,) = declared.TABLE.findall((declared.DOCS / f"{page}.rst").read_text("utf-8"))
    assert options_of(import_string(dotted))
