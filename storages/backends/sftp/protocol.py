"""SFTP, version 3, on a channel of an SSH connection.

The draft that everybody implements is draft-ietf-secsh-filexfer-02; OpenSSH's additions are in the
file PROTOCOL of its source. Requests are numbered and may be sent before earlier ones are answered:
that is what makes transfers fast, and why this is not paramiko's SFTPClient, which waits for each
answer, keeps no status code and knows no extensions.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from storages import retry
from storages.errors import NotFound, PermissionDenied, StorageError, Timeout, Unavailable
from storages.libraries import library

__all__ = ["Attributes", "Failure", "Kind", "Session", "Unsupported", "text"]


class Kind(IntEnum):
    """What a message is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Open(IntEnum):
    """How a file is opened."""

    READ = 1
    WRITE = 2
    CREATE = 8
    EXCLUSIVE = 32


OK, END, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, _, LOST, UNSUPPORTED = range(9)
#: Lengths of reads and writes that every server takes; others must be asked for.
SAFE_LENGTH = 32 * 1024
#: So much is taken from the channel at once; it rarely has more.
_RECEIVED = 4 * 1024 * 1024
#: No answer is longer, unless the stream is out of step.
_LONGEST = 16 * 1024 * 1024


class Failure(StorageError):  # noqa: N818 - as the tree of storages.errors
    """The server says that it failed, and not why; ``code`` is the status."""

    reason = "The server refused, and did not say why."
    code = FAILURE


class Unsupported(Failure):
    """The server does not know such requests."""

    reason = "The server does not support the operation."
    code = UNSUPPORTED


def text(raw: bytes) -> str:
    """Return a name as it came, as text: names are UTF-8, what is not is kept apart."""
    return raw.decode("utf-8", "surrogateescape")


def string(data: bytes | str) -> bytes:
    """Return ``data`` as the protocol sends strings: its length, then the bytes."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return struct.pack(">I", len(raw)) + raw


@dataclass
class Attributes:
    """What is told of a file, or asked for; None: nothing is said."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    accessed: int | None = None
    modified: int | None = None

    def packed(self) -> bytes:
        """Return the attributes as the protocol sends them."""
        flags, fields = 0, b""
        if self.uid is not None and self.gid is not None:
            flags |= 2
            fields += struct.pack(">II", self.uid, self.gid)
        if self.mode is not None:
            flags |= 4
            fields += struct.pack(">I", self.mode)
        if self.accessed is not None and self.modified is not None:
            flags |= 8
            fields += struct.pack(">II", self.accessed, self.modified)
        return struct.pack(">I", flags) + fields


class Answer:
    """The body of an answer, read from its start."""

    def __init__(self, kind: int, body: bytes) -> None:
        self.kind = kind
        self._body = body
        self._position = 0

    def number(self) -> int:
        """Take a 32-bit number."""
        return self._unpacked(">I")

    def string(self) -> bytes:
        """Take a string."""
        length = self.number()
        start = self._position
        self._position += length
        if self._position > len(self._body):
            raise Unavailable("The server sent a message that ends too early.")
        return self._body[start : self._position]

    def view(self) -> memoryview:
        """Take a string, without a copy."""
        length = self.number()
        start = self._position
        self._position += length
        return memoryview(self._body)[start : self._position]

    def long(self) -> int:
        """Take a 64-bit number."""
        return self._unpacked(">Q")

    def attributes(self) -> Attributes:
        """Take a file's attributes."""
        flags = self.number()
        found = Attributes()
        if flags & 1:
            found.size = self.long()
        if flags & 2:
            found.uid, found.gid = self.number(), self.number()
        if flags & 4:
            found.mode = self.number()
        if flags & 8:
            found.accessed, found.modified = self.number(), self.number()
        if flags & 0x80000000:
            for _ in range(2 * self.number()):
                self.string()
        return found

    @property
    def rest(self) -> bool:
        """Whether something is left."""
        return self._position < len(self._body)

    def _unpacked(self, form: str) -> int:
        try:
            (value,) = struct.unpack_from(form, self._body, self._position)
        except struct.error as error:
            raise Unavailable("The server sent a message that ends too early.") from error
        self._position += struct.calcsize(form)
        return int(value)


