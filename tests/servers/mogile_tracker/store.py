"""The database of the trackers: one SQLite file, which may behave as MySQL would."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

LONGEST_KEY = 255  # of a MySQL column

SCHEMA = """
create table if not exists domain (dmid integer primary key, name text unique);
create table if not exists class (
    dmid integer, classid integer, name text, mindevcount integer, replpolicy text, hashtype text,
    primary key (dmid, classid), unique (dmid, name));
create table if not exists host (
    hostid integer primary key, hostname text unique, hostip text, http_port integer,
    http_get_port integer, status text, shown_port integer);
create table if not exists device (
    devid integer primary key, hostid integer, status text, weight integer default 100);
create table if not exists file (
    fid integer primary key, dmid integer, dkey text collate keys, length integer,
    classid integer, devcount integer, unique (dmid, dkey));
create table if not exists tempfile (
    fid integer primary key autoincrement, dmid integer, dkey text, classid integer, devids text);
create table if not exists file_on (fid integer, devid integer, primary key (fid, devid));
create table if not exists checksum (fid integer primary key, hashtype text, hexdigest text);
create table if not exists queue (
    kind text, fid integer, nexttry real, owner integer, primary key (kind, fid));
create table if not exists paused (kind text primary key);
"""


def _general_ci(text: str) -> str:
    """What utf8mb4_general_ci compares: no case and no accents."""
    try:
        text = text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text
    return "".join(unicodedata.normalize("NFD", letter)[0].upper() for letter in text)


def _like_mysql(left: str, right: str) -> int:
    one, other = (_general_ci(text).rstrip(" ") for text in (left, right))
    return (one > other) - (one < other)


def _like_sqlite(left: str, right: str) -> int:
    return (left > right) - (left < right)


class Store:
    """The tables, with a connection for each thread.

    ``mysql``: keys are caseless and at most 255 characters of UTF-8. ``cuts``: of a longer key 255
    bytes are kept, as MySQL does that is not strict (the default until 5.6). A database is opened
    in the same way by all of its trackers.
    """

    def __init__(self, path: Path, *, mysql: bool = False, cuts: bool = False) -> None:
        self.path = path
        self.mysql = mysql
        self.cuts = cuts
        self._local = threading.local()
        with self.writing() as connection:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            found.row_factory = sqlite3.Row
            found.create_collation("keys", _like_mysql if self.mysql else _like_sqlite)
            # SQLite's LIKE stops at a NUL, and knows no accents.
            found.create_function("begins", 2, self._begins, deterministic=True)
            found.execute("pragma journal_mode = wal")
            found.execute("pragma synchronous = off")
            self._local.connection = found
        return found

    def close(self) -> None:
        """Close this thread's connection."""
        if getattr(self._local, "connection", None) is not None:
            self._local.connection.close()
            self._local.connection = None

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query."""
        found: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: object) -> int:
        """Run a statement; return how many rows it changed."""
        return self.connection.execute(sql, values).rowcount

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All of the statements in the block, or none, while nobody else writes."""
        connection = self.connection
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def takes(self, key: str) -> bool:
        """Whether a column has room for this key."""
        if not self.mysql:
            return True
        try:
            return len(key.encode("latin-1").decode()) <= LONGEST_KEY
        except UnicodeDecodeError:
            return False

    def kept(self, key: str) -> str:
        """What a column keeps of a key."""
        return key[:LONGEST_KEY] if self.cuts else key

    def _begins(self, key: str, prefix: str) -> bool:
        if self.mysql:
            return _general_ci(key).startswith(_general_ci(prefix))
        return _ascii_upper(key).startswith(_ascii_upper(prefix))


def _ascii_upper(text: str) -> str:
    """What LIKE compares in SQLite, which knows no other letters."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in text)
