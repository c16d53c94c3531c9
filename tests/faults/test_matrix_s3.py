"""The fault suite's experiments with S3."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.s3 import MotoScene


@pytest.mark.parametrize("row", rows(MotoScene), ids=str)
def test_moto(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
