"""Set Django up once, in a temporary directory that goes when the run ends."""

from __future__ import annotations

import gc
import os
import tempfile
from collections import Counter
from pathlib import Path

import django
import pytest

from tests.servers import stop_shared

_ROOT = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory that tests.settings reads, and start Django."""
    # In CI pytest shortens nothing: the bytes of a file that differs would bury the test's name.
    os.environ.pop("CI", None)
    os.environ.pop("BUILD_NUMBER", None)
    root = config.stash[_ROOT] = tempfile.TemporaryDirectory(prefix="storages-tests-")
    os.environ["STORAGES_TEST_ROOT"] = root.name
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    for name in ("media", "static"):
        Path(root.name, name).mkdir()
    django.setup()


def pytest_collection_finish() -> None:
    """Take the tests themselves out of the garbage collector's sight.

    There are so many that looking through them for garbage, which they never are, takes longer
    than what a test waits for when it calls gc.collect().
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)  # fixtures that are left may still ask a server
def pytest_sessionfinish() -> None:
    """Stop the servers while pytest-xdist waits: it kills a process ten seconds after its tests."""
    stop_shared()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the run wrote."""
    config.stash[_ROOT].cleanup()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was skipped, by its reasons: pytest's own list has a line for each place."""
    skipped: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        _, _, reason = report.longrepr
        skipped[reason.removeprefix("Skipped: ")] += 1
    if skipped:
        terminalreporter.section("skipped")
        for reason, count in skipped.most_common():
            terminalreporter.line(f"{count:5} {reason}")


@pytest.fixture(scope="session", autouse=True)
def _tables() -> None:
    """Make the tables of every installed app."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", run_syncdb=True, verbosity=0)
    connection.close()
