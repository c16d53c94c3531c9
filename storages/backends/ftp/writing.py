"""Writing: to a temporary name, seen to be whole, then renamed in one step."""

from __future__ import annotations

import posixpath
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from storages.backends.ftp.connection import Connection
from storages.backends.ftp.inquiry import is_free, kind_of, size_of, written
from storages.backends.ftp.integrity import Check
from storages.backends.ftp.mutex import Lock, locked, make_directories
from storages.backends.ftp.replies import Reply, refusal
from storages.errors import (
    AlreadyExists,
    IsADirectory,
    NotFound,
    StorageError,
)
from storages.retry import grace, timeout
from storages.staging import BLOCK, Source, temporary_name

if TYPE_CHECKING:
    from storages.backends.ftp.storage import FTPStorage

__all__ = ["move", "write"]

# Before so much is sent in vain, the server is asked whether the name is taken.
_LARGE = 1024 * 1024
# What a server says when a directory is missing, or may not be written to.
_NO_PLACE = frozenset({450, 550, 553})
# How often a directory is made that is not there a moment later.
_ATTEMPTS = 3


def write(storage: FTPStorage, key: str, source: Source, *, overwrite: bool) -> None:
    """Store ``source``, all or nothing."""
    with storage.connection() as ftp:
        path = ftp.path(key)
        directory = posixpath.dirname(path)
        draft = posixpath.join(directory, temporary_name())
        if not overwrite and source.size > _LARGE and not is_free(ftp, path):
            raise AlreadyExists
        try:
            _upload(ftp, draft, source)
            with _place(storage, ftp, path, overwrite=overwrite) as lock:
                if overwrite:
                    _renew(ftp, draft, path, source.size)
                try:
                    _rename(storage, ftp, draft, path, lock, overwrite=overwrite)
                except BaseException:
                    # Under the lock: a renaming that the server does late finds nothing then.
                    _discard(storage, ftp, draft)
                    draft = ""
                    raise
        except BaseException:
            if draft:
                _discard(storage, ftp, draft)
            raise


def move(storage: FTPStorage, key: str, target: str, *, overwrite: bool) -> None:
    """Rename a file."""
    with storage.connection() as ftp:
        path, to = ftp.path(key), ftp.path(target)
        kind = kind_of(ftp, path)
        if kind is None:
            raise NotFound
        if kind == "dir":
            raise IsADirectory
        with _place(storage, ftp, to, overwrite=overwrite) as lock:
            if overwrite:
                _renew(ftp, path, to, size_of(ftp, path))
            _rename(storage, ftp, path, to, lock, overwrite=overwrite)


@contextmanager
def _place(
    storage: FTPStorage, ftp: Connection, path: str, *, overwrite: bool
) -> Iterator[Lock | None]:
    """Make sure that ``path`` may be taken in the block. Raises AlreadyExists.

    Where all that is saved replaces what is there, nobody creates, and no lock is needed.
    """
    if overwrite and storage.overwrites:
        yield None
        return
    with locked(ftp, path, storage.connection) as lock:
        if not overwrite and not is_free(ftp, path):
            raise AlreadyExists
        yield lock


def _rename(  # noqa: PLR0913 - all of it decides
    storage: FTPStorage,
    ftp: Connection,
    path: str,
    target: str,
    lock: Lock | None,
    *,
    overwrite: bool,
) -> None:
    reply = ftp.ask(f"RNFR {path}")
    if not reply.is_positive:
        raise NotFound if kind_of(ftp, path) is None else refusal(reply, path)
    if lock is not None:
        lock.check()
    try:
        reply = ftp.ask(f"RNTO {target}")
    except OSError:
        if not _is_done(storage, ftp, path, target):
            raise
        return
    if not reply.is_positive:
        _rename_otherwise(ftp, path, target, reply, lock, overwrite=overwrite)


def _rename_otherwise(  # noqa: PLR0913 - likewise
    ftp: Connection,
    path: str,
    target: str,
    refused: Reply,
    lock: Lock | None,
    *,
    overwrite: bool,
) -> None:
    """Take the steps that a server wants first; or raise why it has refused to rename."""
    kind = kind_of(ftp, target)
    if kind == "dir":
        raise IsADirectory
    if kind == "file" and not overwrite:
        raise AlreadyExists  # made by a client that does not know the lock
    if kind_of(ftp, path) is None:
        raise NotFound  # deleted between the two commands
    if kind == "file":
        _replace(ftp, path, target, refused)
    elif lock is not None or not _rename_into_new(ftp, path, target):
        raise refusal(refused, target, unknown=StorageError)


