"""The legacy settings, in projects of their own: honoured, beside STORAGES, turned off."""

from __future__ import annotations

from typing import Any

import pytest

from tests import legacy_project
from tests.legacy_project import (
    DJANGO_HONOURS_THEM,
    LEGACY,
    LEGACY_STORAGES,
    New,
    Project,
    all_of,
    before_51,
    ids,
    message,
    since_51,
)

# A fixture, which pytest looks for in the module of the tests that take it.
project = legacy_project.project


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happens in a project with both settings."""
    return Project(tmp_path_factory.mktemp("life") / "project", LEGACY).report("everything")


# -- the settings are honoured -----------------------------------------------------------------


@since_51
def test_django_alone_ignores_the_settings(project: New) -> None:
    """Without the app, Django 5.1 and later use the local disk: the danger is real."""
    found = project(LEGACY + 'INSTALLED_APPS.remove("storages")').report("setup")
    assert found["classes"]["default_storage"] == "FileSystemStorage"
    assert found["classes"]["FileField(callable)"] == "FileSystemStorage"
    assert found["messages"] == found["log"] == []


def test_every_storage_is_the_legacy_one(life: dict[str, Any]) -> None:
    """With the app listed last, every way to a storage leads to the classes of the settings."""
    assert life["apps"][-1] == "storages"
    assert life["classes"] == all_of("Uploads", "Static")


def test_settings_tell_the_truth(life: dict[str, Any]) -> None:
    """settings.STORAGES and diffsettings show what is in force; Django's default is not touched."""
    assert life["STORAGES"] == LEGACY_STORAGES
    assert any(line.startswith("+") and "classes.Uploads" in line for line in life["diffsettings"])
    assert "FileSystemStorage" in life["global STORAGES"]["default"]["BACKEND"]


def test_nothing_reaches_the_disk(life: dict[str, Any]) -> None:
    """Saving a model and collectstatic write to the legacy storages, and nothing elsewhere."""
    assert life["read back"] == ["plain", "chosen"]
    assert life["collected"] is True
    assert life["disk"] == {"media": [], "static": []}


def test_migrations_do_not_change(life: dict[str, Any]) -> None:
    """A field without a storage deconstructs to itself (and makemigrations --check was content)."""
    assert life["deconstructed"] == {"upload_to": "d"}


def test_one_line_is_logged(life: dict[str, Any]) -> None:
    """Checks do not run under WSGI, so one line is logged; Django before 5.1 warns itself."""
    if DJANGO_HONOURS_THEM:
        assert life["log"] == []
        return
    (line,) = life["log"]
    assert "DEFAULT_FILE_STORAGE = 'tests.projects.classes.Uploads'" in line
    assert "STATICFILES_STORAGE = 'tests.projects.classes.Static'" in line


def test_checks_show_the_lines_to_paste(life: dict[str, Any]) -> None:
    """W001 stands for each setting, also under the tag of collectstatic; its lines are right."""
    if DJANGO_HONOURS_THEM:
        assert life["messages"] == []
        return
    assert ids(life) == life["staticfiles"] == ["storages.W001", "storages.W001"]
    for it, name in zip(life["messages"], ["DEFAULT_FILE", "STATICFILES"], strict=True):
        assert it["text"].startswith(f"{name}_STORAGE = ")
        pasted: dict[str, Any] = {}
        exec(it["hint"].partition("\n")[2], pasted)
        assert pasted["STORAGES"] == LEGACY_STORAGES


def test_wsgi(project: New) -> None:
    """get_wsgi_application() runs no check and still gets the legacy storages."""
    found = project(LEGACY).report("wsgi")
    log = found.pop("log")
    assert found == all_of("Uploads", "Static")
    assert len(log) == (0 if DJANGO_HONOURS_THEM else 1)


def test_settings_configure(project: New) -> None:
    """settings.configure() without a settings module works, also when install() runs again."""
    found = project("").report("configured", module=False)
    assert found["classes"] == found["again"] == all_of("Uploads", "Static")
    assert ids(found) == ([] if DJANGO_HONOURS_THEM else ["storages.W001"] * 2)
    assert len(found["log"]) == (0 if DJANGO_HONOURS_THEM else 1)


def test_one_setting(project: New) -> None:
    """The other storage stays Django's own."""
    found = project(LEGACY.splitlines()[1]).report("setup")
    assert found["classes"] == all_of("Uploads", "StaticFilesStorage")
    assert ids(found) == ([] if DJANGO_HONOURS_THEM else ["storages.W001"])


def test_no_setting(project: New) -> None:
    """A project without legacy settings gets no message and Django's storages."""
    found = project("").report("setup")
    assert found["classes"]["default_storage"] == "FileSystemStorage"
    assert found["messages"] == found["log"] == []


