"""The table of guarantees: every case belongs to a promise, and the documentation's is of today."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from storages.testing import MemoryStorage, StorageContract
from storages.testing.column import column, main, run
from storages.testing.guarantees import PROMISES, Outcome, Promise, numbers_of, standing
from storages.testing.saving import SavingContract
from storages.testing.stress import StressContract
from tests.contract.places import Memory
from tests.guarantees import COLUMNS, FILE, outcomes_of

ROOT = Path(__file__).resolve().parent.parent


def cases() -> set[str]:
    """Every case of the contract and of the stress."""
    return {name for kind in (StorageContract, StressContract) for name in dir(kind)
            if name.startswith("test_")}  # fmt: skip


class Good(Memory, SavingContract, unittest.TestCase):
    """One chapter, on a storage that keeps its promises."""

    __test__ = False  # of pytest: they are run by what is tested here


class Forgetful(MemoryStorage):
    """Loses what was there when the source fails."""

    def _write(self, key: str, source: Any, *, overwrite: bool) -> None:
        self._files.pop(key, None)
        super()._write(key, source, overwrite=overwrite)


class Bad(Good):
    """The same chapter, on one that does not."""

    def make_storage(self) -> Any:
        """Make it in the test's place."""
        return Forgetful(place=self.place)


def test_every_case_belongs_to_one_promise() -> None:
    """And each number of a promise is that of a case."""
    told = Counter(number for promise in PROMISES for number in promise.cases)
    assert [number for number, times in told.items() if times > 1] == []
    numbers = {number for case in cases() for number in numbers_of(case)}
    assert numbers - set(told) == set()
    assert set(told) - numbers == set()
    assert all(numbers_of(case) for case in cases())


def test_promises_have_ids_of_their_own() -> None:
    """The ids make the labels of the documentation."""
    assert len({promise.id for promise in PROMISES}) == len(PROMISES)
    assert all(promise.vacuous <= set(promise.cases) for promise in PROMISES)


def test_standing() -> None:
    """A skipped case counts where no other of its number passed; a failure always."""
    promise = Promise("p", "", "Text.", ("S01", "S02", "S03"), frozenset({"S03"}))
    passed = {"test_S01_a": Outcome("passed"), "test_S02_a": Outcome("passed")}
    skipped = Outcome("skipped", "not applicable: why")
    assert standing(promise, passed) == ("kept", [])
    assert standing(promise, {**passed, "test_S02_b": skipped}) == ("kept", [])
    assert standing(promise, {**passed, "test_S03_a": skipped}) == ("kept", [])
    assert standing(promise, {**passed, "test_S04_a": Outcome("failed")}) == ("kept", [])
    assert standing(promise, {**passed, "test_S02_a": skipped}) == ("partly", ["S02: why"])
    assert standing(promise, {"test_S01_a": skipped}) == ("not applicable", ["S01: why"])
    failed = {**passed, "test_S02_b": Outcome("failed", "oh")}
    assert standing(promise, failed) == ("broken", ["test_S02_b: oh"])


def test_a_column_of_a_storage() -> None:
    """What was run is told; what a failing case says stands below its promise."""
    good = column(run(Good))
    assert "kept            A file appears under its name in one step" in good
    assert "broken" not in good
    progress = io.StringIO()
    outcomes = run(Bad, progress)
    assert len(progress.getvalue()) >= len(outcomes)
    assert "F" in progress.getvalue()
    bad = column(outcomes)
    assert "broken          A file appears under its name in one step" in bad
    assert "- test_S11_failing_source_keeps_the_old_file: " in bad


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0 when every promise is kept, else with 1, and says what is wrong with it."""
    assert main([f"{__name__}.Good"]) == 0
    assert capsys.readouterr().out.startswith(f"{__name__}.Good: ")
    assert main([f"{__name__}.Bad"]) == 1
    for wrong, said in {
        f"{__name__}.Nothing": "cannot be imported",
        "nothing": "cannot be imported",
        f"{__name__}.Forgetful": "is no unittest.TestCase",
    }.items():
        with pytest.raises(SystemExit, match=said):
            main([wrong])


def test_the_command_in_a_process_of_its_own() -> None:
    """As a project would call it, with its settings."""
    command = [sys.executable, "-m", "storages.testing", "--settings", "tests.settings"]
    done = subprocess.run(
        [*command, "tests.test_guarantees.Good"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "kept            max_length holds" in done.stdout


def test_outcomes_of_reports() -> None:
    """The worst of a test's phases and subtests counts."""

    class Report:
        def __init__(self, nodeid: str, when: str, outcome: str, longrepr: Any = None) -> None:
            self.nodeid, self.when, self.longrepr = nodeid, when, longrepr
            self.failed, self.skipped = outcome == "failed", outcome == "skipped"

    reports = [
        Report("a", "setup", "passed"),
        Report("a", "call", "passed"),
        Report("b", "call", "failed", "boom"),
        Report("b", "call", "passed"),
        Report("c", "call", "skipped", ("file", 1, "Skipped: why")),
        Report("d", "call", "passed"),
        Report("d", "teardown", "failed", "later"),
    ]
    assert outcomes_of(reports) == {
        "a": Outcome("passed"),
        "b": Outcome("failed", "boom"),
        "c": Outcome("skipped", "why"),
        "d": Outcome("failed", "later"),
    }


def test_the_documentation_shows_the_cases_of_today() -> None:
    """``make guarantees`` was run after the last case was added; nothing failed then."""
    told = json.loads(FILE.read_text())
    assert set(told["cases"]) == cases(), "run: make guarantees"
    assert [each["service"] for each in told["columns"]] == [each.service for each in COLUMNS]
    for each in told["columns"][1:]:
        assert each["failed"] == {}
        assert each["missing"] == [], f"{each['name']} was not run: make guarantees"
        assert not each.get("faults", {}).get("failed")
