"""Publishing: a whole file gets its name, in one step that no other writer can come between."""

from __future__ import annotations

import hashlib
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from storages import retry
from storages.backends.sftp.connecting import Connection
from storages.backends.sftp.messages import (
    Attributes,
    Failure,
    Kind,
    Open,
    Unsupported,
    string,
)
from storages.backends.sftp.reading import is_directory
from storages.backends.sftp.session import Session
from storages.causes import because_of
from storages.errors import (
    AlreadyExists,
    IsADirectory,
    NotFound,
    PermissionDenied,
    Timeout,
)
from storages.staging import temporary_name

__all__ = ["Publishing"]

#: Seconds after which a lock is one that a writer left behind when it died.
LOCK_AGE = 60
#: How often a name is asked for that was refused, and is free a moment later.
_ATTEMPTS = 5
#: Seconds between two looks at somebody's lock.
_PAUSE = 0.05


class Publishing:
    """How one server publishes; what is found out about it is kept.

    ``links``: whether the disk has hard links; None as long as nobody has tried.
    """

    def __init__(self) -> None:
        self.links: bool | None = None

    def publish(self, connection: Connection, path: str, target: str, *, overwrite: bool) -> None:
        """Give the file ``path`` the name ``target``."""
        if overwrite:
            self._replace(connection.session, path, target)
        else:
            self._create(connection, path, target)

    # ------------------------------------------------------------- replacing

    def _replace(self, session: Session, path: str, target: str) -> None:
        if "posix-rename@openssh.com" not in session.extensions:
            self._replace_in_turns(session, path, target)
            return
        try:
            session.receive(
                session.extended("posix-rename@openssh.com", string(path), string(target))
            )
        except (Failure, PermissionDenied) as error:
            with because_of(error):
                found = _found(session, target)
            if found is not None and is_directory(found):
                raise IsADirectory from error
            raise

    def _replace_in_turns(self, session: Session, path: str, target: str) -> None:
        """Replace without that extension: for a moment, there is no file of that name."""
        aside = posixpath.join(posixpath.dirname(target), temporary_name())
        with _locked(session, target):
            found = _found(session, target)
            if found is not None and is_directory(found):
                raise IsADirectory
            if found is not None:
                session.ask(Kind.RENAME, string(target), string(aside))
            try:
                session.ask(Kind.RENAME, string(path), string(target))
            except (Failure, PermissionDenied, NotFound) as error:
                if found is not None:
                    with because_of(error):
                        session.ask(Kind.RENAME, string(aside), string(target))
                raise
            if found is not None:
                session.forget(session.send(Kind.REMOVE, string(aside)))

    # -------------------------------------------------------------- creating

    def _create(self, connection: Connection, path: str, target: str) -> None:
        session = connection.session

        def rename() -> int:
            return session.send(Kind.RENAME, string(path), string(target))

        if self.links and connection.is_openssh:
            # OpenSSH renames by linking and unlinking where the disk can, else in two steps.
            self._ask(session, rename, target, _ATTEMPTS)
        elif not self._link(session, path, target):
            with _locked(session, target):
                if _found(session, target) is not None:
                    raise AlreadyExists
                # Somebody may have made a link, before it was found out that there are none.
                self._ask(session, rename, target)

    def _link(self, session: Session, path: str, target: str) -> bool:
        """Link the file to its new name and remove the old one; False: there are no links."""
        if self.links is False or "hardlink@openssh.com" not in session.extensions:
            return False
        names = string(path), string(target)
        try:
            self._ask(
                session,
                lambda: session.extended("hardlink@openssh.com", *names),
                target,
                _ATTEMPTS if self.links else 1,
            )
        except (Failure, PermissionDenied):
            # What servers say of a disk without links differs; a plain rename will tell more.
            self.links = False
            return False
        self.links = True
        with suppress(NotFound):  # a file that is moved may have been deleted since
            session.ask(Kind.REMOVE, string(path))
        return True

    def _ask(
        self, session: Session, send: Callable[[], int], target: str, attempts: int = 1
    ) -> None:
        """Send a request and wait for the answer; a failure may mean that the name is taken."""
        for left in reversed(range(attempts)):
            try:
                session.receive(send())
            except (Failure, PermissionDenied) as error:
                with because_of(error):
                    found = _found(session, target)
                if found is not None:
                    raise AlreadyExists from error
                # Perhaps it was taken, by a file that has been deleted since.
                if not left or isinstance(error, (Unsupported, PermissionDenied)):
                    raise
            else:
                return


def _found(session: Session, path: str) -> Attributes | None:
    """Return what is there under that name, be it a link; None: nothing."""
    try:
        return session.stat(path, Kind.LSTAT)
    except NotFound:
        return None


@contextmanager
def _locked(session: Session, target: str) -> Iterator[None]:
    """Keep other writers of ``target`` out, by a file that only one of them can make.

    Its name is a temporary's, so that it is never listed. One that is older than LOCK_AGE is
    removed: whoever made it died.
    """
    name = hashlib.sha256(posixpath.basename(target).encode("utf-8", "surrogateescape"))
    lock = posixpath.join(posixpath.dirname(target), f".storages-{name.hexdigest()[:16]}.tmp")
    flags = Open.WRITE | Open.CREATE | Open.EXCLUSIVE
    began = time.monotonic()
    then: int | None = None
    while True:
        try:
            handle = session.open(lock, flags)
            break
        except Failure as error:
            with because_of(error):
                found = _found(session, lock)
        then = _time(session, posixpath.dirname(target)) if then is None else then
        waited = time.monotonic() - began
        if found is not None and (found.modified or 0) + LOCK_AGE < then + waited:
            session.forget(session.send(Kind.REMOVE, string(lock)))
        elif waited > LOCK_AGE or not retry.sleep(_PAUSE):
            raise Timeout("Another writer of that name does not come to an end.")
    session.give_back(handle)
    try:
        yield
    finally:
        # Waited for: a connection that is closed now would take the request with it.
        with suppress(Failure, NotFound, PermissionDenied):
            session.ask(Kind.REMOVE, string(lock))


def _time(session: Session, directory: str) -> int:
    """Return the server's time: that of a file made now."""
    probe = posixpath.join(directory, temporary_name())
    session.give_back(session.open(probe, Open.WRITE | Open.CREATE | Open.EXCLUSIVE))
    try:
        return session.stat(probe, Kind.LSTAT).modified or 0
    finally:
        session.ask(Kind.REMOVE, string(probe))
