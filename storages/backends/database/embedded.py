"""The embedded engine: Django's own connection, and content in rows of 256 KiB.

Every write is one transaction, or part of the caller's: rolled back, it has not been. Chunks belong
to one writing of a file and not to its name, so a reader meets those it began with or none.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, IntegrityError, transaction
from django.db.models import F, Q

from storages import names
from storages.backends.database.chunks import ChunkedReader
from storages.backends.database.configuration import django_database
from storages.backends.database.failures import NO_TABLE, failure_of
from storages.backends.database.forks import own_connection
from storages.backends.database.tables import CHUNK, NAME_LENGTH, Models, models_for
from storages.base import Entry, Reader, Source, Stat
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    DirectoryNotEmpty,
    NotFound,
    StorageError,
    Unavailable,
)
from storages.flat import PAGE, below, children, end_of

__all__ = ["EmbeddedEngine"]

#: Chunks sent at a time.
_BATCH = 4
#: How often a write gives way to others who write the same name.
_TRIES = 5
#: Names in one statement.
_NAMES = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COLUMNS = ("content", "size", "sha256", "content_type", "created", "modified")


@dataclass(frozen=True)
class _Row:
    """What a row of the table of files says."""

    content: str
    size: int
    sha256: str
    content_type: str
    created: int
    modified: int

    @property
    def stat(self) -> Stat:
        return Stat(
            size=self.size,
            modified=_EPOCH + timedelta(microseconds=self.modified),
            created=_EPOCH + timedelta(microseconds=self.created),
            version=self.content,
            checksum=f"sha256:{self.sha256}",
            content_type=self.content_type,
        )


def _now() -> int:
    return time.time_ns() // 1000


class EmbeddedEngine:
    """The hooks of a storage, through Django."""

    #: Django's connections belong to their thread, and so do their transactions.
    thread_sensitive = True

    def __init__(self, using: str = DEFAULT_DB_ALIAS, table: str = "storages_files") -> None:
        django_database(using)
        self.using = using
        self.table = table

    @property
    def in_transaction(self) -> bool:
        """Whether the caller has begun a transaction on our connection."""
        return bool(self._connection.in_atomic_block)

    # ------------------------------------------------------------------ hooks

    def stat(self, key: str) -> Stat:
        """Return what the file's row says."""
        with self._translating():
            row = self._row(key)
        if row is None:
            raise NotFound
        return row.stat

    def open_read(self, key: str, offset: int, version: str | None) -> Reader:
        """Begin to read: one query, for the file's row and the first chunk."""
        columns = [f"file__{name}" for name in _COLUMNS]
        chunks = self._models.chunk.objects.using(self.using)
        first: bytes | None = None
        with self._translating():
            begun = chunks.filter(file__name=key, number=offset // CHUNK)
            found = list(begun.values_list("data", *columns))
            if found:
                row: _Row | None = _Row(*found[0][1:])
                first = bytes(found[0][0])
            else:  # no such file, or no byte at the offset
                row = self._row(key)
        if row is None:
            raise NotFound
        if version is not None and row.content != version:
            raise Changed
        return ChunkedReader(row.stat, partial(self._chunk, key, row.content), offset, first)

    def write(self, key: str, source: Source, *, overwrite: bool) -> None:
        """Insert the chunks and insert or update the file's row, in one transaction."""
        self._judge(key)
        now = _now()
        row = _Row(
            content=secrets.token_hex(16),
            size=source.size,
            sha256="",
            content_type=source.content_type or names.content_type(key),
            created=now,
            modified=now,
        )
        with self._writing():
            old = self._publish(key, row, overwrite=overwrite)
            digest = self._store(row.content, source)
            self._files(key).update(sha256=digest)
            self._delete_chunks(old)

    def remove(self, key: str) -> None:
        """Delete the file's row and its chunks."""
        if not self.remove_many([key]):
            raise DirectoryNotEmpty if self.is_dir(key) else NotFound

    def remove_many(self, keys: list[str]) -> int:
        """Delete the rows of those files that there are; return how many there were."""
        count = 0
        for start in range(0, len(keys), _NAMES):
            some = keys[start : start + _NAMES]
            with self._writing():
                contents = self._locked(*some)
                self._delete_chunks(contents)
                if contents:
                    self._execute("DELETE FROM {files} WHERE {name} IN {values}", some)
            count += len(contents)
        return count

    def copy(self, key: str, target: str, *, overwrite: bool) -> None:
        """Copy the rows within the database."""
        self._judge(target)
        with self._writing():
            self._locked(key)
            row = self._row(key)
            if row is None:
                raise NotFound
            now = _now()
            content = secrets.token_hex(16)
            copied = replace(row, content=content, created=now, modified=now)
            old = self._publish(target, copied, overwrite=overwrite)
            sql = self._sql(
                "INSERT INTO {chunks} ({content}, {number}, {data})"
                " SELECT %s, {number}, {data} FROM {chunks} WHERE {content} = %s"
            )
            with self._connection.cursor() as cursor:
                cursor.execute(sql, [content, row.content])
            self._delete_chunks(old)

    def move(self, key: str, target: str, *, overwrite: bool) -> None:
        """Rename the file's row."""
        self._judge(target)
        with self._writing():
            if not self._locked(key):
                raise NotFound
            if overwrite and (old := self._locked(target)):
                self._delete_chunks(old)
                self._execute("DELETE FROM {files} WHERE {name} IN {values}", [target])
            try:
                with transaction.atomic(self.using):
                    self._files(key).update(name=target)
            except IntegrityError as error:
                raise AlreadyExists from error

    def entries(self, directory: str) -> Iterator[Entry]:
        """Yield the directory's entries, a page of names at a time."""
        return children(directory, self._page)

    def files(self, directory: str) -> Iterator[tuple[str, Stat | None]]:
        """Yield the files below the directory, a page of names at a time."""
        return below(directory, self._page)

    def is_dir(self, key: str) -> bool:
        """Tell whether a name begins with ``key/``; for the root, whether the table is there."""
        with self._translating():
            if not key:
                self._models.file.objects.using(self.using).exists()
                return True
            beneath = Q(name__gte=f"{key}/", name__lt=end_of(key))
            found: bool = self._models.file.objects.using(self.using).filter(beneath).exists()
            return found

    def close(self) -> None:
        """Leave the connection open: it is Django's."""

    # ---------------------------------------------------------------- queries

    def _chunk(self, key: str, content: str, number: int) -> bytes:
        """Return one chunk's bytes; Changed when the file has been written again, or deleted."""
        chunks = self._models.chunk.objects.using(self.using)
        with self._translating():
            found = list(
                chunks.filter(file_id=content, number=number).values_list("data", flat=True)
            )
            row = None if found else self._row(key)
        if not found:
            same = row is not None and row.content == content
            raise Corrupt(f"Chunk {number} is missing.") if same else Changed()
        return bytes(found[0])

    @property
    def _connection(self) -> Any:
        return own_connection(self.using)

    @property
    def _models(self) -> Models:
        return models_for(self.using, self.table)

    def _files(self, *keys: str) -> Any:
        files = self._models.file.objects.using(self.using)
        return files.filter(name__in=keys) if len(keys) > 1 else files.filter(name=keys[0])

    def _row(self, key: str) -> _Row | None:
        found = list(self._files(key).values_list(*_COLUMNS))
        return _Row(*found[0]) if found else None

    def _page(
        self, start: str, after: bool, end: str, count: int = PAGE
    ) -> list[tuple[str, Stat | None]]:
        where = Q(name__gt=start) if after else Q(name__gte=start)
        if end:
            where &= Q(name__lt=end)
        files = self._models.file.objects.using(self.using)
        with self._translating():
            rows = list(files.filter(where).order_by("name").values_list("name", *_COLUMNS)[:count])
        return [(name, _Row(*columns).stat) for name, *columns in rows]

    # ---------------------------------------------------------------- writing

    def _judge(self, key: str) -> None:
        # SQLite would take a longer one.
        if len(key) > NAME_LENGTH:
            raise StorageError(
                f"The name has {len(key)} characters; {NAME_LENGTH} fit into the table."
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Run a transaction, or a savepoint in the caller's.

        Its first statement must write: on SQLite, one that begins by reading cannot wait for its
        turn to write.
        """
        with self._translating(), transaction.atomic(self.using):
            yield

    def _locked(self, *keys: str) -> list[str]:
        """Keep the files' rows from others until the end; return whose chunks are theirs."""
        files = self._files(*keys)
        if not files.update(modified=F("modified")):
            return []
        return list(files.select_for_update().values_list("content", flat=True))

    def _publish(self, key: str, row: _Row, *, overwrite: bool) -> list[str]:
        """Insert or update the file's row; return whose chunks are to go."""
        for _ in range(_TRIES):
            old = self._locked(key) if overwrite else []
            if old:
                columns = {name: value for name, value in vars(row).items() if name != "created"}
                self._files(key).update(**columns)
                return old
            try:
                with transaction.atomic(self.using):
                    # Not save(): receivers of every model's signals are none of its business.
                    file = self._models.file(name=key, **vars(row))
                    self._models.file.objects.using(self.using).bulk_create([file])
            except IntegrityError as error:
                if not overwrite:
                    raise AlreadyExists from error
            else:
                return []
        raise Unavailable("Others keep writing and deleting this file.")

    def _store(self, content: str, source: Source) -> str:
        """Insert the chunks; return the digest of all."""
        digest = hashlib.sha256()
        batch: list[tuple[str, int, Any]] = []
        sql = self._sql("INSERT INTO {chunks} ({content}, {number}, {data}) VALUES (%s, %s, %s)")
        adapt = self._models.chunk._meta.get_field("data").get_db_prep_save  # noqa: SLF001
        with self._connection.cursor() as cursor:
            for number, data in enumerate(source.chunks(CHUNK)):
                digest.update(data)
                batch.append((content, number, adapt(data, self._connection)))
                if len(batch) == _BATCH:
                    # executemany also for one: with DEBUG, Django keeps the values of execute.
                    cursor.executemany(sql, batch)
                    batch = []
            if batch:
                cursor.executemany(sql, batch)
        return digest.hexdigest()

    def _delete_chunks(self, contents: list[str]) -> None:
        if contents:
            self._execute("DELETE FROM {chunks} WHERE {content} IN {values}", contents)

    def _execute(self, template: str, values: list[str]) -> None:
        marks = ", ".join(["%s"] * len(values))
        with self._connection.cursor() as cursor:
            cursor.execute(self._sql(template, values=f"({marks})"), values)

    def _sql(self, template: str, **more: str) -> str:
        """Put the tables' and columns' names into a statement."""
        quote = self._connection.ops.quote_name
        tables = {"files": self.table, "chunks": f"{self.table}_chunks"}
        columns = {name: name for name in ("name", "content", "number", "data")}
        quoted = {key: quote(value) for key, value in {**tables, **columns}.items()}
        return template.format(**quoted, **more)

    # ----------------------------------------------------------------- errors

    @contextmanager
    def _translating(self) -> Iterator[None]:
        connection = self._connection
        try:
            yield
        except Error as error:
            ours = self._ours(error)
            # Most of Django's databases raise AttributeError when asked about none.
            connected = connection.connection is not None
            if connected and not (connection.in_atomic_block or connection.is_usable()):
                # As Django does between requests: the next use connects again.
                connection.close()
            raise ours from error

    def _ours(self, error: Error) -> Exception:
        cause: Any = error.__cause__
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
        code = cause.args[0] if self._connection.vendor == "mysql" and cause.args else None
        failure = failure_of(state, code if isinstance(code, int) else None, str(error))
        if failure is NO_TABLE:
            return StorageError(
                f"The database {self.using!r} has no table {self.table!r}, or not both of its two.",
                hint="Run: manage.py createstoragetable",
            )
        return failure.error_for(str(error).strip())
