"""Hashes that are computed while the content moves, on another core where there is one."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from storages.staging import BLOCK

__all__ = ["Digest"]

#: So much is hashed at once by a thread that ends with it: none is left for a fork to meet. Less is
#: not worth a thread.
_BATCH = 16 * BLOCK


class Digest:
    """A hash of hashlib's of ``size`` bytes; at most two batches of content are held.

    MD5 is slower than a fast network, so it would otherwise decide how fast a transfer is. hashlib
    lets other threads run while it works. ``size`` may be wrong: it says how much room to make.
    """

    def __init__(self, algorithm: str, size: int = _BATCH) -> None:
        self._hash: Any = hashlib.new(algorithm, usedforsecurity=False)
        self._room = max(1, min(size, _BATCH))
        # Filled and hashed by turns: new memory for each batch would cost more than the copying.
        self._filling: memoryview | None = None
        self._spare: memoryview | None = None
        self._filled = 0
        self._running: threading.Thread | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Add ``data``, which may change afterwards."""
        rest = memoryview(data)
        while rest:
            if self._filling is None:
                self._filling = memoryview(bytearray(self._room))
            part = rest[: self._room - self._filled]
            rest = rest[len(part) :]
            self._filling[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if self._filled == self._room:
                self._hand_over(self._filling)

    def digest(self) -> bytes:
        """Return the hash of what was added."""
        self._join()
        if self._filling is not None:
            self._hash.update(self._filling[: self._filled])
            self._filled = 0
        found: bytes = self._hash.digest()
        return found

    def hexdigest(self) -> str:
        """Return it in hexadecimal."""
        return self.digest().hex()

    def _hand_over(self, batch: memoryview) -> None:
        self._join()
        self._filling, self._spare, self._filled = self._spare, batch, 0
        if self._room < _BATCH:
            self._hash.update(batch)
            return
        self._running = threading.Thread(target=self._hash.update, args=(batch,), daemon=True)
        self._running.start()

    def _join(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.join()
