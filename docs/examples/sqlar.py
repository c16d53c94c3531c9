"""A storage in an SQLite Archive: one file on disk, which ``sqlite3 -A`` lists and unpacks too."""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import Any, ClassVar

from storages.base import BaseStorage, ChunkReader, Entry, Reader, Source, Stat
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    DirectoryNotEmpty,
    NotFound,
    TooLarge,
    Unavailable,
)
from storages.names import join_url
from storages.options import option
from storages.retry import timeout

TABLE = (
    "CREATE TABLE IF NOT EXISTS sqlar"
    " (name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB)"
)
LIMIT = 16 * 1024 * 1024  # a row goes through memory in one piece


class SqlarStorage(BaseStorage):
    """Files are the rows of one table: whatever a transaction does is all or nothing."""

    archive: str = option(required=True, type=str, help="The path of the archive.")
    base_url: str | None = option(default=None, type=str, help="What URLs begin with.")

    errors: ClassVar[dict[type[BaseException], Any]] = {
        sqlite3.IntegrityError: AlreadyExists,  # the primary key: the name is taken
        sqlite3.OperationalError: Unavailable,  # locked, or the file cannot be opened
        sqlite3.DatabaseError: Corrupt,  # "file is not a database"
    }

    def _stat(self, key: str) -> Stat:
        _, stat = self._row(key)
        return stat

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        data, stat = self._row(key)
        if version is not None and version != stat.version:
            raise Changed
        return ChunkReader(stat, [data[offset:]])

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if source.size > LIMIT:
            raise TooLarge(f"{source.size} bytes; a file in this archive has at most {LIMIT}.")
        row = (key, 0o100644, int(time.time()), source.size, source.read())
        verb = "REPLACE" if overwrite else "INSERT"
        with self._connection() as connection:
            connection.execute(f"{verb} INTO sqlar VALUES (?, ?, ?, ?, ?)", row)

    def _remove(self, key: str) -> None:
        with self._connection() as connection:
            found = connection.execute("DELETE FROM sqlar WHERE name = ?", [key]).rowcount
        if not found:
            raise DirectoryNotEmpty if self._is_dir(key) else NotFound

    def _list(self, prefix: str) -> Iterator[Entry]:
        start = f"{prefix}/" if prefix else ""
        last = None
        with self._connection() as connection:
            found = connection.execute(
                "SELECT name FROM sqlar WHERE substr(name, 1, ?) = ? ORDER BY name",
                [len(start), start],
            )
            for (name,) in found:
                child, slash, _ = name[len(start) :].partition("/")
                entry = Entry(child, is_dir=bool(slash))
                if entry != last:
                    yield entry
                last = entry

    def _url_of(self, key: str) -> str:
        return join_url(self.base_url, key) if self.base_url else super()._url_of(key)

    # helpers

    def _row(self, key: str) -> tuple[bytes, Stat]:
        with self._connection() as connection:
            query = "SELECT mtime, sz, data FROM sqlar WHERE name = ?"
            row = connection.execute(query, [key]).fetchone()
        if row is None:
            raise NotFound
        modified, size, data = row
        if len(data) != size:  # `sqlite3 -A` compresses
            data = zlib.decompress(data)
        when = datetime.fromtimestamp(modified, timezone.utc)
        return data, Stat(size, modified=when, version=hashlib.sha256(data).hexdigest())

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # One per call: nothing to share between threads or to lose in a fork.
        connection = sqlite3.connect(self.archive, timeout=timeout(10))
        with closing(connection), connection:  # the inner one commits, or rolls back
            connection.execute(TABLE)
            yield connection
