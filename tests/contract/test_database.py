"""The contract holds for the database storage: over ODBC on three databases, and embedded."""

from __future__ import annotations

import unittest

from storages.testing import StorageContract
from tests.contract import databases


class TestOdbcSQLite(databases.OdbcSQLite, StorageContract, unittest.TestCase):
    """SQLite through its ODBC driver."""


class TestOdbcPostgreSQL(databases.OdbcPostgreSQL, StorageContract, unittest.TestCase):
    """PostgreSQL through its ODBC driver."""


class TestOdbcMariaDB(databases.OdbcMariaDB, StorageContract, unittest.TestCase):
    """MariaDB through its ODBC driver."""


class TestOdbcSQLiteAlternative(
    databases.OdbcSQLiteAlternative, StorageContract, unittest.TestCase
):
    """SQLite, with alternative names."""


class TestOdbcPostgreSQLAlternative(
    databases.OdbcPostgreSQLAlternative, StorageContract, unittest.TestCase
):
    """PostgreSQL, with alternative names."""


class TestOdbcMariaDBAlternative(
    databases.OdbcMariaDBAlternative, StorageContract, unittest.TestCase
):
    """MariaDB, with alternative names."""


class TestEmbedded(databases.Embedded, StorageContract, unittest.TestCase):
    """Django's own connection, on SQLite."""


class TestEmbeddedAlternative(databases.EmbeddedAlternative, StorageContract, unittest.TestCase):
    """Django's own connection, on SQLite, with alternative names."""


class TestEmbeddedPostgreSQL(databases.EmbeddedPostgreSQL, StorageContract, unittest.TestCase):
    """Django's own connection, on PostgreSQL."""
