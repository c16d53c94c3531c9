"""Readers of one-row files."""

from __future__ import annotations

from typing import Protocol

from storages.base import Stat
from storages.errors import Changed, NotFound
from storages.staging import Spool

__all__ = ["FIRST", "Part", "SliceReader", "SpoolReader"]

#: A file of up to so many bytes is read by the query that opens it.
FIRST = 256 * 1024


class Part(Protocol):
    """What a reader asks for its bytes."""

    def __call__(self, start: int, count: int, /) -> tuple[Stat, bytes] | None:
        """Return the file's description and ``count`` bytes; None when there is no such row."""


class SliceReader:
    """Reads by SUBSTRING; each answer tells the version, so that two are never mixed."""

    def __init__(self, part: Part, offset: int, version: str | None, most: int) -> None:
        self._part = part
        self._most = most
        self._next = FIRST
        self._position = self._start = offset
        self._buffer = memoryview(b"")
        self.stat = self._fetch(version)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._position >= self.stat.size:
            return 0
        at = self._position - self._start
        if not 0 <= at < len(self._buffer):
            self._fetch(self.stat.version)
            at = 0
        count = min(len(buffer), len(self._buffer) - at)
        buffer[:count] = self._buffer[at : at + count]
        self._position += count
        return count

    def seek(self, offset: int) -> None:
        """Go on from ``offset``; what is read from there begins with a small slice again."""
        if not 0 <= offset - self._start <= len(self._buffer):
            self._next = FIRST
        self._position = offset

    def close(self) -> None:
        """Forget what was read."""
        self._buffer = memoryview(b"")

    def _fetch(self, version: str | None) -> Stat:
        # The old slice goes first: two at once would double what a reader holds.
        self._buffer = memoryview(b"")
        found = self._part(self._position, min(self._next, self._most))
        if found is None:
            raise NotFound if version is None else Changed
        stat, data = found
        if version is not None and stat.version != version:
            raise Changed
        self._start = self._position
        self._buffer = memoryview(data)
        self._next *= 2
        return stat


class SpoolReader:
    """Reads a copy, made when the file is opened, since nothing tells versions apart here.

    Up to ``FILE_UPLOAD_MAX_MEMORY_SIZE`` bytes of it are in memory, more on disk.
    """

    def __init__(self, part: Part, offset: int, most: int) -> None:
        found = part(0, most)
        if found is None:
            raise NotFound
        self.stat, data = found
        self._spool = Spool()
        try:
            while data:
                self._spool.write(data)
                data = self._more(part, most)
            self._spool.seek(offset)
        except BaseException:
            self._spool.close()
            raise

    def _more(self, part: Part, most: int) -> bytes:
        position = self._spool.tell()
        if position >= self.stat.size:
            return b""
        found = part(position, most)
        if found is None:
            raise Changed
        return found[1]

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        return self._spool.readinto(buffer)

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        self._spool.seek(offset)

    def close(self) -> None:
        """Give the copy up."""
        self._spool.close()
