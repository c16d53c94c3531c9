"""A writer that is killed leaves every name with one complete content."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storages.testing.capabilities import FULL

# Kills that meet a save under way, of the writers of each scenario: 200 in all.
KILLS = 40 if FULL else 8
SCENARIOS = ["overwrite", "overwrite-upload", "write", "create", "create-upload"]
# In these most of a save is spent while its temporary is written.
DAWDLING = ["overwrite", "create"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """What killing the writers of a scenario did; each is tried once."""
    reports: dict[str, dict[str, Any]] = {}

    def report(scenario: str, kills: int = KILLS) -> dict[str, Any]:
        if scenario not in reports:
            root = tmp_path_factory.mktemp(scenario)
            done = subprocess.run(
                [sys.executable, "-m", "tests.faults.kill_writers", root, scenario, str(kills)],
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
                cwd=Path(__file__).parents[2],
            )
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""
            reports[scenario] = json.loads(done.stdout)
        return reports[scenario]

    return report


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_name_is_torn_or_lost(scenario: str, killed: Callable[[str], dict[str, Any]]) -> None:
    """Every file is one complete content, and every save that returned is there."""
    assert killed(scenario)["wrong"] == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_kills_met_saves_under_way(
    scenario: str, killed: Callable[[str], dict[str, Any]]
) -> None:
    """The writers were killed while they saved, after saves that returned."""
    report = killed(scenario)
    assert report["interrupted"] == KILLS
    assert report["saves"] >= KILLS


@pytest.mark.parametrize("scenario", DAWDLING)
def test_killed_saves_leave_only_temporaries(
    scenario: str, killed: Callable[[str], dict[str, Any]]
) -> None:
    """What a killed save leaves has a temporary's name, is not listed and can be removed."""
    assert killed(scenario)["orphans"] >= KILLS / 8


def test_the_rig_sees_torn_files(killed: Callable[[str], dict[str, Any]]) -> None:
    """Django's own storage, treated the same way, leaves half a file under a final name."""
    assert any("torn" in wrong for wrong in killed("create-django")["wrong"])
