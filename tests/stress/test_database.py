"""The stress on databases, embedded and over ODBC."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract import databases


class EmbeddedStress(databases.Embedded, StressContract, unittest.TestCase):
    """All of it."""


class OdbcPostgreSQLStress(databases.OdbcPostgreSQL, StressContract, unittest.TestCase):
    """All of it."""


class OdbcMariaDBStress(databases.OdbcMariaDB, StressContract, unittest.TestCase):
    """All of it."""
