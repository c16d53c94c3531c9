"""DatabaseStorage over ODBC: servers that restart, die, refuse or hang; locks that others hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from storages.backends.database import DatabaseStorage
from storages.backends.database.connecting import Session
from storages.backends.database.odbc import OdbcEngine
from storages.errors import StorageError, Timeout, Unavailable
from storages.retry import NO_RETRY, deadline
from tests.backends import database_odbc
from tests.backends.database_files import get, put
from tests.backends.database_odbc import SERVERS, database_on
from tests.servers.databases import OdbcDatabase, odbc_database
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

# Fixtures, which pytest looks for in the module of the tests that take them.
database = database_odbc.database
table = database_odbc.table
storage = database_odbc.storage
server = database_odbc.server


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_next_call_after_the_server_came_back_connects_again(
    server: PostgreSQL | MariaDB, how: str
) -> None:
    """A dead connection is noticed, dropped and replaced, without an error."""
    with database_on(server).table() as options, DatabaseStorage(options) as storage:
        put(storage, "before", b"1")
        getattr(server, how)()
        server.start()
        assert get(storage, "before") == b"1"
        getattr(server, how)()
        server.start()
        put(storage, "after", b"2")
        assert get(storage, "after") == b"2"


def test_a_dead_server_is_unavailable_and_shows_no_password(server: PostgreSQL | MariaDB) -> None:
    """The error says where it tried to connect; nothing of it has the password."""
    with database_on(server).table() as options:
        server.stop()
        with DatabaseStorage(options) as storage, pytest.raises(Unavailable) as caught:
            storage.exists("x")
        server.start()
    assert server.password not in f"{caught.value} {caught.value.__cause__!r}"
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", SERVERS)
def test_a_wrong_password_is_permission_denied(kind: str) -> None:
    """It is not tried again, and not shown."""
    database = odbc_database(kind)
    wrong = database.connection_string.replace("s3cret", "hunter2")
    with (
        database.table(connection_string=wrong) as options,
        DatabaseStorage(options) as storage,
        pytest.raises(PermissionError) as caught,
    ):
        storage.exists("x")
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__!r}"


def test_waiting_for_a_lock_ends(database: OdbcDatabase, table: Callable[..., Any]) -> None:
    """Somebody who holds the row keeps a save waiting for ``timeout`` seconds, not for ever."""
    options = table(timeout=1.0)
    with DatabaseStorage(options) as storage, DatabaseStorage(options) as other:
        put(storage, "f", b"old")
        held = storage._engine._connection()
        with (
            held as c,
            c.session.transaction(),
            mock.patch.object(DatabaseStorage, "retry", NO_RETRY),
        ):
            c.session.run(c.sql.update, b"mine", 4, *c.sql.same("f"))
            with pytest.raises(Timeout):
                put(other, "f", b"theirs")
        assert get(other, "f") == b"mine"


def test_a_deadline_bounds_waiting_for_a_lock(server: PostgreSQL | MariaDB) -> None:
    """``with deadline(...)`` counts although the storage's own limit is a minute."""
    with (
        database_on(server).table() as options,
        DatabaseStorage(options) as storage,
        DatabaseStorage(options) as other,
    ):
        put(storage, "f", b"old")
        engine = storage._engine
        assert isinstance(engine, OdbcEngine)
        with engine._connection() as c, c.session.transaction():
            c.session.run(c.sql.update, b"mine", 4, *c.sql.same("f"))
            started = time.monotonic()
            with deadline(1.5), pytest.raises(Timeout):
                put(other, "f", b"theirs")
            assert time.monotonic() - started < 20
        put(other, "f", b"theirs")
        assert get(storage, "f") == b"theirs"


def test_a_frozen_server_is_given_up(server: PostgreSQL | MariaDB) -> None:
    """Connecting ends in time; on MariaDB so does a query on a connection that is open."""
    limits: dict[str, Any] = {"timeout": 1.0, "connect_timeout": 2.0}
    with database_on(server).table(**limits) as options, DatabaseStorage(options) as storage:
        put(storage, "f", b"x")
        if isinstance(server, PostgreSQL):
            storage.close()
        server.pause()
        started = time.monotonic()
        try:
            with pytest.raises(Unavailable):
                storage.exists("f")
        finally:
            server.resume()
        assert time.monotonic() - started < 20
        assert get(storage, "f") == b"x"


def test_a_failed_write_leaves_the_connection_usable(storage: DatabaseStorage) -> None:
    """After an error inside a transaction the same thread goes on, with the same connection."""
    put(storage, "f", b"old")
    with (
        mock.patch.object(Session, "run", side_effect=StorageError("broken on purpose")),
        pytest.raises(StorageError, match="on purpose"),
    ):
        put(storage, "f", b"new")
    assert get(storage, "f") == b"old"
    put(storage, "f", b"new")
    assert get(storage, "f") == b"new"
    assert len(storage._engine._pool) == 1  # type: ignore[union-attr]
