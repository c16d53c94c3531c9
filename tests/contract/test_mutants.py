"""The contract and the stress find defects: a storage with one fails the case that is about it."""

from __future__ import annotations

import gc
import unittest
import warnings
from typing import Any

import pytest

from storages.testing import MemoryStorage, StorageContract
from storages.testing.stress import StressContract
from tests.contract import (
    changing_mutants,  # noqa: F401 - adds its own to MUTANTS
    fuzz_mutants,  # noqa: F401 - likewise
    keeping_mutants,  # noqa: F401 - likewise
    naming_mutants,  # noqa: F401 - likewise
    nth_mutants,  # noqa: F401 - likewise
    object_mutants,  # noqa: F401 - likewise
    places,
    race_mutants,  # noqa: F401 - likewise
    reading_mutants,  # noqa: F401 - likewise
)
from tests.contract.mutants import MUTANTS

# Races are lost by chance, and a quick pass has few rounds.
ATTEMPTS = 5


def outcome(storage_class: type[Any], case: str) -> unittest.TestResult:
    """Run one case for a storage class."""

    class Case(places.Memory, StorageContract, StressContract, unittest.TestCase):
        secrets = ("hunter2-hunter2",)
        leak_patience = 1.0

        def make_storage(self) -> Any:
            return storage_class(place=self.place)

    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of what a failing case leaves open
        Case(case).run(result)
        getattr(storage_class, "end", lambda: None)()
        gc.collect()
    return result


CASES = {mutant: case for mutant, case in MUTANTS.items() if case.startswith("test_")}


@pytest.mark.parametrize("mutant", CASES, ids=lambda mutant: mutant.__name__)
def test_defect_is_found(mutant: type[Any]) -> None:
    """The case fails for the storage with the defect."""
    for _ in range(ATTEMPTS):
        result = outcome(mutant, CASES[mutant])
        assert result.testsRun == 1
        if result.failures or result.errors:
            return
    pytest.fail(f"the defect was not found in {ATTEMPTS} runs")


@pytest.mark.parametrize("case", sorted(set(CASES.values())))
def test_case_passes_without_defect(case: str) -> None:
    """The same case passes for the storage without defects."""
    result = outcome(MemoryStorage, case)
    assert (result.testsRun, result.failures, result.errors, result.skipped) == (1, [], [], [])
