"""What is saved: bytes that nobody has seen before, and that are a picture to who looks."""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from typing import IO, Any

__all__ = ["Source", "png"]

_LARGE = 1_000_000
_PIECE = 64 * 1024
_FRESH = 16  # bytes of each piece are made anew


def png() -> bytes:
    """A whole picture of one pixel: what follows it, ImageStorage does not look at."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = part(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    return (
        b"\x89PNG\r\n\x1a\n" + header + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")
    )


class Source:
    """``size`` bytes in a file, as an upload's are; smaller ones in memory, as a view has them.

    ``renew`` changes a little of each piece: some services store equal content only once.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        start = png()
        self._head = len(start)
        self._data = b""
        self._file: IO[bytes] | None = None
        block = os.urandom(min(size, 1 << 20))
        if not self.large:
            self._data = (start + block)[:size]
            return
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - see close
        for at in range(0, size, len(block)):
            self._file.write(block[: size - at])
        self._file.seek(0)
        self._file.write(start)
        self._file.flush()
        self.renew()

    @property
    def large(self) -> bool:
        """Whether an upload of this size comes as a file on disk."""
        return self.size >= _LARGE

    @property
    def path(self) -> str:
        """Where it is, for a program."""
        if self._file is None:
            raise NotImplementedError
        return str(self._file.name)

    def renew(self) -> Source:
        """Be something else."""
        if self._file is None:
            fresh = os.urandom(_FRESH)
            self._data = self._data[: self._head] + fresh + self._data[self._head + _FRESH :]
            return self
        for at in range(0, self.size - self._head - _FRESH, _PIECE):
            os.pwrite(self._file.fileno(), os.urandom(_FRESH), at + self._head)
        return self

    def file(self) -> IO[bytes]:
        """What a client library sends: a file at its start."""
        if self._file is None:
            return io.BytesIO(self._data)
        return open(self.path, "rb")  # noqa: PTH123 - the caller's

    def data(self) -> bytes:
        """All of it."""
        with self.file() as file:
            return file.read()

    def upload(self) -> Any:
        """What a view hands to ``save()``."""
        from django.core.files.base import ContentFile, File

        return File(self.file()) if self.large else ContentFile(self._data)

    def close(self) -> None:
        """Remove it."""
        if self._file is not None:
            self._file.close()
