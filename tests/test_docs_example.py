"""The storage that the documentation shows how to write passes the contract."""

from __future__ import annotations

from docs.examples.test_sqlar import SqlarStorageTests

__all__ = ["SqlarStorageTests"]  # pytest runs it from here
