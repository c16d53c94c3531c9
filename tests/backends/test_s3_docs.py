"""The pages about S3 name settings, options and defaults that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from storages.backends.s3 import S3Storage
from storages.backends.s3.values import GZIP_CONTENT_TYPES
from storages.options import options_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "backends" / "s3.rst", DOCS / "django-storages.rst"]
OPTIONS = options_of(S3Storage)
SETTINGS = {setting for option in OPTIONS.values() for setting in option.settings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    """So nobody pastes what has no effect."""
    named = set(re.findall(r"\b(?:AWS_[A-Z0-9_]*[A-Z0-9]|GZIP_\w+)\b", page.read_text()))
    assert len(named) > 2
    assert named <= SETTINGS


def restoring() -> list[tuple[str, Any]]:
    """What the page on migrating says to set, as Python."""
    text = " ".join(PAGES[1].read_text().split())
    found = []
    for setting, value in re.findall(r"((?:AWS|GZIP)_\w+) = (\([^)]*\)|\"[^\"]*\"|\w+)", text):
        found.append((setting, eval(value)))
    return found


@pytest.mark.parametrize(("setting", "value"), restoring())
def test_what_brings_an_old_default_back_is_accepted_and_differs(setting: str, value: Any) -> None:
    """Each of them is an option's setting, and not the default."""
    (option,) = [option for option in OPTIONS.values() if setting in option.settings]
    with override_settings(**{setting: value}):
        storage = S3Storage(bucket_name="bucket")
    assert value != option.default
    with override_settings(**{setting: value}):
        assert getattr(storage, option.name) == value


def test_the_defaults_are_those_that_the_page_tells_of() -> None:
    """Of the options whose defaults differ from django-storages 1.14."""
    storage = S3Storage(bucket_name="bucket")
    assert not storage.file_overwrite
    assert storage.signature_version == "s3v4"
    assert storage.url_window is None
    assert set(GZIP_CONTENT_TYPES) >= {"application/json", "text/html"}
    assert len(GZIP_CONTENT_TYPES) == 7
    assert (storage.connect_timeout, storage.max_attempts, storage.retry_mode) == (5, 3, "standard")
    assert storage.request_checksum is None


def test_the_tables_of_the_benchmark_are_there() -> None:
    """Between the marks where benchmarks/bench.py writes them."""
    mark = ".. {} of what benchmarks/bench.py wrote\n"
    _, _, rest = PAGES[0].read_text().partition(mark.format("Begin"))
    tables, end, _ = rest.partition(mark.format("End"))
    assert end
    assert ".. list-table::" in tables
    assert "url()" in tables
