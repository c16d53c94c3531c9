"""The fault suite's experiments with CouchDB."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Row, perform, rows
from tests.faults.scenes.couchdb import CouchDBScene


@pytest.mark.parametrize("row", rows(CouchDBScene), ids=str)
def test_pouchdb(row: Row) -> None:
    """What is promised holds, and the fault happened."""
    perform(row)
