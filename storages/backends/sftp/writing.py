"""Writing: a file is sent under a temporary name, and published under its own when it is whole."""

from __future__ import annotations

import posixpath
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from storages.backends.sftp.connecting import Connection
from storages.backends.sftp.messages import (
    BAD_MESSAGE,
    Attributes,
    Failure,
    Kind,
    Open,
    Unsupported,
    string,
)
from storages.backends.sftp.publishing import Publishing
from storages.backends.sftp.reading import is_directory, judge
from storages.backends.sftp.session import Session
from storages.causes import because_of
from storages.errors import (
    AlreadyExists,
    Corrupt,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Unavailable,
)
from storages.staging import Source, temporary_name

__all__ = ["Writer"]

T = TypeVar("T")
#: So many bytes may be on their way, unanswered.
MOST_UNANSWERED = 8 * 1024 * 1024
#: Content above this is not sent before the name has been found free.
ASKED_FIRST = 1024 * 1024
#: What the server copies in one request, which it must answer before the timeout.
COPIED = 64 * 1024 * 1024
#: A file whose time lies further in the future has it from elsewhere, in seconds.
MOST_YOUNGER = 60
#: Of a write, so much is not content; seven of SSH's packets are filled exactly.
_PACKET = 32 * 1024 - 64
_HEADER = 64
_READ_ONLY = 1
#: How often directories are made that are not there a moment later.
_ATTEMPTS = 5


@dataclass
class Draft:
    """A file under a temporary name; ``handle`` is None once it is closed."""

    path: str
    handle: bytes | None = None

    @property
    def packed(self) -> bytes:
        """The handle, as the protocol sends it."""
        return string(self.handle or b"")


@dataclass
class Writer:
    """Makes files and directories on one server, below one root."""

    root: str
    file_mode: int | None
    dir_mode: int | None
    uid: int | None
    gid: int | None
    publishing: Publishing = field(default_factory=Publishing)
    #: Temporary files that are left, since the connection was lost.
    orphans: set[str] = field(default_factory=set)

    def write(self, connection: Connection, path: str, source: Source, *, overwrite: bool) -> None:
        """Store ``source`` under ``path``."""
        session = connection.session
        large = not overwrite and source.size > ASKED_FIRST
        taken = (session.send(Kind.LSTAT, string(path)),) if large else ()
        try:
            with self._draft(session, path) as draft:
                for number in taken:
                    _expect_missing(session, number)
                try:
                    writes = _send(session, draft, source)
                    self._finish(session, draft, writes, source.size, path if overwrite else None)
                except Failure as error:
                    raise _explained(session, draft.path, error) from error
                self.publishing.publish(connection, draft.path, path, overwrite=overwrite)
        finally:
            session.forget(*taken)

    def copy(self, connection: Connection, path: str, target: str, *, overwrite: bool) -> None:
        """Have the server copy a file, with the extension ``copy-data``."""
        session = connection.session
        handle = session.open(path, Open.READ)
        try:
            found = session.ask(Kind.FSTAT, string(handle)).attributes()
            judge(found)
            size = found.size or 0
            with self._draft(session, target) as draft:
                for start in range(0, size, COPIED):
                    length = min(COPIED, size - start)
                    request = session.extended(
                        "copy-data",
                        string(handle),
                        struct.pack(">QQ", start, length),
                        draft.packed,
                        struct.pack(">Q", start),
                    )
                    try:
                        session.receive(request)
                    except Failure as error:
                        raise _explained(session, draft.path, error) from error
                self._finish(session, draft, (), size, target if overwrite else None)
                self.publishing.publish(connection, draft.path, target, overwrite=overwrite)
        finally:
            session.give_back(handle)

    def move(self, connection: Connection, path: str, target: str, *, overwrite: bool) -> None:
        """Rename a file, whose directory may have to be made first."""
        self._with_directories(
            connection.session,
            target,
            lambda: self.publishing.publish(connection, path, target, overwrite=overwrite),
        )

    # ------------------------------------------------------------- the draft

    @contextmanager
    def _draft(self, session: Session, path: str) -> Iterator[Draft]:
        """Make a temporary file beside ``path``, and remove it unless it was published."""
        for orphan in tuple(self.orphans):
            self.orphans.discard(orphan)
            session.forget(session.send(Kind.REMOVE, string(orphan)))
        draft = Draft(posixpath.join(posixpath.dirname(path), temporary_name()))
        flags = Open.WRITE | Open.CREATE | Open.EXCLUSIVE
        asked = Attributes(mode=self.file_mode)
        try:
            draft.handle = self._with_directories(
                session, draft.path, lambda: session.open(draft.path, flags, asked)
            )
            yield draft
        except BaseException:
            self._discard(session, draft)
            raise

    def _discard(self, session: Session, draft: Draft) -> None:
        try:
            if draft.handle is not None:
                session.give_back(draft.handle)
            session.ask(Kind.REMOVE, string(draft.path))
        except NotFound:
            return  # it was never made
        except StorageError:
            self.orphans.add(draft.path)

    def _finish(
        self,
        session: Session,
        draft: Draft,
        writes: Iterable[int],
        size: int,
        replaced: str | None,
    ) -> None:
        """Give the file its owner and mode, see that all of it is there, and close it.

        It gets a version that differs from that of the file which it will replace.
        """
        requests = [
            *writes,
            *(
                session.send(Kind.FSETSTAT, draft.packed, wanted.packed())
                for wanted in self._wanted(
                    self.file_mode, lambda: session.ask(Kind.FSTAT, draft.packed).attributes()
                )
            ),
            session.send(Kind.FSTAT, draft.packed),
            session.send(Kind.CLOSE, draft.packed),
        ]
        draft.handle = None
        old = () if replaced is None else (session.send(Kind.LSTAT, string(replaced)),)
        try:
            found = session.receive_all(requests)[-2].attributes()
            for number in old:
                _distinguish(session, draft, found, number)
        finally:
            session.forget(*old)
        if found.size is not None and found.size != size:
            raise Corrupt(f"Of {size} bytes, the server stored {found.size}.")

    def _wanted(self, mode: int | None, ask: Callable[[], Attributes]) -> Iterator[Attributes]:
        """Yield what is to be set on something new: the owner first, which may undo the mode."""
        uid, gid = self.uid, self.gid
        if uid is not None or gid is not None:
            if uid is None or gid is None:
                found = ask()
                uid, gid = (
                    found.uid if uid is None else uid,
                    found.gid if gid is None else gid,
                )
            yield Attributes(uid=uid, gid=gid)
        if mode is not None:
            yield Attributes(mode=mode)

    # ----------------------------------------------------------- directories

    def _with_directories(self, session: Session, path: str, work: Callable[[], T]) -> T:
        """Do what needs the directory of ``path``; make that when it turns out to be missing."""
        failures: dict[str, StorageError] = {}
        for left in reversed(range(_ATTEMPTS)):
            try:
                return work()
            except NotFound as error:
                missing = error.with_traceback(None)
            except Failure as error:
                raise _explained(session, path, error) from error
            if left:  # again, where others delete it at the same time
                failures = self._make_directories(session, path)
        self._judge_directories(session, failures)
        raise missing

    def _directories(self, path: str) -> list[str]:
        """Return the directories of ``path``, from the root on; none above it."""
        found = []
        directory = posixpath.dirname(path)
        while directory not in {"", "/"} and len(directory) > len(self.root):
            found.append(directory)
            directory = posixpath.dirname(directory)
        if self.root not in {"", "/", "."}:
            found.append(self.root)
        return found[::-1]

    def _make_directories(self, session: Session, path: str) -> dict[str, StorageError]:
        """Make the directories of ``path``, in one round trip; return what the server said."""
        asked = Attributes(mode=self.dir_mode)
        requests = [
            (directory, session.send(Kind.MKDIR, string(directory), asked.packed()))
            for directory in self._directories(path)
        ]
        failures, made = {}, []
        for directory, request in requests:
            try:
                session.receive(request)
            except Unavailable:
                raise
            except StorageError as error:  # mostly: it is there already
                failures[directory] = error.with_traceback(None)
            else:
                made.append(directory)
        for directory in made:
            name = string(directory)
            wanted = self._wanted(self.dir_mode, partial(session.stat, directory))
            for request in [session.send(Kind.SETSTAT, name, each.packed()) for each in wanted]:
                session.receive(request)
        return failures

    def _judge_directories(self, session: Session, failures: dict[str, StorageError]) -> None:
        """Raise what is wrong with the first directory that could not be made and is not there."""
        for directory, failure in failures.items():
            try:
                found = session.stat(directory)
            except NotFound:
                if directory == self.root and isinstance(failure, NotFound):
                    raise NotFound(
                        f"The directory that root_path {self.root!r} lies in does not exist.",
                        hint="Make it on the server: nothing above root_path is made.",
                    ) from failure
                raise failure from None
            if not is_directory(found):
                raise NotADirectory from failure


