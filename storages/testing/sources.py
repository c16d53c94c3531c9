"""Contents that misbehave, for the contract's cases about saving."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

__all__ = ["Chunks", "Declared", "Failing", "Pausing", "ReadOnly", "SourceFailure", "Unseekable"]


class SourceFailure(Exception):  # noqa: N818 - it stands for an error of the caller's own
    """What a failing source raises; no storage knows it."""


class ReadOnly:
    """A source with nothing but ``read()``."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        return self._file.read(size)


class Unseekable(io.RawIOBase):
    """A stream like a pipe: no seek, no size, short reads."""

    def __init__(self, data: bytes, step: int = 1000) -> None:
        super().__init__()
        self._file = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read at most ``step`` bytes."""
        data = self._file.read(min(len(buffer), self._step))
        buffer[: len(data)] = data
        return len(data)


class Pausing(io.BytesIO):
    """A seekable source that calls ``pause`` once, when about half of it has been read."""

    def __init__(self, data: bytes, pause: Callable[[], object], name: str = "source") -> None:
        super().__init__(data)
        self.name = name
        self._half = len(data) // 2
        self._pause: Callable[[], object] | None = pause
        self.size = len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, half of them at most before the pause."""
        if self._pause is not None:
            if self.tell() < self._half:
                rest = self._half - self.tell()
                return super().read(rest if size is None or size < 0 else min(size, rest))
            pause, self._pause = self._pause, None
            pause()
        return super().read(size)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read like ``read``."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Failing(Pausing):
    """A seekable source that raises ``failure``, always, when half of it has been read."""

    def __init__(self, data: bytes, name: str = "source", failure: Exception | None = None) -> None:
        super().__init__(data, self._fail, name)
        self.failure = failure or SourceFailure("the source failed half-way")

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, or fail."""
        if self.tell() >= self._half:
            self._fail()
        return super().read(size)

    def _fail(self) -> None:
        raise self.failure


class Declared(io.BytesIO):
    """A source whose ``size`` says something else than it holds."""

    def __init__(self, data: bytes, size: int, name: str = "source") -> None:
        super().__init__(data)
        self.size = size
        self.name = name


class Chunks:
    """A source that is only iterated in chunks, which a generator makes; some may be text."""

    def __init__(self, *pieces: bytes | str, name: str = "source") -> None:
        self.pieces = pieces
        self.name = name

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes | str]:  # noqa: ARG002
        """Generate the pieces, whatever ``chunk_size`` says."""
        yield from self.pieces
