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
    """A hash of hashlib's; at most two batches of content are held.

    MD5 is slower than a fast network, so it would otherwise decide how fast a transfer is. hashlib
    lets other threads run while it works.
    """

    def __init__(self, algorithm: str) -> None:
        self._hash: Any = hashlib.new(algorithm, usedforsecurity=False)
        self._waiting: list[bytes] = []
        self._size = 0
        self._running: threading.Thread | None = None

    def update(self, data: bytes) -> None:
        """Add ``data``, which must not change afterwards."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _BATCH:
            self._join()
            self._running = threading.Thread(target=self._add, args=(self._take(),), daemon=True)
            self._running.start()

    def digest(self) -> bytes:
        """Return the hash of what was added."""
        self._join()
        self._add(self._take())
        found: bytes = self._hash.digest()
        return found

    def hexdigest(self) -> str:
        """Return it in hexadecimal."""
        return self.digest().hex()

    def _take(self) -> list[bytes]:
        taken, self._waiting, self._size = self._waiting, [], 0
        return taken

    def _add(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)

    def _join(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.join()
