"""The legacy settings in a project's tests: what override_settings() does to its storages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.legacy_project import LEGACY, Project, all_of, before_51, ids, since_51


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What override_settings() does in a project with both settings."""
    return Project(tmp_path_factory.mktemp("overrides") / "project", LEGACY).report("overrides")


@since_51
@pytest.mark.parametrize("name", ["STATIC_URL", "STATIC_ROOT", "MEDIA_URL", "INSTALLED_APPS"])
def test_other_overrides_change_nothing(overrides: dict[str, Any], name: str) -> None:
    """Overriding settings that make Django rebuild its storages keeps the legacy ones."""
    inside, after = overrides[name]
    assert inside == after == all_of("Uploads", "Static")


@since_51
@pytest.mark.parametrize("name", ["STORAGES", "STORAGES and legacy"])
def test_overriding_storages(overrides: dict[str, Any], name: str) -> None:
    """STORAGES in override_settings() counts, also beside a legacy setting, and is undone."""
    inside, after = overrides[name]
    assert inside == all_of("Other", "Other")
    assert after == all_of("Uploads", "Static")


@since_51
@pytest.mark.parametrize(
    ("name", "uploads", "static"),
    [
        ("DEFAULT_FILE_STORAGE", "Other", "Static"),
        ("STATICFILES_STORAGE", "Uploads", "Other"),
        ("both", "Other", "Other"),
        ("then STATIC_URL", "Other", "Static"),
        ("first STATIC_URL", "Other", "Static"),
        ("None", "FileSystemStorage", "Static"),
    ],
)
def test_overriding_a_legacy_setting(
    overrides: dict[str, Any], name: str, uploads: str, static: str
) -> None:
    """A test that overrides a legacy setting gets that storage, and the old one afterwards."""
    inside, after = overrides[name]
    assert inside == all_of(uploads, static)
    assert after == all_of("Uploads", "Static")


@since_51
def test_overrides_within_overrides(overrides: dict[str, Any]) -> None:
    """An inner override keeps the outer one's legacy storage, or replaces it until it ends."""
    other = all_of("Other", "Static")
    assert overrides["STATIC_URL within"] == [other, other]
    assert overrides["apps within"] == [other, other]
    assert overrides["legacy within"] == [all_of("Uploads", "Static"), other]
    assert overrides["at last"] == all_of("Uploads", "Static")


@since_51
def test_overrides_leave_no_trace(overrides: dict[str, Any]) -> None:
    """After all that, one line was logged and the checks say what they said at first."""
    assert len(overrides["log"]) == 1
    assert ids(overrides) == ["storages.W001", "storages.W001"]


@before_51
def test_django_overrides(tmp_path: Path) -> None:
    """Where Django honours the settings, the app changes nothing of what an override does."""
    without = 'INSTALLED_APPS.remove("storages")'
    found = Project(tmp_path / "with", LEGACY).report("django_overrides")
    assert found == Project(tmp_path / "without", LEGACY + without).report("django_overrides")
    assert found["DEFAULT_FILE_STORAGE"][0]["default_storage"] == "Other"
    assert found["STATICFILES_STORAGE"][0]["staticfiles_storage"] == "Other"
