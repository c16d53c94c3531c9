"""DatabaseStorage over ODBC: each database in turn, tables in it, and the servers that may fail.

They are no fixtures of conftest.py because S3's storages there have the same names. A module
takes those it wants: ``storage = database_odbc.storage``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from storages.backends.database import DatabaseStorage
from tests.servers import shared
from tests.servers.databases import ODBC, OdbcDatabase, odbc_database
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=ODBC)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> OdbcDatabase:
    """Each of the three databases in turn."""
    return odbc_database(request.param, tmp_path)


@pytest.fixture
def table(database: OdbcDatabase) -> Iterator[Callable[..., dict[str, Any]]]:
    """Make tables, by the names and types of their columns; as documented unless told."""
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(database.table(*args, **more))


@pytest.fixture
def storage(table: Callable[..., dict[str, Any]]) -> Iterator[DatabaseStorage]:
    """A storage for a new table as documented."""
    with DatabaseStorage(table()) as made:
        yield made


@pytest.fixture(params=[PostgreSQL, MariaDB])
def server(request: pytest.FixtureRequest) -> Iterator[PostgreSQL | MariaDB]:
    """Each of the two servers in turn, running again afterwards."""
    kind: type[PostgreSQL | MariaDB] = request.param
    yield shared(kind)
    shared(kind)


def database_on(server: PostgreSQL | MariaDB) -> OdbcDatabase:
    """The database of a server."""
    return odbc_database("postgresql" if isinstance(server, PostgreSQL) else "mariadb")
