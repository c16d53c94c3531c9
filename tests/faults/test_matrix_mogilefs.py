"""The fault suite's experiments with MogileFS."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.mogilefs import ClusterScene


@pytest.mark.parametrize("row", rows(ClusterScene), ids=str)
def test_cluster(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
