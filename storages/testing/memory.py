"""An in-memory storage that keeps every promise of the contract: what others are compared with.

It differs from Django's ``InMemoryStorage``: saves are create-only, so that no race loses a file;
a write is published whole or not at all, and only when the file is closed; readers keep the version
they opened; names are judged; errors are those of :mod:`storages.errors`; storages that are made
for the same ``place`` share their files, also after pickling.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from storages import names
from storages.base import BaseStorage, ChunkReader, Entry, Reader, Stat
from storages.errors import (
    AlreadyExists,
    Changed,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
)
from storages.options import option
from storages.staging import BLOCK, Source

__all__ = ["MemoryStorage"]


@dataclass(frozen=True)
class _File:
    content: bytes
    stat: Stat


_lock = threading.RLock()
_places: dict[str, dict[str, _File]] = {}
_writes = 0


class MemoryStorage(BaseStorage):
    """Files in this process's memory, as a tree in which a name is a file or a directory."""

    place: str = option(default="", type=str, help="Storages of the same place share their files.")
    base_url: str | None = option(default=None, type=str, help="Where url() says the files are.")

    @property
    def _files(self) -> dict[str, _File]:
        return _places.setdefault(self.place, {})

    def clear(self) -> None:
        """Forget every file of the place."""
        with _lock:
            self._files.clear()

    def _file(self, key: str) -> _File:
        with _lock:
            file = self._files.get(key)
            if file is None:
                raise IsADirectory if self._is_dir(key) else NotFound
            return file

    def _stat(self, key: str) -> Stat:
        return self._file(key).stat

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        file = self._file(key)
        if version is not None and file.stat.version != version:
            raise Changed
        rest = range(offset, len(file.content), BLOCK)
        return ChunkReader(file.stat, (file.content[start : start + BLOCK] for start in rest))

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        global _writes  # noqa: PLW0603 - versions must differ between all places and objects
        content = b"".join(source.chunks())
        with _lock:
            before = self._check(key, overwrite=overwrite)
            _writes += 1
            now = datetime.now(timezone.utc)
            self._files[key] = _File(
                content,
                Stat(
                    size=len(content),
                    modified=now,
                    created=before.stat.created if before else now,
                    version=str(_writes),
                    content_type=source.content_type or names.content_type(key),
                ),
            )

    def _check(self, key: str, *, overwrite: bool) -> _File | None:
        """Return what is to be replaced; refuse what cannot be."""
        parent = key.rpartition("/")[0]
        while parent:
            if parent in self._files:
                raise NotADirectory(f"{parent!r} is a file.")
            parent = parent.rpartition("/")[0]
        if self._is_dir(key):
            raise IsADirectory if overwrite else AlreadyExists
        before = self._files.get(key)
        if before is not None and not overwrite:
            raise AlreadyExists
        return before

    def _remove(self, key: str) -> None:
        with _lock:
            if self._is_dir(key):
                raise DirectoryNotEmpty
            self._file(key)
            del self._files[key]

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        with _lock:
            file = self._file(key)
            self._check(target, overwrite=overwrite)
            self._files[target] = file
            del self._files[key]

    def _list(self, prefix: str) -> Iterator[Entry]:
        start = f"{prefix}/" if prefix else ""
        with _lock:
            files = {k: f for k, f in self._files.items() if k.startswith(start)}
        directories = set()
        for key, file in sorted(files.items()):
            name, slash, _ = key[len(start) :].partition("/")
            if not slash:
                yield Entry(name, stat=file.stat)
            elif name not in directories:
                directories.add(name)
                yield Entry(name, is_dir=True)

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            return super()._url_of(key)
        return names.join_url(self.base_url, key)
