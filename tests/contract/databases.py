"""Files in databases, over ODBC and embedded; see places.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.test import override_settings

from storages.backends.database import DatabaseStorage
from storages.testing.case import ContractCase, SameName
from tests.servers import odbc
from tests.servers.databases import django_alias, embedded_tables, odbc_database


class Database(ContractCase):
    """What both engines promise: names are one flat text, and saving again replaces."""

    same_name: ClassVar[SameName] = "overwrite"
    nests_in_files = True
    max_component = None
    max_name: ClassVar[int | None] = 640
    part_size = 256 * 1024


class Odbc(Database):
    """A table of the project's own, as the documentation recommends it."""

    supports_times = frozenset()
    bounded_memory = False  # a file is one value
    client_library = "pyodbc"
    extra = "database"
    secrets: ClassVar[tuple[str, ...]] = (odbc.PASSWORD,)
    kind: ClassVar[str]
    more: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        """Make the table; the connection string comes from the settings, being a secret."""
        super().setUp()
        table = odbc_database(self.kind).table(base_url="/files/", **self.more)
        self.options = table.__enter__()
        self.addCleanup(table.__exit__, None, None, None)
        secret = {"DB_FILES_CONNECTION_STRING": self.options.pop("connection_string")}
        settings = override_settings(**secret)
        settings.enable()
        self.addCleanup(settings.disable)

    def make_storage(self) -> Any:
        """Make a storage for the test's table."""
        return DatabaseStorage(self.options)

    def legacy_settings(self) -> dict[str, Any]:
        """DB_FILES has the options where no argument does."""
        return {"DB_FILES": self.options}

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object]:
        """The connection is what the settings say at the moment."""
        return (
            {"DB_FILES_CONNECTION_STRING": "Driver=elsewhere"},
            lambda storage: storage.connection_string,
            "Driver=elsewhere",
        )


class OdbcSQLite(Odbc):
    """SQLite through its ODBC driver."""

    kind = "sqlite"
    secrets = ()
    max_name = None  # SQLite takes a varchar's length for a remark


class OdbcPostgreSQL(Odbc):
    """PostgreSQL through its ODBC driver."""

    kind = "postgresql"


class OdbcMariaDB(Odbc):
    """MariaDB through its ODBC driver."""

    kind = "mariadb"


class OdbcSQLiteAlternative(OdbcSQLite):
    """SQLite, with alternative names."""

    same_name = "alternative"
    slow = False
    model_examples = 5
    more: ClassVar[dict[str, Any]] = {"overwrite": False}


class OdbcPostgreSQLAlternative(OdbcPostgreSQL):
    """PostgreSQL, with alternative names."""

    same_name = "alternative"
    slow = False
    model_examples = 5
    more: ClassVar[dict[str, Any]] = {"overwrite": False}


class OdbcMariaDBAlternative(OdbcMariaDB):
    """MariaDB, with alternative names."""

    same_name = "alternative"
    slow = False
    model_examples = 5
    more: ClassVar[dict[str, Any]] = {"overwrite": False}


class Embedded(Database):
    """Django's own connection, on SQLite."""

    keeps_content_type = True
    integrity = "sha256"
    options: ClassVar[dict[str, Any]] = {"using": "default", "base_url": "/files/"}

    def setUp(self) -> None:
        """Make the tables."""
        super().setUp()
        tables = embedded_tables(self.options["using"])
        tables.__enter__()
        self.addCleanup(tables.__exit__, None, None, None)

    def legacy_settings(self) -> dict[str, Any]:
        """DB_FILES has the options where no argument does."""
        return {"DB_FILES": self.options}

    def make_storage(self) -> Any:
        """Make a storage for the test's tables."""
        return DatabaseStorage(self.options)


class EmbeddedAlternative(Embedded):
    """Django's own connection, on SQLite, with alternative names."""

    same_name = "alternative"
    slow = False
    model_examples = 5
    options: ClassVar[dict[str, Any]] = {**Embedded.options, "overwrite": False}


class EmbeddedPostgreSQL(Embedded):
    """Django's own connection, on PostgreSQL."""

    options: ClassVar[dict[str, Any]] = {"using": "postgresql", "base_url": "/files/"}

    def setUp(self) -> None:
        """Have PostgreSQL in DATABASES."""
        alias = django_alias()
        alias.__enter__()
        self.addCleanup(alias.__exit__, None, None, None)
        super().setUp()
