"""The fault suite's experiments with Cloud Files."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.cloudfiles import SwiftScene


@pytest.mark.parametrize("row", rows(SwiftScene), ids=str)
def test_swift(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
