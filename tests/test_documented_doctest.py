"""The documented doctest (T1-T22) passes for every backend."""

from __future__ import annotations

import unittest

from tests.contract import databases, places
from tests.documented import DocumentedDoctest


class TestMemory(DocumentedDoctest, places.Memory, unittest.TestCase):
    """In memory."""


class TestOverwrite(DocumentedDoctest, places.Overwrite, unittest.TestCase):
    """Replacing."""


class TestImages(DocumentedDoctest, places.Images, unittest.TestCase):
    """Images."""


class TestSymlinkOrCopy(DocumentedDoctest, places.SymlinkOrCopy, unittest.TestCase):
    """Links or copies."""


class TestHashPath(DocumentedDoctest, places.HashPath, unittest.TestCase):
    """Named after the content."""


class TestEmbedded(DocumentedDoctest, databases.Embedded, unittest.TestCase):
    """Django's own connection, on SQLite."""


class TestEmbeddedPostgreSQL(DocumentedDoctest, databases.EmbeddedPostgreSQL, unittest.TestCase):
    """Django's own connection, on PostgreSQL."""


class TestEmbeddedAlternative(DocumentedDoctest, databases.EmbeddedAlternative, unittest.TestCase):
    """Django's own connection, on SQLite, with alternative names."""


class TestOdbcSQLite(DocumentedDoctest, databases.OdbcSQLite, unittest.TestCase):
    """SQLite over ODBC."""


class TestOdbcPostgreSQL(DocumentedDoctest, databases.OdbcPostgreSQL, unittest.TestCase):
    """PostgreSQL over ODBC."""


class TestOdbcMariaDB(DocumentedDoctest, databases.OdbcMariaDB, unittest.TestCase):
    """MariaDB over ODBC."""
