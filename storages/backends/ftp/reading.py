"""Reading: one transfer, from the offset that is wanted."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timezone

from storages.backends.ftp.connection import Connection
from storages.backends.ftp.inquiry import stat
from storages.backends.ftp.replies import Reply, refusal
from storages.connections import Lease
from storages.errors import Changed
from storages.readers import ChunkReader, Reader, Stat
from storages.retry import timeout

__all__ = ["Download", "open_read"]

# Seconds that the server's clock may be behind ours.
_SKEW = 10.0


def open_read(lease: Lease[Connection], key: str, offset: int, version: str | None) -> Reader:
    """Begin to read; the reader keeps the connection until it is done."""
    ftp = lease.connection
    path = ftp.path(key)
    found = stat(ftp, path)
    if version is not None and version != found.version:
        raise Changed
    if offset >= found.size:
        lease.give_back()
        return ChunkReader(found, ())
    begun = ftp.transfer(f"RETR {path}", offset)
    if isinstance(begun, Reply):
        # Gone since, or not to be read.
        stat(ftp, path)
        raise refusal(begun, path)
    data, reply = begun
    sizes = re.findall(r"\((\d+) bytes\)", reply.text)
    if sizes and int(sizes[-1]) not in {found.size, found.size - offset}:
        ftp.abandon(data)
        raise Changed
    return Download(lease, data, found, offset)


def _is_young(found: Stat) -> bool:
    """Tell whether the file may be replaced without its version telling, which counts in seconds.

    What ends early though the server has sent all of it may then be another file than the one that
    was asked about, and be replaced again: going on would append the end of a third.
    """
    if found.modified is None:
        return True
    return (datetime.now(timezone.utc) - found.modified).total_seconds() < _SKEW


class Download:
    """A transfer under way, from ``offset`` to the end of the file."""

    def __init__(
        self, lease: Lease[Connection], data: socket.socket, found: Stat, offset: int
    ) -> None:
        self.stat = found
        self._lease: Lease[Connection] | None = lease
        self._ftp = lease.connection
        self._data = data
        self._left = found.size - offset

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        if self._lease is None:
            return 0
        try:
            self._data.settimeout(timeout(self._ftp.place.timeout))
            count = self._data.recv_into(buffer[: self._left])
            self._left -= count
            if self._left == 0:
                self._check_end()
        except BaseException:
            self._data.close()
            self._give_back()
            raise
        if self._left == 0:
            self._ended()
        elif count == 0:
            self._ended_early()
        return count

    def close(self) -> None:
        """End the transfer."""
        if self._lease is None:
            return
        self._ftp.abandon(self._data)
        self._give_back()

    def _check_end(self) -> None:
        # Before the last block is handed out: a file that has grown is another one.
        if self._data.recv(1):
            raise Changed

    def _ended(self) -> None:
        # Everything is here, whatever the server says to it, or does not.
        self._ftp.abandon(self._data)
        self._give_back()

    def _ended_early(self) -> None:
        self._data.close()
        try:
            reply = self._ftp.final()
        finally:
            self._give_back()
        if not reply.is_positive:
            raise refusal(reply)
        if _is_young(self.stat):
            raise Changed

    def _give_back(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if self._ftp.in_step:
            lease.give_back()
        else:
            lease.drop()
