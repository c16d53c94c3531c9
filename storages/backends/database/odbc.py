"""The documented engine: a table of the project's own, one row per file, over ODBC.

Whoever writes a file sends its content as one value, so a file is bounded by what the database and
this process's memory take: what is larger is refused before anything is sent. Readers get slices.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from storages.backends.database.connecting import Session, open_session
from storages.backends.database.dialects import Dialect
from storages.backends.database.identifiers import bare
from storages.backends.database.slices import SliceReader, SpoolReader
from storages.backends.database.statements import Statements, Table
from storages.base import Entry, Reader, Source, Stat
from storages.connections import PerThread
from storages.errors import (
    AlreadyExists,
    Corrupt,
    DirectoryNotEmpty,
    NotFound,
    StorageError,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.flat import PAGE, below, children, end_of

__all__ = ["OdbcEngine", "Place"]


@dataclass(frozen=True)
class Place:
    """Where the files are, and within what bounds."""

    connection_string: str = field(repr=False)
    table: Table
    max_size: int
    timeout: float
    connect_timeout: float


class _Connection:
    """A session, the statements for it, and how many bytes one value may have."""

    def __init__(self, session: Session, place: Place) -> None:
        self.session = session
        self.limit = min(place.max_size, session.dialect.most or place.max_size)
        self.slice = session.dialect.slice_size
        dialect = self._examined(session.dialect, place.table)
        self.sql = Statements(dialect, place.table)

    def _examined(self, dialect: Dialect, table: Table) -> Dialect:
        if dialect.limits is None:
            return dialect
        schema, name = [None, *bare(table.table)][-2:]
        columns = (bare(column)[0] for column in (table.name, table.blob))
        values = [value for column in columns for value in (schema, name, column)]
        for packet, column, exact in self.session.rows(dialect.limits, *values):
            self.limit = min(n for n in (self.limit, packet, column) if n is not None)
            # An answer has to fit into a packet as well.
            self.slice = max(1, min(self.slice, packet // 2))
            if exact:
                return dialect.exact()
        return dialect

    def close(self) -> None:
        self.session.close()


class OdbcEngine:
    """The hooks of a storage, in SQL over pyodbc."""

    #: Any thread will do: each has its own connection.
    thread_sensitive = False
    in_transaction = False

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pool = PerThread(self._connect, _Connection.close, is_alive=self._answers)

    # ------------------------------------------------------------------ hooks

    def stat(self, key: str) -> Stat:
        """Return the row's size and version."""
        with self._connection() as c:
            rows = c.session.rows(c.sql.describe, *c.sql.same(key))
            if not rows:
                raise NotFound
            return self._described(c, *rows[0])

    def open_read(self, key: str, offset: int, version: str | None) -> Reader:
        """Begin to read: one query, for the row's description and the first slice."""
        with self._connection() as c:
            dialect, most = c.sql.dialect, c.slice
            if dialect.slice is None:
                return SpoolReader(lambda *_: self._part(c, key, ()), offset, most)
            if dialect.version is None:
                with c.session.transaction():
                    return SpoolReader(lambda *part: self._part(c, key, part), offset, most)

        def part(*part: int) -> tuple[Stat, bytes] | None:
            with self._connection() as c:
                return self._part(c, key, part)

        return SliceReader(part, offset, version, most)

    def write(self, key: str, source: Source, *, overwrite: bool) -> None:
        """Insert or update the row, in one transaction."""
        with self._connection() as c:
            if source.size > c.limit:
                raise TooLarge(
                    f"The content has {source.size} bytes; here a file may have {c.limit}.",
                    hint="One row holds one file: raise max_size, the database's own limit "
                    '(MariaDB: max_allowed_packet), or use DB_FILES = {"using": …}.',
                )
            content = source.read()
            if self._put(c, key, content, overwrite=overwrite):
                return
            # A unique index refused: either somebody who takes no lock was faster, and the row is
            # there now, or the index takes another name for the same.
            if self._exists(c, key):
                if overwrite and self._put(c, key, content, overwrite=True):
                    return
                raise AlreadyExists
        raise AlreadyExists(
            f"{self.place.table.table} takes another file's name for the same as this one.",
            hint=f"Give the column {self.place.table.name} a collation that tells all names apart "
            "(MariaDB: utf8mb4_nopad_bin).",
        )

    def remove(self, key: str) -> None:
        """Delete the row."""
        with self._connection() as c:
            if c.session.run(c.sql.delete, *c.sql.same(key)):
                return
        raise DirectoryNotEmpty if self.is_dir(key) else NotFound

    def remove_many(self, keys: list[str]) -> Any:  # noqa: ARG002 - as the embedded engine's
        """Leave it to the core."""
        return NotImplemented

    def copy(self, key: str, target: str, *, overwrite: bool) -> Any:  # noqa: ARG002 - likewise
        """Leave it to the core."""
        return NotImplemented

    def move(self, key: str, target: str, *, overwrite: bool) -> None:
        """Rename the row, in one transaction."""
        with self._connection() as c, self._writing(c, target):
            if self._exists(c, target):
                if not overwrite:
                    raise AlreadyExists
                c.session.run(c.sql.delete, *c.sql.same(target))
            if not c.session.run(c.sql.rename, target, *c.sql.same(key)):
                raise NotFound

    def entries(self, directory: str) -> Iterator[Entry]:
        """Yield the directory's entries, a page of names at a time."""
        return children(directory, self._page)

    def files(self, directory: str) -> Iterator[tuple[str, Stat | None]]:
        """Yield the files below the directory, a page of names at a time."""
        return below(directory, self._page)

    def is_dir(self, key: str) -> bool:
        """Tell whether a name begins with ``key/``; for the root, whether the table is there."""
        if key:
            return bool(self._page(f"{key}/", False, end_of(key), 1))  # noqa: FBT003 - as a Page
        with self._connection() as c:
            c.session.rows(c.sql.probe)
        return True

    def close(self) -> None:
        """Close every thread's connection."""
        self._pool.close()

    # ------------------------------------------------------------ connections

    def _connect(self) -> _Connection:
        place = self.place
        session = open_session(
            place.connection_string, connect_timeout=place.connect_timeout, seconds=place.timeout
        )
        try:
            return _Connection(session, place)
        except BaseException:
            session.close()
            raise

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        with self._pool.get() as connection:
            connection.session.allow(self.place.timeout)
            yield connection

    def _answers(self, connection: _Connection) -> bool:
        try:
            connection.session.rows(connection.sql.probe)
        except StorageError:
            return False
        return True

    # ---------------------------------------------------------------- queries

    @contextmanager
    def _writing(self, c: _Connection, key: str) -> Iterator[None]:
        """Run a transaction in which nobody else creates the row."""
        lock = c.sql.lock(math.ceil(self.place.timeout))
        text = hashlib.sha256(f"{self.place.table.table}\0{key}".encode()).hexdigest()
        values = {"number": (int(text[:15], 16),), "text": (text[:60],), "name": (key,)}
        bound = values.get(c.sql.dialect.lock_by or "", ())
        if c.sql.dialect.unlock is not None:
            with self._held(c, lock, c.sql.dialect.unlock, bound), c.session.transaction():
                yield
            return
        with c.session.transaction():
            if lock:
                c.session.run(lock, *bound)
            yield

    @contextmanager
    def _held(
        self, c: _Connection, lock: str, unlock: str, bound: tuple[object, ...]
    ) -> Iterator[None]:
        """Hold a lock that belongs to the connection, not to the transaction."""
        if c.session.rows(lock, *bound)[0][0] != 1:
            raise Timeout("Somebody else is writing this file.")
        try:
            yield
        except BaseException:
            # A connection that is lost holds no locks; what lost it is what the caller is told.
            with suppress(Unavailable):
                c.session.rows(unlock, *bound)
            raise
        c.session.rows(unlock, *bound)

    def _put(self, c: _Connection, key: str, content: bytes, *, overwrite: bool) -> bool:
        """Write the row; False when a unique index refuses it though there is none."""
        exists = False
        try:
            with self._writing(c, key):
                exists = self._exists(c, key)
                if exists and not overwrite:
                    raise AlreadyExists  # noqa: TRY301 - it rolls the transaction back
                if exists:
                    c.session.run(c.sql.update, content, len(content), *c.sql.same(key))
                else:
                    c.session.run(c.sql.insert, key, content, len(content))
        except AlreadyExists:
            if exists:
                raise
            return False
        return True

    def _exists(self, c: _Connection, key: str) -> bool:
        return bool(c.session.rows(c.sql.exists, *c.sql.same(key)))

    def _part(self, c: _Connection, key: str, part: tuple[int, ...]) -> tuple[Stat, bytes] | None:
        """Return the row's description and ``part`` of its content: start, count; () is all."""
        values = (part[0] + 1, part[1]) if part else ()
        rows = c.session.rows(c.sql.read, *values, *c.sql.same(key))
        if not rows:
            return None
        length, size, version, data = rows[0]
        content = bytes(data or b"")
        if c.sql.dialect.slice is None:
            length = len(content)
        if size is not None and size != (length or 0):
            raise Corrupt(
                f"The column {self.place.table.size} says {size} bytes, there are {length or 0}."
            )
        return self._described(c, length, version), content

    def _described(self, c: _Connection, size: int | None, version: str | None) -> Stat:
        return Stat(size=size or 0, version=version if c.sql.dialect.version else None)

    def _page(
        self, start: str, after: bool, end: str, count: int = PAGE
    ) -> list[tuple[str, Stat | None]]:
        with self._connection() as c:
            sql = c.sql.page(count, after=after, bounded=bool(end))
            rows = c.session.rows(sql, start, *([end] if end else []), most=count)
        return [(str(name), None if size is None else Stat(size=size)) for name, size in rows]
