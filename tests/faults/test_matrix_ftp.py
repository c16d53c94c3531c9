"""The fault suite's experiments with FTP."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.ftp import VsftpdScene


@pytest.mark.parametrize("row", rows(VsftpdScene), ids=str)
def test_vsftpd(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
