"""DatabaseStorage over ODBC, on real databases: the acceptance cases and what is odd."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from storages.backends.database import DatabaseStorage
from storages.backends.database.connecting import Session
from storages.backends.database.dialects import dialect_of
from storages.backends.database.odbc import OdbcEngine
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    StorageError,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.retry import NO_RETRY, deadline
from tests.servers import shared
from tests.servers.databases import COLUMNS, ODBC, OdbcDatabase, odbc_database
from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL

MIB = 1024 * 1024
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


def put(storage: DatabaseStorage, name: str, data: bytes) -> str:
    """Save; return the name."""
    return storage.save(name, ContentFile(data))


def get(storage: DatabaseStorage, name: str) -> bytes:
    """Read it all."""
    with storage.open(name) as file:
        return bytes(file.read())


@pytest.mark.parametrize(
    "name",
    ["o'brien.txt", "x' or '1'='1", 'a"b`c]d', "50%_[a].txt", "{d}/?.txt", "; DROP TABLE x --"],
)
def test_names_are_bound_and_never_sql(storage: DatabaseStorage, name: str) -> None:
    """DB-1: such names are ordinary, and name one file only."""
    put(storage, "other.txt", b"other")
    assert put(storage, name, b"mine") == name
    assert get(storage, name) == b"mine"
    storage.delete(name)
    assert not storage.exists(name)
    assert get(storage, "other.txt") == b"other"


def test_threads_save_at_once(storage: DatabaseStorage) -> None:
    """DB-2: eight threads save one name and one of their own each; every file is whole."""
    contents = [os.urandom(50_000) for _ in range(8)]
    failures: list[BaseException] = []

    def save(number: int) -> None:
        try:
            put(storage, "same", contents[number])
            put(storage, f"own/{number}", contents[number])
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=save, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert get(storage, "same") in contents
    assert [get(storage, f"own/{number}") for number in range(8)] == contents


@pytest.mark.parametrize("columns", [COLUMNS, {}], ids=["primary key", "no index"])
def test_a_name_is_created_once(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]], columns: dict[str, str]
) -> None:
    """Twelve savers of one name get twelve files, with a unique index and without one."""
    plain = COLUMNS[database.kind].replace(" PRIMARY KEY", "")
    options = table(columns.get(database.kind, plain), overwrite=False)
    contents = [b"%d" % number * 100 for number in range(12)]
    saved: dict[str, bytes] = {}
    start = threading.Barrier(12)

    def save(data: bytes) -> None:
        with DatabaseStorage(options) as mine:
            start.wait()
            saved[put(mine, "photo.jpg", data)] = data

    threads = [threading.Thread(target=save, args=[data]) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with DatabaseStorage(options) as storage:
        assert sorted(saved.values()) == sorted(contents)
        assert sorted(storage.listdir("")[1]) == sorted(saved)
        assert {name: get(storage, name) for name in saved} == saved


def test_further_columns_are_left_alone(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """DB-3: a table with a nullable column more, in another order, is written and updated."""
    name, blob, size = (part.strip() for part in COLUMNS[database.kind].split(", "))
    options = table(f"note varchar(20), {size}, {name}, {blob}")
    with DatabaseStorage(options) as storage:
        put(storage, "a", b"one")
        database.run(f"UPDATE {options['db_table']} SET note = 'kept'")
        put(storage, "a", b"three")
        assert get(storage, "a") == b"three"
    rows = database.run(f"SELECT note, size FROM {options['db_table']}")
    assert [tuple(row) for row in rows] == [("kept", 5)]


def test_a_blob_of_five_megabytes(storage: DatabaseStorage) -> None:
    """DB-4: it comes back as it was, whole and in ranges."""
    data = os.urandom(5 * MIB + 3)
    put(storage, "big.bin", data)
    assert hashlib.sha256(get(storage, "big.bin")).digest() == hashlib.sha256(data).digest()
    with storage.open("big.bin") as file:
        for offset in (3 * MIB, 17, 5 * MIB, 0):
            file.seek(offset)
            assert file.read(1000) == data[offset : offset + 1000]


def test_directories_share_one_table(storage: DatabaseStorage) -> None:
    """DB-5: what different ``upload_to`` put there lies in directories side by side."""
    for name in ("avatars/me.png", "letters/2026/may.txt", "letters/june.txt", "top.txt"):
        put(storage, name, name.encode())
    assert storage.listdir("") == (["avatars", "letters"], ["top.txt"])
    assert storage.listdir("letters") == (["2026"], ["june.txt"])


def test_a_range_of_a_large_file_moves_little(storage: DatabaseStorage) -> None:
    """Opening and reading 64 KiB asks for two slices at most, where slices are asked for."""
    put(storage, "big.bin", os.urandom(12 * MIB))
    asked: list[int] = []
    original = OdbcEngine._part

    def part(self: Any, c: Any, key: str, wanted: tuple[int, ...]) -> Any:
        found = original(self, c, key, wanted)
        asked.append(len(found[1]) if found else 0)
        return found

    with mock.patch.object(OdbcEngine, "_part", part), storage.open("big.bin") as file:
        file.seek(7 * MIB)
        file.read(64 * 1024)
    versioned = storage.stat("big.bin").version is not None
    assert sum(asked) <= (MIB if versioned else 12 * MIB)
    assert max(asked) <= 4 * MIB


def test_a_reader_never_mixes_two_files(storage: DatabaseStorage) -> None:
    """A file of the same size, written between two slices, is noticed or not seen."""
    old, new = b"o" * 3 * MIB, b"n" * 3 * MIB
    put(storage, "f", old)
    with storage.open("f") as file:
        start = file.read(100)
        put(storage, "f", new)
        if storage.stat("f").version is None:  # a copy was made at open()
            assert start + file.read() == old
        else:
            with pytest.raises(Changed):
                file.read()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_limit_refuses_before_anything_is_written(kind: str) -> None:
    """What is larger than max_size raises TooLarge with a hint, and the old file stays."""
    with odbc_database(kind).table(max_size=1000) as options, DatabaseStorage(options) as storage:
        put(storage, "f", b"x" * 1000)
        with (
            mock.patch.object(Session, "run", side_effect=AssertionError("nothing is sent")),
            pytest.raises(TooLarge, match=r"1001 bytes.* may have 1000.*max_size"),
        ):
            put(storage, "f", b"y" * 1001)
        assert get(storage, "f") == b"x" * 1000


def test_the_databases_own_limits_are_found_out() -> None:
    """MariaDB: the column's type and max_allowed_packet count without being configured."""
    small = COLUMNS["mariadb"].replace("longblob", "blob")
    database = odbc_database("mariadb")
    with database.table(small) as options, DatabaseStorage(options) as storage:
        put(storage, "f", b"x" * 65535)
        with pytest.raises(TooLarge, match="may have 65535"):
            put(storage, "f", b"x" * 65536)
        assert storage.size("f") == 65535
    with database.table() as options, DatabaseStorage(options) as storage:
        packet = database.run("SELECT @@max_allowed_packet")[0][0]
        put(storage, "f", b"'" * packet)
        with pytest.raises(TooLarge, match=f"may have {packet}"):
            put(storage, "f", b"'" * (packet + 1))
        assert storage.size("f") == packet


