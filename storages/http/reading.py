"""Reading by GET: from any offset, checked against what the server announced."""

from __future__ import annotations

import re
from collections.abc import Callable

from storages.errors import Corrupt, StorageError, Unavailable
from storages.http.answers import Answer
from storages.http.digests import Digest
from storages.readers import Reader, Stat
from storages.staging import BLOCK

__all__ = ["BodyReader", "Verified", "extent"]

_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


def extent(answer: Answer, offset: int, size: int | Callable[[], int] | None) -> tuple[int, int]:
    """Return where the body starts, and the size of the whole file.

    ``size`` is that where it is known otherwise, or finds it when the answer does not tell. Raises
    StorageError when nothing does.
    """
    start, announced = 0, answer.length
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status == 206:  # noqa: PLR2004 - Partial Content
        if found is None:
            raise Corrupt("The server sends a part and does not say which.")
        start = int(found[1])
        announced = int(found[2]) + 1 if found[3] == "*" else int(found[3])
    if start > offset:
        raise Corrupt(f"Asked for bytes from {offset}, the server sends them from {start}.")
    if callable(size):
        size = size() if announced is None else announced
    whole = announced if size is None else size
    if whole is None:
        raise StorageError("The server does not tell the file's length.")
    if start > whole:
        raise Corrupt(f"The server sends bytes from {start} of a file that has {whole}.")
    if announced is not None and announced != whole:
        raise Corrupt(f"The file has {whole} bytes, the server announces {announced}.")
    return start, whole


class BodyReader:
    """A :class:`~storages.readers.Reader` of an answer's body."""

    def __init__(self, answer: Answer, stat: Stat, start: int) -> None:
        self.stat = stat
        self._answer = answer
        self._left = stat.size - start
        self._ahead = memoryview(b"")
        self._begun = False

    def skip(self, count: int) -> None:
        """Read and drop ``count`` bytes: a server that knows no ranges sends all."""
        scratch = memoryview(bytearray(min(BLOCK, count)))
        while count:
            count -= self.readinto(scratch[:count])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        if not self._ahead and self._begun and wanted >= BLOCK:
            count = self._answer.readinto(buffer[:wanted])
        else:
            self._begun = True
            if not self._ahead:
                size = min(max(wanted, BLOCK), self._left)
                self._ahead = memoryview(self._answer.read_block(size))
            count = min(wanted, len(self._ahead))
            buffer[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
        if not count:
            raise Unavailable(f"The answer ended {self._left} bytes early.")
        self._left -= count
        if not self._left:
            self._answer.read_block(1)  # the end of a chunked body
            self._answer.close()
        return count

    def close(self) -> None:
        """Give the connection back, if that is cheaper than a new one; else close it."""
        self._ahead = memoryview(b"")
        self._answer.close(unread=self._left)
        self._left = 0


class Verified:
    """A reader of a whole file that compares its hash at the end; Corrupt when it differs.

    ``algorithm`` is one of hashlib's. The last bytes are not handed out before it is known, nor to
    who reads on after the error.
    """

    def __init__(self, reader: Reader, algorithm: str, hexdigest: str) -> None:
        self.stat = reader.stat
        self._reader = reader
        self._expected = hexdigest.lower()
        self._algorithm = algorithm
        self._digest = Digest(algorithm, reader.stat.size)
        self._left = reader.stat.size
        self._damage: Corrupt | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._damage is not None:
            raise self._damage
        count = self._reader.readinto(buffer)
        self._digest.update(buffer[:count])
        self._left -= count
        if count and not self._left and (found := self._digest.hexdigest()) != self._expected:
            self._damage = Corrupt(
                f"The {self._algorithm} of what was read is {found}, "
                f"that of the file {self._expected}."
            )
            raise self._damage
        return count

    def close(self) -> None:
        """Give back the stream."""
        self._reader.close()
