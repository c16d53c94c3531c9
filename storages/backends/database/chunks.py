"""The reader of the embedded engine's files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from storages.backends.database.tables import CHUNK
from storages.base import Stat
from storages.errors import Corrupt

__all__ = ["ChunkedReader"]


class ChunkedReader:
    """Reads chunk by chunk, one query for each; seeks by arithmetic.

    ``fetch`` gives a chunk or raises Changed. What is read from the start to the end is
    compared with the file's digest before its last chunk is handed out.
    """

    def __init__(
        self, stat: Stat, fetch: Callable[[int], bytes], offset: int, first: bytes | None
    ) -> None:
        self.stat = stat
        self._fetch = fetch
        self._position = offset
        self._digest = hashlib.sha256()
        self._digested = 0  # chunks
        self._number = -1
        self._chunk = memoryview(b"")
        if first is not None:
            self._take(offset // CHUNK, first)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._position >= self.stat.size:
            return 0
        number, start = divmod(self._position, CHUNK)
        if number != self._number:
            # The old chunk goes first: two at once would double what a reader holds.
            self._chunk = memoryview(b"")
            self._take(number, self._fetch(number))
        count = min(len(buffer), len(self._chunk) - start)
        buffer[:count] = self._chunk[start : start + count]
        self._position += count
        return count

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        self._position = offset

    def close(self) -> None:
        """Forget the chunk."""
        self._chunk = memoryview(b"")
        self._number = -1

    def _take(self, number: int, data: bytes) -> None:
        expected = min(CHUNK, self.stat.size - number * CHUNK)
        if len(data) != expected:
            raise Corrupt(f"Chunk {number} has {len(data)} bytes, not {expected}.")
        if number == self._digested:
            self._digest.update(data)
            self._digested += 1
            whole = (number + 1) * CHUNK >= self.stat.size
            if whole and self.stat.checksum != f"sha256:{self._digest.hexdigest()}":
                raise Corrupt("The content's SHA-256 is not the one that was stored.")
        self._chunk = memoryview(data)
        self._number = number
