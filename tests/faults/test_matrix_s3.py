"""The fault suite's experiments with S3: on moto, in parts there, and on radosgw."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from storages.testing.capabilities import FULL
from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.s3 import MotoScene, PartsScene, RadosGWScene

#: What differs for files in parts.
IN_PARTS = ("cut.save.*", "cut.replace.*", "answer.save.*", "freeze.*", "flip.*")


def _of(found: list[Row], *patterns: str) -> list[Row]:
    return [row for row in found if any(fnmatchcase(str(row), pattern) for pattern in patterns)]


@pytest.mark.parametrize("row", rows(MotoScene), ids=str)
def test_moto(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize("row", _of(rows(PartsScene), *IN_PARTS), ids=str)
def test_parts(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


if FULL:  # it takes half a minute to start

    @pytest.mark.parametrize("row", rows(RadosGWScene), ids=str)
    def test_radosgw(row: Row) -> None:
        """What is promised holds, and the fault happened."""
        perform(row)
