"""What comes from a server, waited for no longer than the deadline leaves."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from storages import retry

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Incoming", "Receiver"]


class Incoming(io.RawIOBase):
    """What comes from a server: waited for, each time, no longer than the deadline leaves.

    A timeout of the socket's would begin anew with each byte of a line that comes slowly.
    """

    def __init__(self, sock: Any, patience: Callable[[], float]) -> None:
        super().__init__()
        self._socket = sock
        self._patience = patience
        self._most: float | None = None
        self._bounded = False
        # Keeps the socket open for who reads, when the connection has been closed.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return True."""
        return True

    def wait_at_most(self, seconds: float) -> None:
        """Do not wait longer than that any more."""
        self._most = seconds

    def readinto(self, buffer: Buffer) -> int | None:
        """Fill ``buffer`` from the start with what has come. Raises TimeoutError."""
        bounded = self._most is not None or retry.remaining() is not None
        if bounded or self._bounded:
            seconds = self._patience()
            self._socket.settimeout(seconds if self._most is None else min(seconds, self._most))
            self._bounded = bounded
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        """Let the socket go."""
        if not self.closed:
            self._file.close()
        super().close()


class Receiver:
    """A socket, as far as http.client's answers use it: ``patience`` bounds each wait."""

    def __init__(self, sock: Any, patience: Callable[[], float]) -> None:
        self.incoming = Incoming(sock, patience)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - of http.client
        """Return what the answer is read from."""
        return io.BufferedReader(self.incoming)
