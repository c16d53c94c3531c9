"""The storage that the documentation shows how to write passes the contract, and is short."""

from __future__ import annotations

import inspect

from docs.examples.sqlar import SqlarStorage
from docs.examples.test_sqlar import SqlarStorageTests, SqlarStressTests

__all__ = ["SqlarStorageTests", "SqlarStressTests"]  # pytest runs it from here


def test_it_has_less_than_sixty_lines() -> None:
    """As the page says: who writes a storage should not have to write much."""
    assert len(inspect.getsource(SqlarStorage).splitlines()) < 60