def test_a_table_that_does_not_exist_is_named(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """Every operation says so; none takes it for a missing file."""
    with DatabaseStorage({**table(), "db_table": "no_such_table"}) as storage:
        for operation in (
            lambda: storage.exists("x"),
            lambda: storage.exists(""),
            lambda: storage.open("x"),
            lambda: storage.delete("x"),
            lambda: storage.listdir(""),
            lambda: put(storage, "x", b"x"),
        ):
            with pytest.raises(StorageError, match=r"table does not exist.*no_such_table") as error:
                operation()
            assert not isinstance(error.value, FileNotFoundError)


@pytest.mark.parametrize("column", ["fname_column", "blob_column", "size_column"])
def test_a_column_that_does_not_exist_is_named(
    table: Callable[..., dict[str, Any]], column: str
) -> None:
    """Saving says which one, and leaves no transaction behind."""
    with DatabaseStorage({**table(), column: "no_such_column"}) as storage:
        for _ in range(2):
            with pytest.raises(StorageError, match=r"lacks a column.*no_such_column"):
                put(storage, "x", b"x")


def test_names_that_the_index_takes_for_the_same_are_refused_clearly() -> None:
    """MariaDB's default collation: the second file is refused with what to do, none is lost."""
    columns = "name varchar(255) PRIMARY KEY, content longblob, size bigint"
    with odbc_database("mariadb").table(columns) as options:
        with DatabaseStorage(options) as storage:
            put(storage, "Photo.jpg", b"upper")
            for other in ("photo.jpg", "Photo.jpg "):
                with pytest.raises(AlreadyExists, match="utf8mb4_nopad_bin"):
                    put(storage, other, b"lower")
                assert not storage.exists(other)
                storage.delete(other)
            assert get(storage, "Photo.jpg") == b"upper"
        with DatabaseStorage(options, overwrite=False) as storage:
            name = put(storage, "photo.jpg", b"lower")
            assert name.startswith("photo_")
            assert get(storage, name) == b"lower"


def test_names_are_told_apart_where_the_index_allows_it() -> None:
    """Without a unique index MariaDB's default collation confuses nothing, in listings either."""
    columns = "name varchar(255), content longblob, size bigint"
    names = ["a", "A", "a ", "á", "b/x", "B/x", "b/X", "b /x", "b%", "b_"]
    with odbc_database("mariadb").table(columns) as options, DatabaseStorage(options) as storage:
        for name in names:
            put(storage, name, name.encode())
        assert [get(storage, name) for name in names] == [name.encode() for name in names]
        directories, files = storage.listdir("")
        assert sorted(directories) == ["B", "b", "b "]
        assert sorted(files) == sorted(name for name in names if "/" not in name)
        assert sorted(storage.listdir("b")[1]) == ["X", "x"]
        storage.delete("a")
        assert [name for name in names if not storage.exists(name)] == ["a"]


def test_a_name_too_long_for_the_column_is_refused(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """Never cut, also not by a MariaDB that would cut; SQLite has no such limit."""
    with DatabaseStorage(table(COLUMNS[database.kind].replace("640", "20"))) as storage:
        put(storage, "n" * 20, b"fits")
        if database.kind == "sqlite":
            put(storage, "n" * 21, b"fits too")
            return
        with pytest.raises(StorageError, match="too long"):
            put(storage, "n" * 21, b"does not fit")
        assert storage.listdir("") == ([], ["n" * 20])


def test_sizes_that_disagree_are_corruption(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """Another program wrote the content and not the size: reading tells both numbers."""
    options = table()
    with DatabaseStorage(options) as storage:
        put(storage, "f", b"12345")
        database.run(f"UPDATE {options['db_table']} SET size = 4")
        with pytest.raises(Corrupt, match="size says 4 bytes, there are 5"):
            storage.open("f")
        database.run(f"UPDATE {options['db_table']} SET size = NULL")
        assert storage.size("f") == 5
        assert get(storage, "f") == b"12345"


def test_rows_of_another_program_are_read(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """NULL content is an empty file; names that no storage accepts are not listed."""
    options = table()
    insert = f"INSERT INTO {options['db_table']} (name, content, size) VALUES (?, ?, ?)"
    for name, content in (("a", b"A"), ("/abs", b"B"), ("d//e", b"C"), ("d/f", b"D")):
        database.run(insert, name, content, len(content))
    database.run(f"INSERT INTO {options['db_table']} (name) VALUES ('null')")
    with DatabaseStorage(options) as storage:
        assert storage.listdir("") == (["d"], ["a", "null"])
        assert storage.listdir("d") == ([], ["f"])
        assert get(storage, "null") == b""
        assert storage.size("null") == 0


def test_a_listing_is_read_page_by_page(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """A directory of 2,500 files among others: each once, and no query has more than a page."""
    options = table()
    connection = f"INSERT INTO {options['db_table']} (name, content, size) VALUES "
    names = [f"d/{number:04}" for number in range(2500)] + ["c", "d.txt", "d0", "e/x"]
    for start in range(0, len(names), 500):
        values = ", ".join(f"('{name}', NULL, 0)" for name in names[start : start + 500])
        database.run(connection + values)
    counts: list[int] = []
    original = Session.rows

    def rows(self: Session, sql: str, *values: Any, most: int | None = None) -> list[Any]:
        found = original(self, sql, *values, most=most)
        counts.append(len(found))
        return found

    with DatabaseStorage(options) as storage, mock.patch.object(Session, "rows", rows):
        assert storage.listdir("d") == ([], [name[2:] for name in names[:2500]])
        assert max(counts) == 1000
        counts.clear()
        assert storage.listdir("") == (["d", "e"], ["c", "d.txt", "d0"])
        # The rest of the 2,500 is skipped.
        assert sum(counts) < 1100


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
            assert time.monotonic() - started < 5
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


def test_moving_is_one_transaction(storage: DatabaseStorage) -> None:
    """A move renames the row; without ``overwrite`` a taken name is refused."""
    put(storage, "a", b"a")
    put(storage, "b", b"b")
    with pytest.raises(AlreadyExists):
        storage.move("a", "b")
    assert (get(storage, "a"), get(storage, "b")) == (b"a", b"b")
    storage.move("a", "b", overwrite=True)
    assert storage.listdir("") == ([], ["b"])
    assert get(storage, "b") == b"a"
    with pytest.raises(FileNotFoundError):
        storage.move("a", "b", overwrite=True)
    assert get(storage, "b") == b"a"


def test_a_database_that_is_not_in_the_table_is_spoken_to_in_plain_sql(
    database: OdbcDatabase, table: Callable[..., dict[str, Any]]
) -> None:
    """Whole values, no LIMIT, no locks: what every SQL database has suffices."""
    generic = dialect_of("Some Other Database")
    assert generic.title == "Some Other Database"
    with (
        mock.patch("storages.backends.database.connecting.dialect_of", return_value=generic),
        DatabaseStorage(table()) as storage,
    ):
        data = os.urandom(MIB)
        put(storage, "d/f", b"old")
        put(storage, "d/f", data)
        assert get(storage, "d/f") == data
        assert storage.listdir("d") == ([], ["f"])
        assert storage.size("d/f") == MIB
        storage.delete("d/f")
        assert not storage.exists("d")
