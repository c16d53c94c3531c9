"""DatabaseStorage over ODBC: the acceptance cases, large files, limits, moving, plain SQL."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from storages.backends.database import DatabaseStorage
from storages.backends.database.connecting import Session
from storages.backends.database.dialects import dialect_of
from storages.backends.database.odbc import OdbcEngine
from storages.errors import AlreadyExists, Changed, TooLarge
from tests.backends import database_odbc
from tests.backends.database_files import MIB, get, put
from tests.backends.database_odbc import SERVERS
from tests.servers.databases import COLUMNS, OdbcDatabase, odbc_database

# Fixtures, which pytest looks for in the module of the tests that take them.
database = database_odbc.database
table = database_odbc.table
storage = database_odbc.storage


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
