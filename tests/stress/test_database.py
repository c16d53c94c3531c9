"""The stress on databases, embedded and over ODBC."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

from storages.testing.shown import marked
from storages.testing.stress import StressContract
from tests.contract import databases
from tests.servers import odbc
from tests.stress import Networked


class EmbeddedStress(databases.Embedded, StressContract, unittest.TestCase):
    """All of it."""


class EmbeddedPostgreSQLStress(
    Networked, databases.EmbeddedPostgreSQL, StressContract, unittest.TestCase
):
    """All of it, on a server."""


class WrongPassword(Networked, databases.Odbc):
    """What chapter X is to know of a server."""

    @property
    def wrong(self) -> str:
        """Another password, as long as MariaDB's driver takes it."""
        return marked(type(self).__name__, "/@?:;{")

    def wrong_options(self) -> Mapping[str, Any]:
        """A wrong password."""
        right = odbc.connection_string(PWD=odbc.PASSWORD).partition("=")[2]
        wrong = odbc.connection_string(PWD=self.wrong).partition("=")[2]
        string = self.storage.connection_string
        assert right in string
        return {"connection_string": string.replace(right, wrong)}


class OdbcPostgreSQLStress(
    WrongPassword, databases.OdbcPostgreSQL, StressContract, unittest.TestCase
):
    """All of it."""


class OdbcMariaDBStress(WrongPassword, databases.OdbcMariaDB, StressContract, unittest.TestCase):
    """All of it."""
