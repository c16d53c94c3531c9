"""The model of a storage, a dict, tells a storage with a defect from one without."""

from __future__ import annotations

import gc
import unittest
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storages.testing import MemoryStorage
from storages.testing.model import run_model
from tests.contract import changing_mutants, places, reading_mutants


def case(storage_class: type[MemoryStorage]) -> Any:
    """Return a test case, set up, whose storage is of that class."""

    class Case(places.Memory, unittest.TestCase):
        def make_storage(self) -> Any:
            return storage_class(place=self.place)

        def runTest(self) -> None:  # noqa: N802 - unittest's name
            """Do nothing: the test runs the model."""

    made = Case()
    made.setUp()
    return made


@contextmanager
def open_files_ignored() -> Iterator[None]:
    """Let a history that fails leave files open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_storage_without_defect_agrees() -> None:
    """A hundred random histories leave the storage as they leave a dict."""
    run_model(case(MemoryStorage), 100)


@pytest.mark.parametrize(
    "mutant",
    [
        changing_mutants.LosesWhatWasThere,
        changing_mutants.Replaces,
        reading_mutants.IgnoresRanges,
        changing_mutants.DeletesByPrefix,
        changing_mutants.PublishesAfterExceptions,
        reading_mutants.ListsMore,
        changing_mutants.CopiesOver,
        changing_mutants.MovesHalfWay,
        changing_mutants.DeletesNothing,
    ],
)
def test_defect_is_found(mutant: type[MemoryStorage]) -> None:
    """Random histories find the defect."""
    with open_files_ignored(), pytest.raises((AssertionError, OSError)):
        run_model(case(mutant), 1000, shrink=False, derandomize=True)


def test_history_is_told() -> None:
    """A difference is told with the history that leads to it, and that is a short one."""
    with open_files_ignored(), pytest.raises((AssertionError, OSError)) as raised:
        run_model(case(changing_mutants.DeletesNothing), 100, steps=5, derandomize=True)
    notes = "\n".join(getattr(raised.value, "__notes__", []))
    assert "state.save(" in notes or "state.write(" in notes
    assert notes.count("state.") < 20
