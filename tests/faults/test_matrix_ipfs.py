"""The fault suite's experiments with IPFS."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.ipfs import NodeScene


@pytest.mark.parametrize("row", rows(NodeScene), ids=str)
def test_node(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
