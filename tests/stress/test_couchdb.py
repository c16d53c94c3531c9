"""The stress on pouchdb-server."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_couchdb import CouchDBPlace
from tests.stress import Networked


class CouchDBStress(Networked, CouchDBPlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True
