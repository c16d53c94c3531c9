"""The messages of SFTP, version 3: what is sent, what comes back, what a status means.

The draft that everybody implements is draft-ietf-secsh-filexfer-02.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from storages.errors import NotFound, PermissionDenied, StorageError, Unavailable

__all__ = [
    "BAD_MESSAGE",
    "Answer",
    "Attributes",
    "Failure",
    "Kind",
    "Open",
    "Unsupported",
    "string",
    "text",
]


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
_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 1, 2, 4, 8, 0x80000000


class Failure(StorageError):  # noqa: N818 - as the tree of storages.errors
    """The server says that it failed, and not why; ``code`` is the status."""

    reason = "The server refused, and did not say why."

    def __init__(self, *args: Any, code: int = FAILURE, **more: Any) -> None:
        super().__init__(*args, **more)
        self.code = code


class Unsupported(Failure):
    """The server does not know such requests."""

    reason = "The server does not support the operation."


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
            flags |= _OWNER
            fields += struct.pack(">II", self.uid, self.gid)
        if self.mode is not None:
            flags |= _MODE
            fields += struct.pack(">I", self.mode)
        if self.accessed is not None and self.modified is not None:
            flags |= _TIMES
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
        return bytes(self.view())

    def view(self) -> memoryview:
        """Take a string, without a copy."""
        length = self.number()
        start = self._position
        self._position += length
        if self._position > len(self._body):
            raise Unavailable("The server sent a message that ends too early.")
        return memoryview(self._body)[start : self._position]

    def long(self) -> int:
        """Take a 64-bit number."""
        return self._unpacked(">Q")

    def attributes(self) -> Attributes:
        """Take a file's attributes."""
        flags = self.number()
        found = Attributes()
        if flags & _SIZE:
            found.size = self.long()
        if flags & _OWNER:
            found.uid, found.gid = self.number(), self.number()
        if flags & _MODE:
            found.mode = self.number()
        if flags & _TIMES:
            found.accessed, found.modified = self.number(), self.number()
        if flags & _EXTENDED:
            for _ in range(2 * self.number()):
                self.string()
        return found

    def succeeded(self) -> Answer:
        """Return the answer itself; raise what it says if it is a status that tells a failure."""
        if self.kind == Kind.STATUS:
            _raise_status(self)
        return self

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


def _raise_status(answer: Answer) -> None:
    """Raise what a status says, unless it says that all is well."""
    code = answer.number()
    if code == OK:
        return
    told = text(answer.string()) if answer.rest else ""
    if code == END:
        raise EOFError
    said = OSError(f"SFTP status {code}: {told or 'no reason given'}")
    # Not by way of a variable: an error that its own traceback holds lives until the garbage
    # collector comes, and with it what uses the connection.
    if code == LOST:
        raise Unavailable("The server says that it lost its connection.") from said
    if code == NO_SUCH_FILE:
        raise NotFound from said
    if code == PERMISSION_DENIED:
        raise PermissionDenied from said
    if code == UNSUPPORTED:
        raise Unsupported from said
    raise Failure(code=code) from said
