"""The fault suite's experiments with Tahoe-LAFS."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.tahoe import GatewayScene


@pytest.mark.parametrize("row", rows(GatewayScene), ids=str)
def test_gateway(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
