"""A file's bytes on their way to a client: a block at a time, and never the end of another file.

Whoever takes them away breaks off with them: a file that was replaced meanwhile, or a store that
does, raises in the middle of the body, so that the server closes the connection and the client
sees that bytes are missing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from storages.serving.ranges import Span

if TYPE_CHECKING:
    from typing_extensions import Self

    from storages.readers import RangeReader

__all__ = ["BLOCK", "MOST", "AsyncBody", "Body"]

#: Bytes of a block. Larger ones are new memory from the system each time, which costs as much as
#: the bytes do.
BLOCK = 64 * 1024
#: Blocks that a thread may read for an event loop at a time, for so many seconds: each turn of
#: threads costs as much as reading some from a disk.
MOST = 16
_PATIENCE = 0.05


class Body:
    """The parts of a file that a response consists of, one after the other, as blocks of bytes.

    ``parts`` are pairs of what stands before a part and where the part is; ``end`` follows the
    last. May be closed by any thread at any time: one that is reading ends first.
    """

    def __init__(
        self, raw: RangeReader, parts: Sequence[tuple[bytes, Span]], end: bytes = b""
    ) -> None:
        self._raw = raw
        self.length = sum(len(before) + len(span) for before, span in parts) + len(end)
        self._left = self.length
        self._parts, self._end = parts, end
        self._blocks: Iterator[bytes] | None = None
        self._begun = b""
        self._buffer: bytearray | None = None
        self._reading = threading.Lock()
        self._closed = False

    def begin(self) -> None:
        """Read the first block now, where an error can still be answered."""
        self._begun = next(self, b"")

    def at_once(self) -> bytes | None:
        """Return a block if one can be had without reading, ``b""`` at the end; else None."""
        begun, self._begun = self._begun, b""
        return begun if begun or not self._left else None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        block = self.at_once()
        if block is None:
            block = self._next()
        if not block:
            raise StopIteration
        return block

    def _next(self) -> bytes:
        block = b""
        with self._reading:
            try:
                if not self._closed:
                    if self._blocks is None:
                        self._blocks = self._read(self._parts, self._end)
                    block = next(self._blocks)
                    self._left -= len(block)
            finally:
                if not (block and self._left):
                    self._raw.close()
        if self._closed:  # perhaps meanwhile, by somebody who did not wait
            self.close()
        return block

    def close(self) -> None:
        """Give back what the store's reader holds."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            try:
                self._raw.close()
            finally:
                self._reading.release()

    def _read(self, parts: Sequence[tuple[bytes, Span]], end: bytes) -> Iterator[bytes]:
        for before, span in parts:
            if before:
                yield before
            self._raw.seek(span.start)
            position = span.start
            while position < span.end:
                block = self._block(min(BLOCK, span.end - position))
                position += len(block)
                yield block
        if end:
            yield end

    def _block(self, size: int) -> bytes:
        """Return the next ``size`` bytes; perhaps less from a disk."""
        file = self._raw.on_disk()
        if file is not None:
            # Straight from the disk. What is wrong there is for the reader to find and to say.
            with suppress(OSError):
                if data := file.read(size):
                    self._raw.took(len(data))
                    return data
        if self._buffer is None:
            self._buffer = bytearray(BLOCK)
        block = memoryview(self._buffer)[:size]
        count = 0
        while count < size:
            count += self._raw.readinto(block[count:])
        return bytes(block)


class AsyncBody:
    """A body for ASGI: read in a thread, only when the client has taken what came before."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._batch: deque[bytes] = deque()
        # In the request's own thread, which Django has for each: the one that opened the file. So
        # stores whose work belongs to one thread are read in it, and a store that is stuck holds no
        # thread that others need.
        self._more = sync_to_async(self._read, thread_sensitive=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._batch:
            block = self._body.at_once()
            if block is not None:
                self._batch.append(block)
            else:
                try:
                    await self._more()
                except BaseException:
                    # The client went away, perhaps while a thread reads. Closing may take a while.
                    with suppress(RuntimeError):  # the loop is ending
                        asyncio.get_running_loop().run_in_executor(None, self._body.close)
                    raise
        block = self._batch.popleft() if self._batch else b""
        if not block:
            raise StopAsyncIteration
        return block

    def _read(self) -> None:
        until = time.monotonic() + _PATIENCE
        for block in self._body:
            self._batch.append(block)
            if len(self._batch) >= MOST or time.monotonic() > until:
                break

    def close(self) -> None:
        """Give back what the store's reader holds."""
        self._body.close()