def _send(session: Session, draft: Draft, source: Source) -> Iterable[int]:
    """Send the content, many writes at a time; return those that are not answered yet."""
    length = session.limits[1]
    if length > _PACKET:
        length = length // _PACKET * _PACKET - _HEADER
    unanswered: deque[int] = deque()
    most = MOST_UNANSWERED // length
    offset = 0
    try:
        for chunk in source.chunks(length):
            head = struct.pack(">QI", offset, len(chunk))
            unanswered.append(session.send(Kind.WRITE, draft.packed, head, chunk))
            offset += len(chunk)
            while len(unanswered) > most or session.has_answered(unanswered[0]):
                session.receive(unanswered.popleft())
                if not unanswered:
                    break
    except BaseException:
        session.forget(*unanswered)
        raise
    return unanswered


def _distinguish(session: Session, draft: Draft, new: Attributes, old_request: int) -> None:
    """Let the new file be younger than the old one: times are whole seconds, and the version."""
    try:
        old = session.receive(old_request).attributes()
    except NotFound:
        return
    if old.modified is None or new.modified is None:
        return
    if 0 <= old.modified - new.modified < MOST_YOUNGER:
        times = Attributes(accessed=new.accessed, modified=old.modified + 1)
        with suppress(Failure, PermissionDenied):  # a server that sets no times
            session.ask(Kind.SETSTAT, string(draft.path), times.packed())


def _expect_missing(session: Session, request: int) -> None:
    try:
        session.receive(request)
    except NotFound:
        return
    raise AlreadyExists


def _explained(session: Session, path: str, error: Failure) -> StorageError:
    """Find out why: the protocol has one status for a full disk and for all else."""
    if isinstance(error, Unsupported) or "statvfs@openssh.com" not in session.extensions:
        return error
    if error.code == BAD_MESSAGE:
        return error
    try:
        directory = posixpath.dirname(path) or "."
        with because_of(error):
            answer = session.receive(session.extended("statvfs@openssh.com", string(directory)))
    except (Failure, NotFound, PermissionDenied):
        return error
    told = [answer.long() for _ in range(11)]
    block, blocks, files, free_files, flags = told[1], told[4], told[5], told[7], told[9]
    if flags & _READ_ONLY:
        return PermissionDenied("The server's disk is mounted read-only.")
    if blocks * block < session.limits[1] or (files and not free_files):
        return StorageFull("The server's disk is full.")
    return error
