"""What a store gives when it is read: streams that start anywhere, and what it tells of a file."""

# ruff: noqa: SLF001 - a reader is one half of the core, base.py the other

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from django.views.decorators.debug import sensitive_variables

from storages.errors import Corrupt, StorageError, Unavailable
from storages.staging import BLOCK

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from storages.hooks import Hooks

__all__ = ["ChunkReader", "Entry", "HeldReader", "RangeReader", "Reader", "Stat"]

# So much is asked for at once where everything is wanted.
_LARGE_BLOCK = 16 * BLOCK
# A seek forward by less than this reads on instead of asking the store anew.
_READ_ON = 256 * 1024


@dataclass(frozen=True)
class Stat:
    """What a store tells about a file. None: it does not tell.

    ``size`` in bytes; ``modified``, ``created``, ``accessed`` are aware datetimes; ``version``
    differs whenever the content does; ``checksum`` is ``"<algorithm>:<hex>"``.
    """

    size: int
    modified: datetime | None = None
    version: str | None = None
    checksum: str | None = None
    content_type: str | None = None
    created: datetime | None = None
    accessed: datetime | None = None


@dataclass(frozen=True)
class Entry:
    """One child of a directory: its base name, and what the listing already tells of it."""

    name: str
    is_dir: bool = False
    stat: Stat | None = None


class Reader(Protocol):
    """A stream of a file's bytes, from the offset that was asked for to the end.

    ``stat`` describes the very version that is being read. A reader may also have ``seek(offset)``,
    which goes on from there in that same version; it is then used until the file is closed. With a
    ``file``, an ``io.FileIO``, it says that its bytes are those of a file on this disk, at the same
    places; others may read that instead.
    """

    stat: Stat

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""

    def close(self) -> None:
        """Give back whatever the stream holds."""


class ChunkReader:
    """A :class:`Reader` over an iterator of byte strings of any length."""

    def __init__(
        self, stat: Stat, chunks: Iterable[bytes], close: Callable[[], object] | None = None
    ) -> None:
        self.stat = stat
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = memoryview(b"")
        self._close = close

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Close the iterator (a generator's ``finally`` runs) and what was given as ``close``."""
        self._rest = memoryview(b"")
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        if self._close is not None:
            self._close()


class HeldReader:
    """A :class:`Reader` of a small file that has come whole."""

    def __init__(self, stat: Stat, content: bytes, offset: int = 0) -> None:
        self.stat = stat
        self._content = content
        self._position = offset

    def seek(self, offset: int) -> None:
        """Go on from there."""
        self._position = offset

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        data = self._content[self._position : self._position + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Nothing is held that could be given back."""


class RangeReader(io.RawIOBase):
    """A seekable raw file over streams that start anywhere.

    ``reader`` is the stream that ``open()`` has begun, at ``offset``. One that breaks off or ends
    early is continued, once per block that is read, from where it stood. Where it turned out to be
    damaged, nothing more is handed out to who reads on; a seek begins anew.
    """

    def __init__(self, storage: Hooks, key: str, reader: Reader, offset: int = 0) -> None:
        super().__init__()
        self.stat = reader.stat
        self._storage = storage
        self._key = key
        self._reader: Reader | None = reader
        self._moved = storage._progress(key, "read")
        self._stream_position = offset
        self._position = offset
        self._damage: Corrupt | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; nothing is asked of the store before the next read."""
        self._check_open()
        try:
            base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.stat.size}
            position = base[whence] + offset
        except KeyError:
            raise ValueError(f"Invalid whence: {whence!r}") from None
        if position < 0:
            raise ValueError(f"Negative seek position {position}")
        self._position = position
        self._damage = None
        return position

    def readinto(self, buffer: Buffer) -> int:
        """Fill ``buffer``, or less of it; return how many bytes came, 0 at the end."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        if not view or self._position >= self.stat.size:
            return 0
        if self._damage is not None:
            raise self._damage
        try:
            return self._read(view)
        except Corrupt as error:
            self._damage = error
            raise

    def _read(self, view: memoryview) -> int:
        try:
            count = self._read_here(view)
        except Unavailable as error:
            self._drop()
            count = self._read_again(view, error)
        if count == 0:
            self._drop()
            count = self._read_here(view)
        if count == 0:
            raise Corrupt(
                f"The file ended after {self._position} of {self.stat.size} bytes.",
            ).locate("read", self._key, repr(self._storage))
        self.took(count)
        if self._position >= self.stat.size and not hasattr(self._reader, "seek"):
            self._drop()
        return count

    def _read_again(self, view: memoryview, broken: Unavailable) -> int:
        try:
            return self._read_here(view)
        except StorageError as error:
            # That the deadline has passed, say, has no cause but what has taken the time.
            if error.__cause__ is None:
                raise error from broken
            raise

    def on_disk(self) -> io.FileIO | None:
        """Return the file on this disk that is read, standing where this stands, if there is one.

        For who sends it by its descriptor, or tells with ``took`` what was read of it. It is closed
        with this.
        """
        file = getattr(self._reader, "file", None)
        if not isinstance(file, io.FileIO):
            return None  # what a reader calls so may be anything, encrypted for example
        if self._stream_position != self._position:
            file.seek(self._position)
            self._stream_position = self._position
        return file

    def took(self, count: int) -> None:
        """Go on: somebody has read so many bytes of the file ``on_disk``."""
        self._position += count
        self._stream_position = self._position
        self._moved(count)

    def readall(self) -> bytes:
        """Return everything from the position to the end."""
        left = max(0, self.stat.size - self._position)
        block = memoryview(bytearray(min(_LARGE_BLOCK, left)))
        # Grows in place and gives up its memory: the content is there once, not twice.
        whole = io.BytesIO()
        while count := self.readinto(block):
            whole.write(block[:count])
        return whole.getvalue()

    def close(self) -> None:
        """Give back the stream."""
        if not self.closed:
            self._drop()
        super().close()

    @sensitive_variables()  # as in Hooks._guarded
    def _read_here(self, view: memoryview) -> int:
        with self._storage._translating("read", self._key):
            gap = self._position - self._stream_position
            seek = getattr(self._reader, "seek", None)
            if seek is not None and gap:
                seek(self._position)
                self._stream_position = self._position
            elif self._reader is not None and 0 < gap <= _READ_ON:
                self._skip(self._reader, gap)
            if self._reader is None or self._stream_position != self._position:
                self._drop()
                self._reader = self._storage._open_reader(
                    self._key, offset=self._position, version=self.stat.version
                )
                self._stream_position = self._position
            return self._reader.readinto(view[: self.stat.size - self._position])

    def _skip(self, reader: Reader, count: int) -> None:
        scratch = memoryview(bytearray(min(count, BLOCK)))
        while count:
            skipped = reader.readinto(scratch[:count])
            if not skipped:
                return
            count -= skipped
            self._stream_position += skipped

    def _drop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
