"""Legacy settings that name classes that have moved, or that are missing."""

from __future__ import annotations

from tests import legacy_project
from tests.legacy_project import DJANGO_HONOURS_THEM, LEGACY_STORAGES, New, all_of, ids, message

# A fixture, which pytest looks for in the module of the tests that take it.
project = legacy_project.project

MOVED = """
DEFAULT_FILE_STORAGE = "old_place.Uploads"
STATICFILES_STORAGE = "older.place.Files"
"""


def test_moved_classes_are_found(project: New) -> None:
    """Old paths that no longer import lead to the new classes on every Django; W001 names them."""
    found = project(MOVED).report("moved")
    assert found["classes"] == all_of("Uploads", "Static")
    assert found["STORAGES"] == LEGACY_STORAGES
    assert ids(found) == ["storages.W001", "storages.W001"]
    first, second = found["messages"]
    assert "'old_place.Uploads' is honoured" in first["text"]
    assert "as 'tests.projects.classes.Uploads'" in first["text"]
    assert "'older.place.Files' is honoured" in second["text"]
    assert "old_place" not in first["hint"] + second["hint"]
    (line,) = found["log"]
    assert "'old_place.Uploads' as 'tests.projects.classes.Uploads'" in line


def test_moved_classes_with_settings_configure(project: New) -> None:
    """The same without a settings module, and with one setting."""
    found = project("").report("moved_configured", module=False)
    assert found["classes"] == all_of("Uploads", "StaticFilesStorage")
    assert ids(found) == ["storages.W001"]


def test_old_paths_that_import_are_kept(project: New) -> None:
    """A module of the project's own by an old name is used, whatever the table says."""
    it = project('DEFAULT_FILE_STORAGE = "old_place.Uploads"')
    (it.where / "old_place.py").write_text(
        "from tests.projects.classes import Other\nclass Uploads(Other): mine = True\n"
    )
    found = it.report("moved")
    assert found["STORAGES"]["default"] == {"BACKEND": "old_place.Uploads"}
    assert ids(found) == ([] if DJANGO_HONOURS_THEM else ["storages.W001"])


def test_old_paths_that_import_later_are_kept(project: New) -> None:
    """A module that needs the apps, which are not ready yet, is left to be imported later."""
    it = project('DEFAULT_FILE_STORAGE = "old_place.Uploads"')
    (it.where / "old_place.py").write_text(
        "from django.apps import apps\napps.check_models_ready()\n"
        "from tests.projects.classes import Other as Uploads\n"
    )
    # The model's callable would build the storage too soon, too.
    text = (it.where / "site_settings.py").read_text()
    (it.where / "site_settings.py").write_text(
        text + '\nINSTALLED_APPS.remove("tests.projects.gallery")\n'
    )
    found = it.report("moved_late")
    assert found["STORAGES"]["default"] == {"BACKEND": "old_place.Uploads"}
    assert found["default_storage"] == "Other"


def test_an_old_path_to_nowhere(project: New) -> None:
    """Where the new class is missing too, E001 says so, and using it names the new path."""
    lines = 'DEFAULT_FILE_STORAGE = "old_place.Uploads"\n'
    found = project(lines + 'INSTALLED_APPS.remove("tests.projects.gallery")').report("nowhere")
    assert "'storages.backends.never.Uploads'" in found["error"]
    assert ids(found) == ["storages.W001", "storages.E001"]
    text = message(found, "storages.E001")["text"]
    assert "DEFAULT_FILE_STORAGE = 'old_place.Uploads', now 'storages.backends.never" in text


def test_moved_classes_turned_off(project: New) -> None:
    """Turned off, no old path leads anywhere: an error tells on every Django."""
    lines = 'DEFAULT_FILE_STORAGE = "old_place.Uploads"\nSTORAGES_LEGACY_SETTINGS = False\n'
    it = project(lines + 'INSTALLED_APPS.remove("tests.projects.gallery")')
    found = it.report("nowhere")
    if DJANGO_HONOURS_THEM:
        assert "'old_place.Uploads'" in found["error"]
        assert ids(found) == ["storages.E001"]
    else:
        assert found["error"] is None
        assert ids(found) == ["storages.E002", "storages.E001"]
    assert found["log"] == []


def test_a_class_that_is_missing(project: New) -> None:
    """E001 tells that a legacy setting's class cannot be imported, on every Django."""
    lines = 'STATICFILES_STORAGE = "tests.projects.classes.Sattic"'
    done = project(lines).run("django", "check")
    assert done.returncode == 1
    assert "storages.E001" in done.stderr
    assert "'tests.projects.classes.Sattic' cannot be imported" in done.stderr
