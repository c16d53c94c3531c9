"""A storage in an SQLite Archive: one file on disk, which ``sqlite3 -A`` lists and unpacks too."""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Any, ClassVar

from storages import errors
from storages.base import BaseStorage, ChunkReader, Entry, Reader, Source, Stat
from storages.flat import PAGE, children
from storages.names import join_url
from storages.options import option
from storages.retry import timeout

COLUMNS = "name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB"
PAGE_OF_NAMES = (
    "SELECT name FROM sqlar WHERE name >= ? AND (name > ? OR NOT ?) AND (name < ? OR ? = '')"
    " ORDER BY name LIMIT ?"
)
LIMIT = 16 * 1024 * 1024  # a row goes through memory in one piece


class SqlarStorage(BaseStorage):
    """Files are the rows of one table: whatever a transaction does is all or nothing."""

    archive: str = option(required=True, type=str, help="The path of the archive.")
    base_url: str | None = option(default=None, type=str, help="What URLs begin with.")

    errors: ClassVar[dict[type[BaseException], Any]] = {
        sqlite3.IntegrityError: errors.AlreadyExists,  # the primary key: the name is taken
        sqlite3.OperationalError: errors.Unavailable,  # locked, or the file cannot be opened
        sqlite3.DatabaseError: errors.Corrupt,  # "file is not a database"
    }

    def _stat(self, key: str) -> Stat:
        return self._row(key)[1]

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        data, stat = self._row(key)
        if version is not None and version != stat.version:
            raise errors.Changed
        return ChunkReader(stat, [data[offset:]])

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if source.size > LIMIT:
            raise errors.TooLarge(f"A file in this archive has at most {LIMIT} bytes.")
        row = key, 0o100644, int(time.time()), source.size, source.read()
        verb = "REPLACE" if overwrite else "INSERT"
        self._ask(f"{verb} INTO sqlar VALUES (?, ?, ?, ?, ?)", *row)

    def _remove(self, key: str) -> None:
        if not self._ask("DELETE FROM sqlar WHERE name = ? RETURNING name", key):
            raise errors.DirectoryNotEmpty if self._is_dir(key) else errors.NotFound

    def _list(self, prefix: str) -> Iterator[Entry]:
        def page(start: str, after: bool, end: str) -> list[tuple[str, Stat | None]]:
            rows = self._ask(PAGE_OF_NAMES, start, start, after, end, end, PAGE)
            return [(name, None) for (name,) in rows]

        return children(prefix, page)

    def _url_of(self, key: str) -> str:
        return join_url(self.base_url, key) if self.base_url else super()._url_of(key)

    def _row(self, key: str) -> tuple[bytes, Stat]:
        rows = self._ask("SELECT mtime, sz, data FROM sqlar WHERE name = ?", key)
        if not rows:
            raise errors.NotFound
        modified, size, data = rows[0]
        if len(data) != size:  # `sqlite3 -A` compresses
            data = zlib.decompress(data)
        when = datetime.fromtimestamp(modified, timezone.utc)
        return data, Stat(size, modified=when, version=hashlib.sha256(data).hexdigest())

    def _ask(self, statement: str, *values: Any) -> list[Any]:
        # One connection per call: nothing to share between threads or to lose in a fork.
        connection = sqlite3.connect(self.archive, timeout=timeout(10))
        with closing(connection), connection:  # the inner one commits, or rolls back
            connection.execute(f"CREATE TABLE IF NOT EXISTS sqlar ({COLUMNS})")
            return connection.execute(statement, values).fetchall()
