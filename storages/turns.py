"""Who changes one file takes turns with others, on one machine, where the store does not see to it.

Of two that update a file (modes a and r+), both would find it as they have read it, and the later
one would replace what the other has written. And Swift compares ``If-None-Match: *`` with what is
stored when an upload begins, not when it ends: of two uploads of a new name that overlap both are
accepted, and the later one replaces the other. A tracker of MogileFS renames and deletes whatever
has the number that a key's file had a moment before. So the threads and processes of one machine do
that one after the other; each holds a lock on an empty file in the temporary directory meanwhile.
The lock goes with the process that holds it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from storages import retry
from storages.errors import StorageError, Timeout

__all__ = ["taking"]

#: Seconds to wait for one's turn, and between two looks at a lock that another process holds.
LONGEST = 600.0
_PAUSES = (0.001, 0.02)
#: So many locks there are for all names.
_LOCKS = 4096

_threads = [threading.Lock() for _ in range(_LOCKS)]


@contextmanager
def taking(*name: str) -> Iterator[None]:
    """Let one thread of all processes of this user at a time do what is inside, for one name.

    ``name`` is what makes it one of its kind: the server, the container, the key. Others may have
    to wait for it, too. Raises Timeout.
    """
    digest = hashlib.sha256("\0".join(name).encode()).digest()
    number = int.from_bytes(digest[:4], "big") % _LOCKS
    until = time.monotonic() + retry.timeout(LONGEST)
    mine = _threads[number]
    if not mine.acquire(timeout=max(0.0, until - time.monotonic())):
        raise _waited()
    try:
        with _locked(number, until):
            yield
    finally:
        mine.release()


if sys.platform == "win32":

    @contextmanager
    def _locked(number: int, until: float) -> Iterator[None]:  # noqa: ARG001 - as below
        """Lock nothing: only threads take turns there."""
        yield

else:
    import fcntl

    @contextmanager
    def _locked(number: int, until: float) -> Iterator[None]:
        """Hold the lock of that number, for this process."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(_directory() / f"{number:03x}", flags, 0o600)
        try:
            _lock(descriptor, until)
            try:
                yield
            finally:
                # Said, not only closed: a child forked meanwhile has the file open, too.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _lock(descriptor: int, until: float) -> None:
        pause = _PAUSES[0]
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise _waited() from None
                time.sleep(pause)
                pause = min(2 * pause, _PAUSES[1])
            else:
                return

    def _directory() -> Path:
        """Return the directory of the locks: this user's own, so that nobody can put links."""
        user = os.getuid()
        parent = Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())
        directory = parent / f"django-storages-{user}"
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{directory}, where uploads take turns, cannot be made: {error.strerror}.",
                hint="Set FILE_UPLOAD_TEMP_DIR to a directory that this user may write to.",
            ) from error
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
            raise StorageError(
                f"{directory} is not this user's directory.",
                hint="Remove it, or set FILE_UPLOAD_TEMP_DIR.",
            )
        return directory


def _waited() -> Timeout:
    return Timeout("Other uploads of that name took too long.")


def _after_fork() -> None:
    # Other threads of the parent may hold some.
    _threads[:] = [threading.Lock() for _ in range(_LOCKS)]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