def _rename_into_new(ftp: Connection, path: str, target: str) -> bool:
    """Rename into a directory that may be missing. A lock's is there, with the lock in it."""
    make_directories(ftp, posixpath.dirname(target))
    return _renamed(ftp, path, target)


def _is_done(storage: FTPStorage, ftp: Connection, path: str, target: str) -> bool:
    """Tell whether a renaming was done, whose answer was lost."""
    ftp.close()
    with grace(), suppress(StorageError, OSError), storage.connection() as other:
        return kind_of(other, path) is None and kind_of(other, target) == "file"
    return False


def _renew(ftp: Connection, path: str, target: str, size: int | None) -> None:
    """See to it that the file has another version than the one that it will replace.

    Servers tell a file from another by size and time, and the time in seconds: a reader would take
    what was replaced within a second for what he had begun to read. A number on the disk, where
    the server tells it (``unique``), does not help: disks give it to a new file again at once.
    """
    if size is None or size_of(ftp, target) != size:
        return
    old, new = written(ftp, target), written(ftp, path)
    if old is None or new is None or new > old:
        return
    later = (old + timedelta(seconds=1)).strftime("%Y%m%d%H%M%S")
    # Refused, it is as it is with all other clients of the server.
    ftp.ask(f"{'MFMT' if 'MFMT' in ftp.features else 'MDTM'} {later} {path}")


def _replace(ftp: Connection, path: str, target: str, refused: Reply) -> None:
    """Rename where the server does not replace: the old file steps aside, and comes back."""
    aside = posixpath.join(posixpath.dirname(target), temporary_name())
    if not _renamed(ftp, target, aside):
        raise refusal(refused, target)
    if not _renamed(ftp, path, target):
        if not _renamed(ftp, aside, target):
            raise StorageError(
                f"The server refused to rename, also back: the old file is {aside!r} now.",
            )
        raise refusal(refused, target)
    ftp.ask(f"DELE {aside}")


def _renamed(ftp: Connection, path: str, target: str) -> bool:
    return ftp.ask(f"RNFR {path}").is_positive and ftp.ask(f"RNTO {target}").is_positive


def _upload(ftp: Connection, draft: str, source: Source) -> None:
    begun = ftp.transfer(f"STOR {draft}")
    for _ in range(_ATTEMPTS):
        if not isinstance(begun, Reply):
            break
        if begun.code not in _NO_PLACE:
            raise refusal(begun, draft)
        # Again, where others delete the directory at the same time.
        make_directories(ftp, posixpath.dirname(draft))
        begun = ftp.transfer(f"STOR {draft}")
    if isinstance(begun, Reply):
        raise refusal(begun, draft)
    data, _ = begun
    check = Check(ftp)
    try:
        while block := source.read(BLOCK):
            check.update(block)
            view = memoryview(block)
            while view:
                # Not sendall(), whose timeout is for all of it: on a slow line that is too short.
                data.settimeout(timeout(ftp.place.timeout))
                view = view[data.send(view) :]
    except BaseException as error:
        if source.failure is None and isinstance(error, OSError):
            _explain(ftp, data, draft, error)
        ftp.abandon(data)
        raise
    reply = ftp.finish(data)
    if not reply.is_positive:
        raise refusal(reply, draft)
    check.confirm(draft)


def _explain(ftp: Connection, data: socket.socket, draft: str, error: OSError) -> NoReturn:
    """Raise why the server stopped taking content: a full disk, say, rather than a broken pipe."""
    data.close()
    if not isinstance(error, TimeoutError):
        reply = None
        with suppress(OSError, EOFError):
            reply = ftp.final(1.0)
        if reply is not None and not reply.is_positive:
            raise refusal(reply, draft) from error
    raise error


def _discard(storage: FTPStorage, ftp: Connection, draft: str) -> None:
    """Remove what was uploaded, by another connection if this one is of no more use."""
    with grace(), suppress(StorageError, OSError):
        if ftp.in_step:
            ftp.ask(f"DELE {draft}")
            return
        ftp.close()
        with storage.connection() as other:
            other.ask(f"DELE {draft}")
