"""Reading what a gateway sends, which is not always the file."""

from __future__ import annotations

from collections.abc import Callable

from storages.errors import Corrupt
from storages.readers import Reader, Stat
from storages.staging import BLOCK

__all__ = ["Guarded"]

#: When a share turns out to be damaged after the body has begun, the gateway puts this into it.
PROBLEM = b"problem during download\n"
#: The shortest file that may have more than one segment; damage in the first is told by a status.
_SEGMENT = 64 * 1024


class Guarded:
    """A reader that never hands out the gateway's words as the file's bytes.

    It holds the last bytes back until more have come, or all. A body that breaks off ends in them:
    the core reads on from where it stood. In place of the last segment they may be cut where the
    file ends, so that nothing is missing: bytes that might be theirs are read ``again``, so many
    from the end.
    """

    def __init__(self, reader: Reader, offset: int, again: Callable[[int], bytes]) -> None:
        self.stat: Stat = reader.stat
        self._reader = reader
        self._again = again
        self._left = self.stat.size - offset
        self._keep = len(PROBLEM) if self._left else 0
        self._held = bytearray()
        self._block = memoryview(bytearray(BLOCK))

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        while self._left and len(self._held) <= self._keep:
            count = self._reader.readinto(self._block)
            self._held += self._block[:count]
            self._left -= count
            if not self._left:
                self._check_end()
                self._keep = 0
        count = min(len(buffer), len(self._held) - self._keep)
        buffer[:count] = self._held[:count]
        del self._held[:count]
        return count

    def _check_end(self) -> None:
        if self.stat.size <= _SEGMENT:
            return
        end = bytes(self._held[-len(PROBLEM) :])
        for length in range(1, len(PROBLEM) + 1):
            # Asked for alone, bytes that cannot be read are told by a status.
            if end.endswith(PROBLEM[:length]) and self._again(length) != end[-length:]:
                raise Corrupt("The end of the file cannot be read: its shares are damaged.")

    def close(self) -> None:
        """Give back the stream."""
        self._held.clear()
        self._reader.close()
