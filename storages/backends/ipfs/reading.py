"""Reading what a node sends, which does not announce its length."""

from __future__ import annotations

from storages.backends.ipfs.toolkit import Ranged
from storages.errors import Corrupt, Unavailable
from storages.http import Answer
from storages.readers import Stat
from storages.staging import BLOCK

__all__ = ["Streamed"]


class Streamed:
    """What comes from ``offset``; ``head`` has been read already."""

    def __init__(self, stat: Stat, answer: Answer | Ranged, offset: int, head: bytes) -> None:
        self.stat = stat
        self._answer = answer
        self._rest = memoryview(head)
        self._left = stat.size - offset

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if not self._rest:
            self._rest = memoryview(self._answer.read_block(max(len(buffer), BLOCK)))
            if not self._rest:
                if self._left:
                    # What went wrong stands in a trailer, which no Python client shows.
                    raise Unavailable(f"The answer ended {self._left} bytes early.")
                return 0
        count = min(len(buffer), len(self._rest))
        if count > self._left:
            raise Corrupt("The node sent more than the file has.")
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._left -= count
        return count

    def close(self) -> None:
        """Give the connection back if all was read; else close it."""
        self._rest = memoryview(b"")
        self._answer.close(unread=self._left)
