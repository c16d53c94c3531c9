"""DatabaseStorage over ODBC: tables that lack something, confuse names, or have others' rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from storages.backends.database import DatabaseStorage
from storages.backends.database.connecting import Session
from storages.errors import AlreadyExists, Corrupt, StorageError
from tests.backends import database_odbc
from tests.backends.database_files import get, put
from tests.servers.databases import COLUMNS, OdbcDatabase, odbc_database

# Fixtures, which pytest looks for in the module of the tests that take them.
database = database_odbc.database
table = database_odbc.table


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
