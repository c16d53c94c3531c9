"""The fault suite's experiments with FTP: in the clear, with MLSD, over TLS."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.ftp import PureFtpdScene, TLSScene, VsftpdScene

#: What is different there; all of it in the whole pass.
ON_MLSD = ("answer.save.rst.*", "request.replace.*", "answer.list.*", "cut.list.*")
OVER_TLS = ("cut.*", "flip.*")


def _of(found: list[Row], *patterns: str) -> list[Row]:
    return [row for row in found if any(fnmatchcase(str(row), pattern) for pattern in patterns)]


@pytest.mark.parametrize("row", rows(VsftpdScene), ids=str)
def test_vsftpd(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize("row", _of(rows(PureFtpdScene), *ON_MLSD), ids=str)
def test_pureftpd(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize("row", _of(rows(TLSScene), *OVER_TLS), ids=str)
def test_tls(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
