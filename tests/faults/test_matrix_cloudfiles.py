"""The fault suite's experiments with Cloud Files."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.cloudfiles import SegmentsScene, SwiftScene

#: Where segments make a difference.
_SEGMENTED = ("cut.save.rst.*", "cut.replace.fin.*", "answer.save.rst.*", "kill.save")


@pytest.mark.parametrize("row", rows(SwiftScene), ids=str)
def test_swift(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize(
    "row",
    [row for row in rows(SegmentsScene) if any(fnmatchcase(str(row), p) for p in _SEGMENTED)],
    ids=str,
)
def test_segments(row: Row) -> None:
    """Likewise, for files in several segments."""
    perform(row)
