"""The example site without a browser: its own tests, and its command, as a person runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

MANAGE = Path(__file__).resolve().parent.parent / "example" / "manage.py"


def manage(var: Path, *arguments: str) -> str:
    """Run the example's manage.py with warnings as errors, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(MANAGE), *arguments],
        env={**os.environ, "STORAGES_EXAMPLE_VAR": str(var)},
        cwd=var,  # anywhere but the checkout
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "ResourceWarning" not in printed, printed
    return printed


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """The example's tests, which run on Django's runner and need only Django and Pillow."""
    printed = manage(tmp_path, "test", "example")
    ran = re.search(r"^Ran (\d+) tests", printed, re.MULTILINE)
    assert ran is not None, printed
    assert int(ran.group(1)) >= 30
    assert re.search(r"^OK$", printed, re.MULTILINE), printed  # no skips, no expected failures


def test_its_settings_have_no_problems(tmp_path: Path) -> None:
    """Neither Django's checks nor ours find anything."""
    assert "no issues (0 silenced)" in manage(tmp_path, "check")


def test_demo_prepares_twice(tmp_path: Path) -> None:
    """``manage.py demo --no-serve`` keeps its data and its password."""
    first = manage(tmp_path, "demo", "--no-serve")
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "samples").iterdir()}
    second = manage(tmp_path, "demo", "--no-serve")
    assert first == second
    assert re.search(r"user demo, password \S+\)", first)
    assert {path: path.stat().st_mtime_ns for path in made} == made