class Session:
    """A dialogue with a server, from any thread.

    Arguments:
        channel: paramiko's, on which the server runs its subsystem ``sftp``.
        timeout: seconds that any answer may take.

    ``counts``, by kind, is what has been asked.

    """

    def __init__(self, channel: Any, timeout: float) -> None:
        self.counts: dict[Kind, int] = {}
        self._channel = channel
        self._timeout = timeout
        self._lock = threading.RLock()
        self._received = bytearray()
        self._last = 0
        self._expected: set[int] = set()
        self._answers: dict[int, Answer] = {}
        self._broken = False
        self._limits: tuple[int, int] | None = None
        self.extensions = dict(self._begin())
        # Asked now, and looked at when something large comes.
        self._asked_limits = (
            self.extended("limits@openssh.com") if "limits@openssh.com" in self.extensions else None
        )

    def _begin(self) -> Iterator[tuple[str, str]]:
        self._transmit(Kind.INIT, struct.pack(">I", 3))
        answer = self._next()
        if answer.kind != Kind.VERSION:
            raise Unavailable("The server does not speak SFTP.")
        answer.number()
        while answer.rest:
            name, version = answer.string(), answer.string()
            yield text(name), text(version)

    # ------------------------------------------------------- asking, in pairs

    def send(self, kind: Kind, *parts: bytes) -> int:
        """Send a request; return its number, for ``receive`` or ``forget``."""
        with self._lock:
            self._last = number = (self._last + 1) & 0xFFFFFFFF
            self._expected.add(number)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self._transmit(kind, struct.pack(">I", number), *parts)
            return number

    def receive(self, number: int) -> Answer:
        """Wait for the answer to a request; raise what the server says against it."""
        with self._lock:
            while number not in self._answers:
                if number not in self._expected:
                    raise Unavailable("The answer was given up.")
                self._take(self._next())
            answer = self._answers.pop(number)
        if answer.kind == Kind.STATUS:
            _raise_status(answer)
        return answer

    def has_answered(self, number: int) -> bool:
        """Tell whether the answer to a request has come already; do not wait for it."""
        with self._lock:
            while number not in self._answers and self._channel.recv_ready():
                self._take(self._next())
            return number in self._answers

    def forget(self, number: int) -> None:
        """Drop the answer to a request, now or when it comes."""
        with self._lock:
            self._expected.discard(number)
            self._answers.pop(number, None)

    def ask(self, kind: Kind, *parts: bytes) -> Answer:
        """Send a request and wait for its answer."""
        return self.receive(self.send(kind, *parts))

    # -------------------------------------------------------------- questions

    def open(self, path: str, flags: int, attributes: Attributes | None = None) -> bytes:
        """Open a file; return its handle."""
        packed = (attributes or Attributes()).packed()
        return self.ask(Kind.OPEN, string(path), struct.pack(">I", flags), packed).string()

    def stat(self, path: str, kind: Kind = Kind.STAT) -> Attributes:
        """Return what the server tells of a file; LSTAT: of the link itself."""
        return self.ask(kind, string(path)).attributes()

    def extended(self, name: str, *parts: bytes) -> int:
        """Send a request that is an extension; return its number."""
        return self.send(Kind.EXTENDED, string(name), *parts)

    def is_alive(self) -> None:
        """Ask for something small; raise Unavailable when no answer comes."""
        self.ask(Kind.REALPATH, string("."))

    @property
    def limits(self) -> tuple[int, int]:
        """How long a read and a write may be."""
        with self._lock:
            if self._limits is None:
                self._limits = SAFE_LENGTH, SAFE_LENGTH
            if self._asked_limits is not None:
                answer = self.receive(self._asked_limits)
                _, read, write, _ = (answer.long() for _ in range(4))
                self._limits = read or SAFE_LENGTH, write or SAFE_LENGTH
                self._asked_limits = None
            return self._limits

    # ------------------------------------------------------------ the channel

    def _transmit(self, kind: Kind, *parts: bytes) -> None:
        head = struct.pack(">IB", 1 + sum(len(part) for part in parts), kind)
        view = memoryview(b"".join((head, *parts)))
        while view:
            sent = self._through(self._channel.send, bytes(view[:SAFE_LENGTH]))
            if not sent:
                self._broken = True
                raise Unavailable("The server closed the connection.")
            view = view[sent:]

    def _next(self) -> Answer:
        """Return the next message of the server."""
        self._fill(4)
        (length,) = struct.unpack_from(">I", self._received)
        if not 0 < length < _LONGEST:
            raise Unavailable("The server's stream is out of step.")
        self._fill(4 + length)
        with memoryview(self._received) as view:
            answer = Answer(view[4], bytes(view[5 : 4 + length]))
        del self._received[: 4 + length]
        return answer

    def _fill(self, length: int) -> None:
        """Wait until so many bytes have come."""
        while len(self._received) < length:
            data = self._through(self._channel.recv, _RECEIVED)
            if not data:
                self._broken = True
                raise Unavailable("The server closed the connection.")
            self._received += data

    def _take(self, answer: Answer) -> None:
        number = answer.number()
        if number in self._expected:
            self._expected.remove(number)
            self._answers[number] = answer

    def _through(self, work: Callable[[Any], Any], argument: Any) -> Any:
        """Use the channel: after whatever it raises, nobody knows where the dialogue stands."""
        if self._broken:
            raise Unavailable("The connection is lost.")
        self._broken = True
        try:
            self._channel.settimeout(retry.timeout(self._timeout))
            done = work(argument)
        except TimeoutError as error:
            raise Timeout from error
        except (OSError, EOFError, library("paramiko", "sftp").SSHException) as error:
            raise Unavailable(
                f"The connection is lost: {str(error) or 'end of the stream'}."
            ) from error
        self._broken = False
        return done


def _raise_status(answer: Answer) -> None:
    """Raise what a status says, unless it says that all is well."""
    code = answer.number()
    if code == OK:
        return
    told = text(answer.string()) if answer.rest else ""
    if code == END:
        raise EOFError
    said = OSError(f"SFTP status {code}: {told or 'no reason given'}")
    if code == LOST:
        raise Unavailable("The server says that it lost its connection.") from said
    kinds: dict[int, type[StorageError]] = {
        NO_SUCH_FILE: NotFound,
        PERMISSION_DENIED: PermissionDenied,
        UNSUPPORTED: Unsupported,
    }
    error = kinds.get(code, Failure)()
    if isinstance(error, Failure):
        error.code = code
    raise error from said
