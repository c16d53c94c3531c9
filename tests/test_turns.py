"""Taking turns: of threads and processes that change one file, one does so at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from storages import turns
from storages.errors import StorageError, Timeout
from storages.retry import deadline


def test_two_savers_take_turns() -> None:
    """Who waits longer than the deadline gets Timeout; the next one finds the turn free."""
    with turns.taking("server", "name"):
        with turns.taking("server", "another name"):
            pass
        with deadline(0.05), pytest.raises(Timeout), turns.taking("server", "name"):
            pytest.fail("two at a time")
    with turns.taking("server", "name"):
        pass


def test_processes_take_turns(tmp_path: Path) -> None:
    """Another process waits, too; and the lock of one that is killed is free at once."""
    code = (
        "import django, sys, time; from django.conf import settings; settings.configure()\n"
        "from storages import turns\n"
        "with turns.taking('server', 'name'):\n"
        "    print('mine', flush=True); time.sleep(600)"
    )
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)):
        root = Path(__file__).resolve().parents[1]
        other = subprocess.Popen(
            [
                sys.executable,
                "-c",
                code.replace("()", f"(FILE_UPLOAD_TEMP_DIR={str(tmp_path)!r})", 1),
            ],
            cwd=root,
            stdout=subprocess.PIPE,
        )
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"mine\n"
            with deadline(0.1), pytest.raises(Timeout), turns.taking("server", "name"):
                pytest.fail("two at a time")
        finally:
            other.kill()
            other.communicate()
        with deadline(30), turns.taking("server", "name"):
            assert [each.name for each in tmp_path.iterdir()] == [f"django-storages-{_uid()}"]


def _uid() -> int:
    import os

    return os.getuid()


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A link in the place of the locks' directory is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"django-storages-{_uid()}").symlink_to(elsewhere)
    with (
        override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)),
        pytest.raises(StorageError, match="FILE_UPLOAD_TEMP_DIR"),
        turns.taking("server", "name"),
    ):
        pytest.fail("taken")
    assert list(elsewhere.iterdir()) == []


def test_no_place_for_the_locks(tmp_path: Path) -> None:
    """Where they cannot be made, nothing is written, and the error says what to set."""
    with (
        override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path / "missing")),
        pytest.raises(StorageError, match="FILE_UPLOAD_TEMP_DIR"),
        turns.taking("server", "name"),
    ):
        pytest.fail("taken")
