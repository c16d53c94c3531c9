"""The documented doctest (T1-T22 of the manual) on CouchDB."""

from __future__ import annotations

import unittest
from typing import Any

from tests.contract.test_couchdb import CouchDBPlace
from tests.documented import DocumentedDoctest
from tests.servers import shared
from tests.servers.pouchdb import PouchDB


class CouchDBTest(DocumentedDoctest, CouchDBPlace, unittest.TestCase):
    """pouchdb-server."""

    def legacy_settings(self) -> dict[str, Any]:
        """The documented settings."""
        return {
            "COUCHDB_STORAGE_OPTIONS": {"server": shared(PouchDB).url, "database": self.database}
        }
