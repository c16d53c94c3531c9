"""Files in MongoDB, in the layout of GridFS, which every driver of MongoDB reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.core.checks import CheckMessage
from django.core.exceptions import SuspiciousFileOperation

from storages import names
from storages.backends.gridfs.bucket import Bucket, now
from storages.backends.gridfs.checks import check
from storages.backends.gridfs.clients import database_of, place_of, release
from storages.backends.gridfs.documents import number_in, stat_of
from storages.backends.gridfs.options import GridFSOptions
from storages.backends.gridfs.reading import ChunkedReader
from storages.backends.gridfs.writing import Upload, delete, rename
from storages.base import Entry, Reader, Source, Stat
from storages.errors import Changed, DirectoryNotEmpty, NotFound, NoURL, StorageError, Unavailable
from storages.files import StorageFile
from storages.flat import below, children
from storages.retry import repeat

__all__ = ["GridFSFile", "GridFSStorage"]

T = TypeVar("T")

GridFSFile = StorageFile

#: Names in one command.
_NAMES = 500
#: How often a file is opened anew that is replaced at that moment.
_OPENINGS = 10


class GridFSStorage(GridFSOptions):
    """Files in a GridFS bucket; a file whose name is taken gets another name."""

    def __init__(self, **given: Any) -> None:
        """Take the options; nothing is connected to."""
        self._kept: Bucket | None = None
        super().__init__(**given)
        place_of(self)  # an error in the settings is told now

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        document = self._bucket.newest(key)
        if document is None:
            raise NotFound
        return stat_of(document)

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        for opening in range(_OPENINGS):
            document = self._bucket.newest(key)
            if document is None:
                raise NotFound
            stat = stat_of(document)
            if version is not None and stat.version != version:
                raise Changed
            fetch = partial(self._fetch, document["_id"])
            size = max(1, number_in(document, "chunkSize"))
            try:
                return ChunkedReader(stat, size, fetch, offset)
            except Changed:
                # Between finding and reading it, it was replaced: then the new one is the file.
                if version is not None or opening == _OPENINGS - 1:
                    raise
        raise AssertionError  # pragma: no cover - the last opening raised

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        with self._in_steps():
            Upload(self, key, source).run(overwrite=overwrite)

    def _remove(self, key: str) -> None:
        with self._in_steps():
            if not delete(self, [key]):
                is_directory = repeat(self.retry, lambda: self._is_dir(key))
                raise DirectoryNotEmpty if is_directory else NotFound

    def _list(self, prefix: str) -> Iterator[Entry]:
        return children(prefix, self._page)

    def _walk(self, prefix: str) -> Iterator[tuple[str, Stat | None]]:
        return below(prefix, self._page)

    def _is_dir(self, key: str) -> bool:
        return self._bucket.is_anything_in(key) or not key

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        with self._in_steps():
            rename(self, key, target, overwrite=overwrite)

    def _remove_many(self, keys: list[str]) -> None:
        first: StorageError | None = None
        with self._in_steps():
            for at in range(0, len(keys), _NAMES):
                try:
                    delete(self, keys[at : at + _NAMES])
                except StorageError as error:
                    first = first or error
            if first is not None:
                raise first

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Tell of certificates that are not verified."""
        return check(self, alias)

    # ------------------------------------------------------------------ names

    def get_valid_name(self, name: str) -> str:
        """Return ``name`` without the spaces around it; Django's own storages replace more.

        Raises SuspiciousFileOperation for a path.
        """
        name = str(name).strip()
        if name in {"", ".", ".."} or "/" in name or "\\" in name:
            raise SuspiciousFileOperation(f"Could not derive a file's name from {name!r}.")
        return name

    # ---------------------------------------------------------------- orphans

    def orphans(self, older_than: timedelta = timedelta(days=1)) -> Iterator[Any]:
        """Yield ``files_id`` of chunks that belong to no file.

        Uploads whose process was killed leave them. ``older_than``: those to which a chunk was
        added since then are passed over, for they may be uploads that go on.
        """
        bucket = self._bucket
        with self._translating("orphans", ""):
            yield from bucket.orphans(now() - older_than)

    def remove_orphans(self, older_than: timedelta = timedelta(days=1)) -> int:
        """Delete the chunks of :meth:`orphans`; return of how many files they were."""
        count = 0
        for file in self.orphans(older_than):
            orphan = {"_id": file}
            self._call(
                "remove_orphans",
                "",
                lambda: self._bucket.delete_chunks([orphan]),  # noqa: B023 - called at once
            )
            count += 1
        return count

    # ------------------------------------------------------------- the server

    @property
    def _bucket(self) -> Bucket:
        """The bucket, through a client that is open, of this process and these settings."""
        database = database_of(self)
        kept = self._kept
        if (
            kept is None
            or kept.database.client is not database.client
            or kept.database != database
            or kept.collection != self.collection
            or kept.seconds != (self.timeout, self.connect_timeout)
        ):
            kept = Bucket(database, self.collection, self.timeout, self.connect_timeout)
            self._kept = kept
        return kept

    def _ask(self, request: Callable[[Bucket], T]) -> T:
        """Send one command of several, again where that may help."""
        return repeat(self.retry, lambda: request(self._bucket))

    @contextmanager
    def _in_steps(self) -> Iterator[None]:
        """Of what has been repeated step by step, nothing is begun anew."""
        try:
            yield
        except Unavailable as error:
            error.final = True
            raise

    def _page(self, start: str, after: bool, end: str) -> list[tuple[str, Stat | None]]:
        return self._bucket.page(start, after, end)

    def _fetch(self, file: Any, first: int, count: int) -> list[bytes]:
        return self._bucket.chunks(file, first, count)

    def close(self) -> None:
        """Close the connections, unless other storages use them too."""
        self._kept = None
        release(self)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}
