"""Storages that tests of serving put into ``STORAGES``: they count readers, and break off."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from storages.backends.mogilefs import MogileFSStorage
from storages.base import ChunkReader, Reader, Stat
from storages.errors import Changed, NotFound, StorageError, Unavailable
from storages.options import option
from storages.testing import MemoryStorage

__all__ = ["Broken", "Counted", "Elsewhere", "Mogile", "Plain", "Sensitive", "Strict"]


class CountedReader:
    """Tells its storage when it is read and closed."""

    def __init__(self, storage: Counted, reader: Reader) -> None:
        self.stat: Stat = reader.stat
        self._storage = storage
        self._reader = reader
        self._left = storage.breaks_after
        self._closed = False
        storage.opened.append(self)

    def readinto(self, buffer: memoryview, /) -> int:
        """Break off where the storage is to, and note the thread."""
        self._storage.threads.add(threading.get_ident())
        self._storage.before_read()
        if self._left is not None:
            if not self._left:
                raise Unavailable("Broken off.")
            buffer = buffer[: self._left]
        count = self._reader.readinto(buffer)
        if self._left is not None:
            self._left -= count
        self._storage.bytes_read.append(count)
        return count

    def close(self) -> None:
        """Be closed, once."""
        self._reader.close()
        if not self._closed:
            self._closed = True
            self._storage.opened.remove(self)


class Counted(MemoryStorage):
    """Files in memory whose readers are counted; ``breaks_after`` bytes each breaks off."""

    opened: ClassVar[list[CountedReader]] = []
    threads: ClassVar[set[int]] = set()
    bytes_read: ClassVar[list[int]] = []
    breaks_after: int | None = None

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return CountedReader(self, super()._open_read(key, offset=offset, version=version))

    def before_read(self) -> None:
        """Something that a test does while a reader reads."""

    @classmethod
    def forget(cls) -> None:
        """Begin anew."""
        for noted in (cls.opened, cls.threads, cls.bytes_read):
            noted.clear()


class Sensitive(Counted):
    """A storage whose work belongs to one thread."""

    thread_sensitive = True


class Strict(MemoryStorage):
    """Files in memory that are not opened beyond their end: what S3 answers with 416."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        if offset >= self._stat(key).size:
            raise Changed
        return super()._open_read(key, offset=offset, version=version)


class Broken(MemoryStorage):
    """Whatever is asked of it fails with the error that it is told."""

    error: str = option(default="StorageError", type=str, help="A class of storages.errors.")
    retry_after: float | None = option(type=float, help="Seconds.")

    def _failure(self) -> StorageError:
        from storages import errors

        failure: StorageError = getattr(errors, self.error)("secret client trace")
        if self.retry_after is not None:
            vars(failure)["retry_after"] = self.retry_after
        return failure

    def _stat(self, key: str) -> Stat:
        raise self._failure()

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        raise self._failure()


class Elsewhere(MemoryStorage):
    """Files in memory that have a signed URL at another host, for reading or for storing."""

    def url(self, name: str | None, download_as: str | None = None) -> str:
        """As S3's do."""
        url = f"https://store.example/{quote(name or '')}?signature=a/b%2B"
        return f"{url}&as={quote(download_as)}" if download_as else url

    def _url_of(self, key: str) -> str:
        return self.url(key)


class Plain(MemoryStorage):
    """Files in memory that have URLs at another host, which no name can be added to."""

    def url(self, name: str | None, download_as: str | None = None) -> str:
        """As those of S3 that are not signed."""
        if download_as is not None:
            raise ValueError("Only signed URLs do that.")
        return f"https://store.example/{quote(name or '')}"

    def _url_of(self, key: str) -> str:
        return self.url(key)


class Mogile(MogileFSStorage):
    """A cluster with three files: of two copies, of none, and of no bytes."""

    def _stat(self, key: str) -> Stat:
        if key not in {"two.gif", "none.gif", "empty.gif"}:
            raise NotFound
        return Stat(size=0 if key == "empty.gif" else 9, version="7")

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        stat = self._stat(key)
        return ChunkReader(stat, [b"from node"[offset : stat.size]])

    def _tracker(self, command: str, arguments: Mapping[str, Any], **how: Any) -> dict[str, str]:
        assert command == "get_paths"
        if arguments["key"] == "none.gif":
            raise Unavailable("No node.")
        paths = {f"path{n}": f"http://10.0.0.{n}:7500/dev{n}/0/000/7.fid" for n in (1, 2)}
        return {"paths": "2", **paths}
