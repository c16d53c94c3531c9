"""What the quick start and the README tell a newcomer works in a project of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation import DOCS, ROOT, block_with

QUICKSTART = DOCS / "quickstart.rst"
# What `django-admin startproject` writes, as far as it is needed.
FRAME = """
SECRET_KEY = "only for a test"
STATIC_URL = "/static/"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the settings of the quick start."""
    package = tmp_path / "mysite"
    package.mkdir()
    settings = block_with(QUICKSTART, "STORAGES = {").code
    (package / "settings.py").write_text(settings + FRAME)
    (tmp_path / "use.py").write_text(block_with(QUICKSTART, "ContentFile").code)
    return tmp_path


def run(project: Path, *command: str) -> str:
    """Run Python in the project; return what was printed."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_newcomers_five_minutes(project: Path) -> None:
    """Check, make the table, use the storage: the commands and the code of the page, in order."""
    assert "System check identified no issues" in run(project, "-m", "django", "check")
    assert "created" in run(project, "-m", "django", "createstoragetable")
    start = "import django; django.setup(); "
    printed = run(project, "-c", f"{start} exec(open('use.py').read())")
    assert "reports/may.csv" in printed
    look = "from django.core.files.storage import default_storage as storage"
    assert run(project, "-c", f"{start} {look}; print(storage.size('log.txt'))") == "14\n"
