"""What the option declarations say, for the documentation and its tests. Needs no Sphinx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.module_loading import import_string

from storages.options import Option, options_of

DOCS = Path(__file__).resolve().parents[1]
TABLE = re.compile(r"^\.\. storage-options:: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Other:
    """A setting that is no option of a storage."""

    setting: str
    page: str
    default: str
    meaning: str


OTHERS = (
    Other(
        "COUCHDB_STORAGE_OPTIONS",
        "backends/couchdb",
        "{}",
        "``server``, ``database``, ``username``, ``password`` and ``base_url`` in one dict, as in "
        "1.1.4. It counts before their own settings.",
    ),
    Other(
        "DB_FILES",
        "backends/database",
        "{}",
        "Options of every ``DatabaseStorage`` that says nothing of its own place, as in 1.1.4.",
    ),
    Other(
        "DATABASES",
        "backends/gridfs",
        "{}",
        "Django's. Where GridFS is, when its option ``database`` names an alias.",
    ),
    Other(
        "DEFAULT_FILE_STORAGE",
        "migrating",
        "None",
        "The class of the alias ``default``, where ``STORAGES`` does not say it. Django dropped "
        "the setting in 5.1; this package honours it.",
    ),
    Other(
        "FILE_UPLOAD_MAX_MEMORY_SIZE",
        "design",
        "2621440",
        "Django's. Bytes of a file that are staged in memory; what is larger goes to a temporary "
        "file.",
    ),
    Other(
        "FILE_UPLOAD_TEMP_DIR",
        "design",
        "None",
        "Django's. The directory of those temporary files; None: the system's.",
    ),
    Other(
        "SECRET_KEY",
        "serving",
        "",
        "Django's. Signs the links of the serving view; ``SECRET_KEY_FALLBACKS`` are honoured.",
    ),
    Other(
        "STATICFILES_STORAGE",
        "migrating",
        "None",
        "The class of the alias ``staticfiles``, likewise.",
    ),
    Other(
        "STATIC_URL",
        "static",
        "None",
        "Django's. What URLs of static files begin with, where the backend has an option "
        "``base_url`` and none is given.",
    ),
    Other(
        "STORAGES",
        "quickstart",
        "",
        "Django's. The class (``BACKEND``) and the options (``OPTIONS``) of each alias.",
    ),
    Other(
        "STORAGES_LEGACY_SETTINGS",
        "migrating",
        "True",
        "Whether ``DEFAULT_FILE_STORAGE`` and ``STATICFILES_STORAGE`` are honoured. With False, "
        "check ``storages.E002`` tells of those that are still there.",
    ),
    Other(
        "STORAGES_SERVE",
        "serving",
        "{}",
        "How the files of each alias are served: a dict of options per alias.",
    ),
    Other(
        "USE_TZ",
        "quickstart",
        "",
        "Django's. Whether the times that storages tell have a time zone.",
    ),
)


@dataclass(frozen=True)
class Row:
    """One setting and what it sets: the option, in these pages' backends."""

    setting: str
    pages: tuple[str, ...]
    option: str
    default: str
    meaning: str


@cache
def classes() -> dict[str, type]:
    """Every class whose options a page shows, by the page."""
    found = {}
    for path in sorted([*DOCS.glob("*.rst"), *DOCS.glob("backends/*.rst")]):
        page = path.relative_to(DOCS).with_suffix("").as_posix()
        for dotted in TABLE.findall(path.read_text(encoding="utf-8")):
            found[page] = import_string(dotted)
    return found


def default_of(option: Option) -> str:
    """Return the option's default as the pages show it."""
    return "required" if option.required else f"``{option.default!r}``"


def meaning_of(option: Option) -> str:
    """Return what the option means, and what of it is secret."""
    if not option.secret:
        return option.help
    some = ", ".join(option.secret) if isinstance(option.secret, tuple) else ""
    return f"{option.help} Secret: {some}." if some else f"{option.help} Secret."


def rows() -> list[Row]:
    """Every setting, in the order of the alphabet; one row for what several backends share."""
    pages: dict[tuple[Any, ...], list[str]] = {}
    for page, cls in classes().items():
        for option in options_of(cls).values():
            told = option.name, default_of(option), meaning_of(option)
            for setting in option.settings:
                pages.setdefault((setting, *told), []).append(page)
    found = [Row(setting, tuple(where), *told) for (setting, *told), where in pages.items()]
    found += [
        Row(it.setting, (it.page,), "", f"``{it.default}``" if it.default else "", it.meaning)
        for it in OTHERS
    ]
    return sorted(found, key=lambda row: (row.setting, row.pages))


@cache
def settings() -> frozenset[str]:
    """The names of all settings that mean something to this package."""
    return frozenset(row.setting for row in rows())


def lines() -> Iterator[str]:
    """The settings as reStructuredText: a section for each letter, an entry for each setting."""
    letter = ""
    for row in rows():
        if row.setting[0] != letter:
            letter = row.setting[0]
            yield from ("", letter, "-", "")
        names = ", ".join(f":doc:`/{page}`" for page in row.pages)
        about = [names, row.option and f"option ``{row.option}``"]
        if row.default:
            about.append(row.default if row.default == "required" else f"default {row.default}")
        yield f"``{row.setting}``"
        yield f"    {'; '.join(filter(None, about))}."
        yield ""
        yield f"    {row.meaning}"
        yield ""
