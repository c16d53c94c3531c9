"""Reading: a handle, which stays with the file that was opened, and reads ahead of the reader."""

from __future__ import annotations

import stat as modes
import struct
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone

from storages.backends.sftp.connecting import Connection
from storages.backends.sftp.messages import Attributes, Kind, Open, string
from storages.connections import PerThread
from storages.errors import Changed, IsADirectory, StorageError, Unavailable
from storages.readers import Stat

__all__ = ["SFTPReader", "described", "is_directory", "judge"]

#: The first read asks for so much: what small files have, and little of a large one.
FIRST = 32 * 1024
#: So many bytes may be asked for at once, when everything is read in order: a round trip of 20 ms
#: at 200 MB/s.
MOST_AHEAD = 4 * 1024 * 1024


def described(found: Attributes) -> Stat:
    """Return what the server tells of a file; the times are whole seconds."""
    modified = _moment(found.modified)
    return Stat(
        size=found.size or 0,
        modified=modified,
        accessed=_moment(found.accessed),
        created=modified,
        version=f"{found.modified}-{found.size}",
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)


def is_directory(found: Attributes) -> bool:
    """Tell whether it is a directory; what the server does not tell is a file."""
    return modes.S_ISDIR(found.mode or 0)


def judge(found: Attributes) -> None:
    """Raise IsADirectory for a directory, StorageError for what else is no file."""
    if is_directory(found):
        raise IsADirectory
    if found.mode and modes.S_IFMT(found.mode) and not modes.S_ISREG(found.mode):
        raise StorageError("It is not a file, but a pipe, a socket or a device.")


@dataclass
class _Asked:
    """A read that has been asked for."""

    number: int
    offset: int
    length: int


class SFTPReader:
    """A file on the server, open for reading.

    The server's handle stays with the file that was opened: after an overwrite it still gives the
    old bytes, wherever one seeks. Reads are sent ahead, twice as much with each that turns out to
    be wanted; a seek elsewhere begins anew.
    """

    def __init__(
        self, pool: PerThread[Connection], connection: Connection, path: str, at: int
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._session = connection.session
        self._asked: deque[_Asked] = deque()
        self._ahead = FIRST
        self._rest = memoryview(b"")
        self._most = 0
        self._position = self._next = at
        session = self._session
        self._handle: bytes | None = session.open(path, Open.READ)
        try:
            told = session.send(Kind.FSTAT, string(self._handle))
            self._ask(at, FIRST)
            found = session.receive(told).attributes()
            judge(found)
        except BaseException:
            self.close()
            raise
        self.stat = described(found)

    def check(self, version: str | None) -> None:
        """Raise Changed unless this is that version."""
        if version is not None and self.stat.version != version:
            self.close()
            raise Changed

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if not self._rest:
            with self._pool.hold(self._connection):
                self._receive()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        ahead = offset - self._position
        if 0 <= ahead <= len(self._rest):
            self._rest = self._rest[ahead:]
            self._position = offset
            return
        self._rest = memoryview(b"")
        while self._asked and not (
            self._asked[0].offset <= offset < self._asked[0].offset + self._asked[0].length
        ):
            self._session.forget(self._asked.popleft().number)
        if not self._asked:
            self._ahead = FIRST
            self._next = offset
        self._position = offset

    def close(self) -> None:
        """Give the handle back, without waiting for the answer."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._forget_asked()
            self._session.give_back(handle)

    def _forget_asked(self) -> None:
        self._session.forget(*(asked.number for asked in self._asked))
        self._asked.clear()

    def _receive(self) -> None:
        """Take the next answer, and ask for what may be wanted after it."""
        if self._handle is None:
            raise Unavailable("The file was closed.")
        size = self.stat.size
        if not self._asked and self._position < size:
            self._ask(self._position, self._ahead)
        if not self._asked:
            return
        asked = self._asked.popleft()
        self._fill(size)
        try:
            data = self._session.receive(asked.number).view()
        except EOFError:
            return
        if len(data) < asked.length and asked.offset + len(data) < size:
            # A server may send less than it was asked for, and will do so again.
            self._most = len(data)
            rest = asked.offset + len(data)
            self._forget_asked()
            self._next = rest
        self._rest = data[self._position - asked.offset :]

    def _fill(self, size: int) -> None:
        """Ask ahead, and double how far."""
        self._ahead = min(2 * self._ahead, MOST_AHEAD)
        waiting = sum(asked.length for asked in self._asked)
        most = FIRST if self._ahead <= FIRST * 4 else self._session.limits[0]
        most = min(most, self._most or most)
        while self._next < size and waiting < self._ahead:
            length = min(most, size - self._next)
            self._ask(self._next, length)
            waiting += length

    def _ask(self, offset: int, length: int) -> None:
        number = self._session.send(
            Kind.READ, string(self._handle or b""), struct.pack(">QI", offset, length)
        )
        self._asked.append(_Asked(number, offset, length))
        self._next = offset + length
