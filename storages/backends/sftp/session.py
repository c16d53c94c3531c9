"""A dialogue in SFTP, version 3, on a channel of an SSH connection.

Requests are numbered and may be sent before earlier ones are answered: that is what makes transfers
fast, and why this is not paramiko's SFTPClient, which waits for each answer, keeps no status code
and knows no extensions. Those of OpenSSH are described in the file PROTOCOL of its source.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from storages import retry
from storages.backends.sftp.messages import Answer, Attributes, Kind, string, text
from storages.errors import StorageError, Timeout, Unavailable
from storages.libraries import library

__all__ = ["SAFE_LENGTH", "Session"]

#: Lengths of reads and writes that every server takes; others must be asked for.
SAFE_LENGTH = 32 * 1024
#: So much is taken from the channel at once; it rarely has more.
_RECEIVED = 4 * 1024 * 1024
#: No answer is longer, unless the stream is out of step.
_LONGEST = 16 * 1024 * 1024


class Session:
    """A dialogue with a server, from any thread.

    Arguments:
        channel: paramiko's, on which the server runs its subsystem ``sftp``.
        timeout: seconds that any answer may take.

    ``extensions`` are what the server adds to the protocol, by name; ``counts`` is, by kind, what
    has been asked.

    """

    def __init__(self, channel: Any, timeout: float) -> None:
        self.counts: dict[Kind, int] = {}
        self._limits = SAFE_LENGTH, SAFE_LENGTH
        self._limits_asked: int | None = None
        self._channel = channel
        self._timeout = timeout
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._broken = False
        self._received = bytearray()
        self._last = 0
        self._expected: set[int] = set()
        self._answers: dict[int, Answer] = {}
        self._forgotten: deque[int] = deque()
        self._unwanted: deque[bytes] = deque()
        self.extensions = dict(self._begin())
        if "limits@openssh.com" in self.extensions:
            self._limits_asked = self.extended("limits@openssh.com")

    def _begin(self) -> Iterator[tuple[str, str]]:
        self._transmit(Kind.INIT, struct.pack(">I", 3))
        answer = self._next()
        if answer.kind != Kind.VERSION:
            raise Unavailable("The server does not speak SFTP.")
        answer.number()
        while answer.rest:
            name, version = answer.string(), answer.string()
            yield text(name), text(version)

    @property
    def limits(self) -> tuple[int, int]:
        """How long a read and a write may be; the server was asked when the dialogue began."""
        asked, self._limits_asked = self._limits_asked, None
        if asked is not None:
            answer = self.receive(asked)
            _, read, write, _ = (answer.long() for _ in range(4))
            self._limits = read or SAFE_LENGTH, write or SAFE_LENGTH
        return self._limits

    # ---------------------------------------------------- asking and answering

    def send(self, kind: Kind, *parts: bytes) -> int:
        """Send a request; return its number, for ``receive`` or ``forget``."""
        with self._lock:
            self._tidy_up()
            return self._send(kind, *parts)

    def receive(self, number: int) -> Answer:
        """Wait for the answer to a request; raise what the server says against it."""
        with self._lock:
            while number not in self._answers:
                self._take(self._next())
            answer = self._answers.pop(number)
        return answer.succeeded()

    def receive_all(self, numbers: Iterable[int]) -> list[Answer]:
        """Wait for the answers to several requests; after a failure, drop the others."""
        waiting = deque(numbers)
        try:
            return [self.receive(waiting.popleft()) for _ in range(len(waiting))]
        finally:
            self.forget(*waiting)

    def has_answered(self, number: int) -> bool:
        """Tell whether the answer to a request has come already; do not wait for it."""
        with self._lock:
            while number not in self._answers and self._channel.recv_ready():
                self._take(self._next())
            return number in self._answers

    def ask(self, kind: Kind, *parts: bytes) -> Answer:
        """Send a request and wait for its answer."""
        return self.receive(self.send(kind, *parts))

    # These two may be called anywhere, by the garbage collector even in the middle of a message:
    # they wait for nothing.

    def forget(self, *numbers: int) -> None:
        """Drop the answers to requests, whether they have come or not."""
        self._forgotten.extend(numbers)

    def give_back(self, handle: bytes) -> None:
        """Close a handle, now or with the next request; it does not matter how that ends."""
        if os.getpid() != self._process:
            return  # it is the parent's, and so is the dialogue
        self._unwanted.append(handle)
        if self._lock.acquire(blocking=False):
            try:
                with suppress(StorageError):
                    self._tidy_up()
            finally:
                self._lock.release()

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

    def is_alive(self) -> bool:
        """Ask for something small; tell whether an answer comes."""
        try:
            self.ask(Kind.REALPATH, string("."))
        except Unavailable:
            return False
        return True

    # -------------------------------- the channel; whoever calls has the lock

    def _tidy_up(self) -> None:
        while self._forgotten:
            number = self._forgotten.popleft()
            self._expected.discard(number)
            self._answers.pop(number, None)
        while self._unwanted:
            self._forgotten.append(self._send(Kind.CLOSE, string(self._unwanted.popleft())))

    def _send(self, kind: Kind, *parts: bytes) -> int:
        self._last = number = (self._last + 1) & 0xFFFFFFFF
        self._expected.add(number)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._transmit(kind, struct.pack(">I", number), *parts)
        return number

    def _transmit(self, kind: Kind, *parts: bytes) -> None:
        head = struct.pack(">IB", 1 + sum(len(part) for part in parts), kind)
        view = memoryview(b"".join((head, *parts)))
        with self._speaking():
            while view:
                sent = self._channel.send(bytes(view[:SAFE_LENGTH]))
                if not sent:
                    raise Unavailable("The server closed the connection.")
                view = view[sent:]

    def _next(self) -> Answer:
        """Return the next message of the server."""
        with self._speaking():
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
            data = self._channel.recv(_RECEIVED)
            if not data:
                raise Unavailable("The server closed the connection.")
            self._received += data

    def _take(self, answer: Answer) -> None:
        number = answer.number()
        if number in self._expected:
            self._expected.remove(number)
            self._answers[number] = answer

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Use the channel: after whatever is raised, nobody knows where the dialogue stands."""
        if self._broken:
            raise Unavailable("The connection is lost.")
        self._broken = True
        try:
            self._channel.settimeout(retry.timeout(self._timeout))
            yield
        except StorageError:
            raise
        except TimeoutError as error:
            raise Timeout from error
        except (OSError, EOFError, library("paramiko", "sftp").SSHException) as error:
            reason = str(error) or "end of the stream"
            raise Unavailable(f"The connection is lost: {reason}.") from error
        self._broken = False
