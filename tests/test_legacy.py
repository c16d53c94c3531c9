"""The legacy settings, in projects of their own: each process is one project's whole life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest

import storages

ROOT = Path(storages.__file__).parent.parent
PATHS = os.pathsep.join(dict.fromkeys([str(ROOT), str(Path(__file__).parent.parent)]))
DJANGO_HONOURS_THEM = django.VERSION < (5, 1)
LEGACY = """
DEFAULT_FILE_STORAGE = "tests.projects.classes.Uploads"
STATICFILES_STORAGE = "tests.projects.classes.Static"
"""
LEGACY_STORAGES = {
    "default": {"BACKEND": "tests.projects.classes.Uploads"},
    "staticfiles": {"BACKEND": "tests.projects.classes.Static"},
}
since_51 = pytest.mark.skipif(
    DJANGO_HONOURS_THEM, reason="Django before 5.1 handles the settings itself"
)
before_51 = pytest.mark.skipif(not DJANGO_HONOURS_THEM, reason="of Django before 5.1")


class Project:
    """A project in ``where`` whose settings end with ``lines``."""

    def __init__(self, where: Path, lines: str) -> None:
        self.where = where
        for name in ("media", "static"):
            (where / name).mkdir(parents=True)
        text = f"from tests.projects.settings import *  # noqa: F403\n{lines}"
        (where / "site_settings.py").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, module: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``python -m`` with these arguments in the project."""
        environment = {
            **os.environ,
            "PROJECT": str(self.where),
            "PYTHONPATH": os.pathsep.join([str(self.where), PATHS]),
            "DJANGO_SETTINGS_MODULE": "site_settings",
        }
        if not module:
            del environment["DJANGO_SETTINGS_MODULE"]
        deprecated = ("The DEFAULT_FILE_STORAGE setting", "The STATICFILES_STORAGE setting")
        quiet = [part for text in deprecated for part in ("-W", f"ignore:{text}")]
        return subprocess.run(
            [sys.executable, "-W", "error", *quiet, "-m", *arguments],
            cwd=self.where,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def report(self, function: str, *, module: bool = True) -> dict[str, Any]:
        """The facts that a function of tests.projects.report finds, and what the log said."""
        done = self.run("tests.projects.report", function, module=module)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), "log": done.stderr.splitlines()}


New = Callable[[str], Project]


@pytest.fixture
def project(tmp_path: Path) -> New:
    """Make a project from the lines that end its settings."""
    return lambda lines: Project(tmp_path / "project", lines)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happens in a project with both settings."""
    return Project(tmp_path_factory.mktemp("life") / "project", LEGACY).report("everything")


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What override_settings() does in that project."""
    return Project(tmp_path_factory.mktemp("overrides") / "project", LEGACY).report("overrides")


def all_of(uploads: str, static: str) -> dict[str, str]:
    """The classes in report.classes() when the two storages have these."""
    return {
        "default_storage": uploads,
        "staticfiles_storage": static,
        "storages['default']": uploads,
        "storages['staticfiles']": static,
        "FileField()": uploads,
        # A callable is called once, while the model's class is created.
        "FileField(callable)": "Uploads",
    }


def ids(found: dict[str, Any]) -> list[str]:
    """The ids of the check messages found."""
    return [it["id"] for it in found["messages"]]


def message(found: dict[str, Any], which: str) -> dict[str, Any]:
    """The only message with this id."""
    (it,) = [it for it in found["messages"] if it["id"] == which]
    return dict(it)


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


# -- override_settings() -----------------------------------------------------------------------


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


# -- classes that moved, or are missing --------------------------------------------------------


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
