"""Projects with legacy settings, for their tests: each process is one project's whole life."""

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