def test_a_documented_path(project: New) -> None:
    """A documented class of this package is used: the second file replaces the first."""
    found = project('DEFAULT_FILE_STORAGE = "storages.backends.overwrite.OverwriteStorage"').report(
        "twice"
    )
    assert found["class"] == "OverwriteStorage"
    assert found["names"] == ["d/a.txt", "d/a.txt"]
    assert found["contents"] == ["second"]


# -- STORAGES beside legacy settings -----------------------------------------------------------


OWN = """
STORAGES = {
    "default": {"BACKEND": "tests.projects.classes.Uploads"},
    "staticfiles": {"BACKEND": "tests.projects.classes.Other"},
}
"""


@since_51
def test_storages_wins(project: New) -> None:
    """Of STORAGES and a legacy setting that differ, STORAGES counts, and W002 says so."""
    found = project(LEGACY + OWN).report("setup")
    assert found["classes"] == all_of("Uploads", "Other")
    assert ids(found) == found["staticfiles"] == ["storages.W002"]
    assert "STATICFILES_STORAGE = 'tests.projects.classes.Static'" in found["messages"][0]["text"]
    assert "'tests.projects.classes.Other'" in found["messages"][0]["text"]
    assert found["log"] == []


@before_51
def test_django_refuses_both(project: New) -> None:
    """Django before 5.1 refuses STORAGES beside a legacy setting, and so it stays."""
    done = project(LEGACY + OWN).run("tests.projects.report", "setup")
    assert done.returncode == 1
    assert "mutually exclusive" in done.stderr


@since_51
def test_a_missing_alias_is_filled(project: New) -> None:
    """An alias that the project's own STORAGES lacks is filled in; W001 shows what to add."""
    own = 'STORAGES = {"default": {"BACKEND": "tests.projects.classes.Uploads", "OPTIONS": {}}}'
    found = project(LEGACY + own).report("setup")
    assert found["classes"] == all_of("Uploads", "Static")
    assert found["STORAGES"]["default"]["OPTIONS"] == {}
    assert ids(found) == ["storages.W001"]
    entry = found["messages"][0]["hint"].partition("\n")[2]
    assert eval("{" + entry + "}") == {"staticfiles": LEGACY_STORAGES["staticfiles"]}


@since_51
def test_turned_off(project: New) -> None:
    """With STORAGES_LEGACY_SETTINGS = False nothing is honoured, and E002 is an error for each."""
    found = project(LEGACY + "STORAGES_LEGACY_SETTINGS = False").report("override")
    assert found["inside"] == found["classes"]
    assert found["classes"]["default_storage"] == "FileSystemStorage"
    assert found["classes"]["staticfiles_storage"] == "StaticFilesStorage"
    assert ids(found) == found["staticfiles"] == ["storages.E002", "storages.E002"]


@since_51
def test_turned_off_stops_collectstatic(project: New) -> None:
    """Only checks with its own tag run before collectstatic; E002 has it, so nothing is copied."""
    it = project(LEGACY + "STORAGES_LEGACY_SETTINGS = False")
    done = it.run("django", "collectstatic", "--noinput")
    assert done.returncode == 1
    assert "storages.E002" in done.stderr
    assert list((it.where / "static").iterdir()) == []


# -- used too early ----------------------------------------------------------------------------


@since_51
def test_used_too_early(project: New) -> None:
    """A storage built before install() is replaced, and W003 tells; a kept object stays."""
    eager = LEGACY + 'INSTALLED_APPS.insert(0, "tests.projects.eager")\nEAGER = "default"'
    found = project(eager).report("eager")
    assert found["classes"] == all_of("Uploads", "Static")
    assert found["kept"] == "FileSystemStorage"
    assert ids(found) == ["storages.W001", "storages.W003", "storages.W001"]
    assert "top of INSTALLED_APPS" in message(found, "storages.W003")["hint"]
    assert "replacing default, used before" in found["log"][0]
    assert found["disk"]["media"] == []


@since_51
def test_another_alias_used_too_early(project: New) -> None:
    """Django copies STORAGES when any alias is first used; the copy is renewed, without W003."""
    own = 'STORAGES = {"backup": {"BACKEND": "tests.projects.classes.Other"}}\nEAGER = "backup"'
    found = project(LEGACY + own + '\nINSTALLED_APPS.insert(0, "tests.projects.eager")').report(
        "eager"
    )
    assert found["classes"] == all_of("Uploads", "Static")
    assert found["kept"] == "Other"
    assert ids(found) == ["storages.W001", "storages.W001"]
    assert found["disk"]["media"] == []
