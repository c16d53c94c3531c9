"""Reading a file from any of its copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from storages.errors import Corrupt, StorageError, Unavailable
from storages.http.digests import Digest
from storages.readers import Reader, Stat
from storages.retry import remaining
from storages.staging import BLOCK

__all__ = ["CopiesReader"]

#: A file of up to so many bytes is compared with its checksum before any of it is handed out.
_SMALL = 4 * BLOCK
#: A seek forward by up to so many bytes reads on.
_READ_ON = 4 * BLOCK


class CopiesReader:
    """A :class:`~storages.readers.Reader` of a file that lies at several places, alike.

    Where one copy cannot be read, is of another length or breaks off, the next one goes on from
    there. What is read from beginning to end is compared with the Stat's checksum.

    Arguments:
        stat: what the tracker knows of the file.
        paths: the URLs of its copies, the best first.
        open_copy: begins to read one at an offset; raises Corrupt when it is not as long as it
            should be.
        failed: is told which copy failed, and how.
        offset: where to begin.

    """

    def __init__(
        self,
        stat: Stat,
        paths: Sequence[str],
        open_copy: Callable[[str, int], Reader],
        failed: Callable[[str, StorageError], None],
        offset: int = 0,
    ) -> None:
        self.stat = stat
        self._paths = list(paths)
        self._open_copy = open_copy
        self._failed = failed
        self._position = offset
        self._stream: Reader | None = None
        self._used: set[str] = set()
        self._has_given = False
        self._digest: Digest | None = None
        self._content: bytes | None = None
        self._damage: Corrupt | None = None
        # The last one of each kind, Corrupt or not.
        self._failures: dict[bool, StorageError] = {}
        if offset < stat.size:
            self._surely(self._begin)

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        gap = offset - self._position
        if self._stream is not None and 0 < gap <= _READ_ON:
            scratch = memoryview(bytearray(min(gap, BLOCK)))
            while self.readinto(scratch[: offset - self._position]):
                pass
        if self._position != offset:
            self._drop()
            self._position = offset

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._position >= self.stat.size or not buffer:
            return 0
        if self._damage is not None:
            raise self._damage
        count = self._surely(lambda: self._read(buffer))
        self._has_given = True
        if self._digest is not None:
            self._digest.update(buffer[:count])
            if self._position + count == self.stat.size:
                self._compare_all(self._digest)
        self._position += count
        return count

    def close(self) -> None:
        """Give back the stream."""
        self._drop()
        self._content = None

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        self._digest = self._damage = None
        self._used.clear()
        if stream is not None:
            stream.close()

    def _read(self, buffer: memoryview) -> int:
        if self._content is None and self._stream is None:
            self._begin()
        if self._content is not None:
            piece = self._content[self._position : self._position + len(buffer)]
            buffer[: len(piece)] = piece
            return len(piece)
        assert self._stream is not None  # noqa: S101 - it has begun
        return self._stream.readinto(buffer)

    def _begin(self) -> None:
        """Open the best copy at the position."""
        self._stream = self._open_copy(self._paths[0], self._position)
        self._has_given = False
        self._used.add(self._paths[0])
        if self._position or not self.stat.checksum:
            return
        self._digest = Digest(self._algorithm, self.stat.size)
        if self.stat.size <= _SMALL:
            content = _all_of(self._stream, self.stat.size)
            self._digest.update(content)
            self._compare(self._digest)
            self._drop()
            self._content = content

    def _surely(self, read: Callable[[], int | None]) -> int:
        """Read from the best copy that can be read."""
        while self._paths:
            try:
                return read() or 0
            except StorageError as error:
                stream, self._stream = self._stream, None
                if stream is not None:
                    stream.close()
                path = self._paths.pop(0)
                self._failed(path, error)
                self._failures[isinstance(error, Corrupt)] = error
                if self._has_given and isinstance(error, Unavailable):
                    # Where it broke off it may go on, if no other copy does.
                    self._has_given = False
                    self._paths.append(path)
                if remaining() == 0:
                    raise
        raise self._outcome

    @property
    def _outcome(self) -> StorageError:
        """What to say when no copy is left: one that could not be reached may come back."""
        corrupt, other = self._failures.get(True), self._failures.get(False)
        if corrupt is not None and other is None:
            return corrupt
        if isinstance(other, Unavailable):
            return other
        error = Unavailable("No copy of the file can be read.")
        error.__cause__ = other
        return error

    @property
    def _algorithm(self) -> str:
        return (self.stat.checksum or "").partition(":")[0]

    def _compare(self, digest: Digest) -> None:
        expected = (self.stat.checksum or "").partition(":")[2]
        found = digest.hexdigest()
        if found != expected:
            raise Corrupt(
                f"The {self._algorithm} of what was read is {found}, that of the file {expected}."
            )

    def _compare_all(self, digest: Digest) -> None:
        """Compare what has been handed out but for its end."""
        self._digest = None
        try:
            self._compare(digest)
        except Corrupt as error:
            for path in self._used:
                self._failed(path, error)
            error.hint = "Open it again: another copy is read then, if there is one."
            self._damage = error
            raise


def _all_of(stream: Reader, size: int) -> bytes:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = stream.readinto(view)
        if not count:
            raise Unavailable(f"The copy ended {len(view)} bytes early.")
        view = view[count:]
    return bytes(content)
