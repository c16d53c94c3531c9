"""Reading a file: its chunks, by the id of the revision that was opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from storages.backends.gridfs.background import Background
from storages.base import Stat
from storages.errors import Corrupt

__all__ = ["BLOCK", "ChunkedReader"]

#: Bytes asked for at once by who reads on and on.
BLOCK = 3 * 1024 * 1024
#: How much more is asked for each time, until then.
_FASTER = 4

Fetch = Callable[[int, int], list[bytes]]


class ChunkedReader:
    """Reads chunks, more at a time the longer it goes on, and one block ahead; seeks.

    ``fetch(first, count)`` gives chunks. What is read from the start to the end is compared with
    the file's digest before its last block is handed out.
    """

    def __init__(self, stat: Stat, chunk_size: int, fetch: Fetch, offset: int) -> None:
        self.stat = stat
        self._fetch = fetch
        self._size = chunk_size
        self._chunks = -(-stat.size // chunk_size)
        # An answer has at most 16 MiB, with what MongoDB adds to each chunk, however small.
        self._most = max(1, BLOCK // max(chunk_size, 1024))
        self._position = offset
        self._first = 0  # number of the block's first chunk
        self._block: list[bytes] = []
        self._ahead: tuple[int, int, Background[list[bytes]]] | None = None
        algorithm, _, self._expected = (stat.checksum or "").partition(":")
        self._digest: Any = (
            hashlib.new(algorithm, usedforsecurity=False) if self._expected else None
        )
        self._digested = 0  # chunks
        if offset < stat.size:
            self._load(offset // chunk_size, 1)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._position >= self.stat.size:
            return 0
        number, start = divmod(self._position, self._size)
        at = number - self._first
        if not 0 <= at < len(self._block):
            goes_on = self._block and at == len(self._block)
            self._load(number, len(self._block) * _FASTER if goes_on else 1)
            at = 0
        chunk = memoryview(self._block[at])
        count = min(len(buffer), len(chunk) - start)
        buffer[:count] = chunk[start : start + count]
        self._position += count
        return count

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        self._position = offset

    def close(self) -> None:
        """Forget the block."""
        self._block = []
        self._ahead = None

    def _load(self, first: int, count: int) -> None:
        count = min(count, self._most, self._chunks - first)
        # The old block goes first: two at once would double what a reader holds.
        self._block = []
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == first:
            count = ahead[1]
            block = ahead[2].result()
        else:
            block = self._fetch(first, count)
        following = first + count
        if count > 1 and following < self._chunks:
            # Asked for while this one is looked at and used.
            more = min(count * _FASTER, self._most, self._chunks - following)
            work = partial(self._fetch, following, more)
            self._ahead = (following, more, Background(work))
        self._judge(first, block)
        self._first, self._block = first, block

    def _judge(self, first: int, block: list[bytes]) -> None:
        """Raise Corrupt for a chunk of a wrong length, or for the last one of a damaged file."""
        for number, chunk in enumerate(block, start=first):
            expected = min(self._size, self.stat.size - number * self._size)
            if len(chunk) != expected:
                raise Corrupt(f"Chunk {number} has {len(chunk)} bytes, not {expected}.")
            if self._digest is not None and number == self._digested:
                self._digest.update(chunk)
                self._digested += 1
        if self._digest is not None and self._digested == self._chunks:
            if self._digest.hexdigest() != self._expected:
                name = self._digest.name.upper()
                raise Corrupt(f"The content's {name} is not the one that was stored.")
            self._digest = None
