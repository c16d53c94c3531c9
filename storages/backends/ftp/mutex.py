"""A lock for one name, so that of many clients that create it one succeeds.

FTP has no "create, but do not replace". What it has is MKD, which fails when the directory exists:
a directory beside the file, with a hidden name that every client makes of the file's, is the lock.
Who holds it sees whether the name is free and renames his upload to it, within ``LEASE`` seconds,
or gives up. So a lock that is older than ``STALE`` seconds was left behind by a client that died:
it is removed. Ages are differences of the server's own times, so no clock needs to be right.
"""

from __future__ import annotations

import hashlib
import posixpath
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import TypeAlias

from storages.backends.ftp.connection import Connection
from storages.backends.ftp.inquiry import entries, is_directory, kind_of
from storages.backends.ftp.replies import Reply, refusal, why
from storages.errors import NotADirectory, PermissionDenied, StorageError, Timeout, Unavailable
from storages.retry import grace, sleep
from storages.staging import is_temporary, temporary_name

__all__ = [
    "LEASE",
    "STALE",
    "Again",
    "Lock",
    "is_reserved",
    "lock_name",
    "locked",
    "make_directories",
]

#: Seconds after which a holder gives up.
LEASE = 10.0
#: Seconds after which a lock is nobody's.
STALE = 30.0
# The same where the server shows times to the minute.
_STALE_BY_MINUTES = 120.0
_DAY = 86400.0
# How long a lock is waited for before its age is asked for, and between such questions.
_SUSPICIOUS = 5.0

# How often in a row a lock can neither be made nor seen, until that is a refusal.
_FEW, _MANY = 3, 30

#: Gives another connection, when the one at hand is of no more use.
Again: TypeAlias = Callable[[], AbstractContextManager[Connection]]


def lock_name(name: str) -> str:
    """Return the base name of the lock for a base name: hidden, like those of uploads."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f".storages-{digest}.tmp"


def is_reserved(name: str) -> bool:
    """Tell whether a base name is like one of ours, which is never shown."""
    return is_temporary(name)


class Lock:
    """A lock that is held since ``since`` (of ``time.monotonic``)."""

    def __init__(self, path: str, since: float) -> None:
        self.path = path
        self.since = since

    def check(self) -> None:
        """Raise Unavailable when so much time has passed that others may soon take the lock."""
        if time.monotonic() - self.since > LEASE:
            raise Unavailable("The server was too slow for a safe creation of the file.")


@contextmanager
def locked(ftp: Connection, path: str, again: Again) -> Iterator[Lock]:
    """Hold the lock for ``path``. Raises Unavailable when others hold it for too long."""
    directory, name = posixpath.split(path)
    lock = _acquired(ftp, posixpath.join(directory, lock_name(name)))
    try:
        yield lock
    finally:
        _release(ftp, lock, again)


def _acquired(ftp: Connection, path: str) -> Lock:
    begun = time.monotonic()
    asked, refused = begun, 0
    pause = 0.01
    while True:
        sent = time.monotonic()
        reply = ftp.ask(f"MKD {path}")
        if reply.is_positive:
            return Lock(path, sent)
        if not is_directory(ftp, path):
            # Released meanwhile, by one of many; or not to be made at all.
            refused += 1
            if refused > (_FEW if why(reply, path) is PermissionDenied else _MANY):
                raise refusal(reply, path)
            if refused == 1:
                make_directories(ftp, posixpath.dirname(path))
            elif not sleep(0.01):
                raise Timeout("The deadline has passed.")
            continue
        refused = 0
        waited = time.monotonic() - begun
        if waited > ftp.place.timeout:
            raise Unavailable(
                f"Another client has been creating this file for {waited:.0f} seconds.",
                hint=f"If none is, remove the directory {path!r} on the server.",
            )
        if time.monotonic() - asked > _SUSPICIOUS:
            with grace(2.0, ftp.place.timeout):  # what it makes is removed, also at the deadline
                _break_stale(ftp, path)
            asked = time.monotonic()
        # Spreads those who wait; no secret depends on it.
        if not sleep(pause * (0.5 + random.random())):  # noqa: S311
            raise Timeout("The deadline has passed.")
        pause = min(pause * 1.5, 0.25)


def _release(ftp: Connection, lock: Lock, again: Again) -> None:
    if time.monotonic() - lock.since > STALE:
        return  # it may be somebody else's by now
    with grace(), suppress(StorageError, OSError):
        if ftp.in_step:
            # Not repeated when the answer is lost: by then it may be somebody else's lock.
            ftp.ask(f"RMD {lock.path}")
            return
        ftp.close()
        with again() as other:
            other.ask(f"RMD {lock.path}")


def _break_stale(ftp: Connection, path: str) -> None:
    """Remove a lock that nobody holds; of those who find it stale, one at a time."""
    if not _is_stale(ftp, path, 1):
        return
    directory, name = posixpath.split(path)
    breaker = posixpath.join(directory, lock_name(name))
    if not ftp.ask(f"MKD {breaker}").is_positive:
        if _is_stale(ftp, breaker, 2):
            ftp.ask(f"RMD {breaker}")
        return
    try:
        # It may be a new one, of somebody who was quicker.
        if _is_stale(ftp, path, 1):
            ftp.ask(f"RMD {path}")
    finally:
        ftp.ask(f"RMD {breaker}")


def _is_stale(ftp: Connection, path: str, times: int) -> bool:
    """Compare the lock's age with that of a file made now."""
    directory, name = posixpath.split(path)
    probe = temporary_name()
    begun = ftp.transfer(f"STOR {posixpath.join(directory, probe)}")
    if isinstance(begun, Reply):
        raise refusal(begun, directory)
    ftp.finish(begun[0])
    try:
        found = {i.name: i for i in entries(ftp, directory) if i.name in {name, probe}}
    finally:
        ftp.ask(f"DELE {posixpath.join(directory, probe)}")
    if len(found) < 2:  # noqa: PLR2004 - gone
        return False
    exact = _age(found[name].modified, found[probe].modified)
    if exact is not None:
        return exact >= STALE * times
    rough = _age(found[name].printed, found[probe].printed)
    # No year is shown: in January, what is of last December seems to be of the next.
    return rough is not None and (rough >= _STALE_BY_MINUTES * times or rough < -_DAY)


def _age(then: datetime | None, now: datetime | None) -> float | None:
    return None if then is None or now is None else (now - then).total_seconds()


def make_directories(ftp: Connection, path: str) -> None:
    """Make a directory and those above it, where they are missing. Raises NotADirectory."""
    reply = ftp.ask(f"MKD {path}")
    if reply.is_positive or is_directory(ftp, path):
        return
    parent = posixpath.dirname(path)
    if parent != path:
        make_directories(ftp, parent)
        reply = ftp.ask(f"MKD {path}")
        if reply.is_positive or is_directory(ftp, path):
            return
    kind = kind_of(ftp, path)
    if kind == "file":
        raise NotADirectory
    if kind is None:
        raise refusal(reply, path)
