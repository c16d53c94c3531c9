"""The fault suite's experiments with SFTP."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.sftp import SftpScene


@pytest.mark.parametrize("row", rows(SftpScene), ids=str)
def test_sshd(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
