"""The databases that DatabaseStorage is tested on, and a table for files in each.

``ODBC`` names them; ``OdbcDatabase`` gives connections and tables. For the embedded engine
``embedded_tables`` makes its tables in a database of ``settings.DATABASES``, and
``django_alias`` adds the shared PostgreSQL to those.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from storages.libraries import library
from tests.servers import odbc
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import shared
from tests.settings import ROOT

ODBC = ("sqlite", "postgresql", "mariadb")

# As the documentation says they are best made.
COLUMNS = {
    "sqlite": "name varchar(640) PRIMARY KEY, content blob, size bigint",
    "postgresql": 'name varchar(640) COLLATE "C" PRIMARY KEY, content bytea, size bigint',
    "mariadb": (
        "name varchar(640) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY,"
        " content longblob, size bigint"
    ),
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class OdbcDatabase:
    """One database, reached over ODBC."""

    kind: str
    connection_string: str

    def run(self, sql: str, *values: object) -> list[Any]:
        """Run a statement on a connection of its own; return the rows, if it gives any."""
        connection = library("pyodbc", "database").connect(self.connection_string, autocommit=True)
        try:
            cursor = connection.execute(sql, *values)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def table(self, columns: str = "", **more: Any) -> Iterator[dict[str, Any]]:
        """Make a table, and give the options of a DatabaseStorage for it."""
        name = f"files_{next(_numbers)}"
        self.run(f"CREATE TABLE {name} ({columns or COLUMNS[self.kind]})")
        try:
            yield {
                "db_table": name,
                "fname_column": "name",
                "blob_column": "content",
                "size_column": "size",
                "base_url": None,
                "connection_string": self.connection_string,
                **more,
            }
        finally:
            self.run(f"DROP TABLE {name}")


def odbc_database(kind: str, directory: Path | None = None) -> OdbcDatabase:
    """Return the run's database of that kind; SQLite's lies in ``directory``."""
    if kind == "postgresql":
        return OdbcDatabase(kind, shared(PostgreSQL).connection_string)
    if kind == "mariadb":
        return OdbcDatabase(kind, shared(MariaDB).connection_string)
    path = (directory or ROOT) / "odbc.sqlite3"
    return OdbcDatabase(kind, odbc.sqlite(path))


@contextmanager
def django_alias(alias: str = "postgresql", **more: Any) -> Iterator[str]:
    """Have the shared PostgreSQL in DATABASES, under ``alias``; with ``more`` that differs."""
    connections.settings[alias] = {**shared(PostgreSQL).django, **more}
    connections.configure_settings(connections.settings)  # fills in the defaults
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


@contextmanager
def embedded_tables(using: str = "default", table: str = "storages_files") -> Iterator[None]:
    """Have the tables of the embedded engine."""
    call_command("createstoragetable", table, database=using, verbosity=0)
    try:
        yield
    finally:
        connection = connections[using]
        with connection.cursor() as cursor:
            for name in (table, f"{table}_chunks"):
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
