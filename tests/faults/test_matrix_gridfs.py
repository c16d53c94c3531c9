"""The fault suite's experiments with GridFS."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.gridfs import SecantusScene


@pytest.mark.parametrize("row", rows(SecantusScene), ids=str)
def test_secantus(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
