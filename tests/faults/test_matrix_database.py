"""The fault suite's experiments with databases, embedded and over ODBC."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.database import EmbeddedScene, MariaDBScene, PostgreSQLScene


@pytest.mark.parametrize("row", rows(EmbeddedScene), ids=str)
def test_embedded(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize("row", rows(PostgreSQLScene), ids=str)
def test_postgresql(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)


@pytest.mark.parametrize("row", rows(MariaDBScene), ids=str)
def test_mariadb(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
