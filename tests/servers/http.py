"""A real HTTP server with scripted answers: for what a backend's own server never says.

It speaks over TCP and may lie about lengths, cut, stall and answer out of turn.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.servers.process import HOST, passing_port

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content"}


@dataclass
class Request:
    """What a client has sent."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes = b""
    cut: bool = False  # the body was not read to its end

    @property
    def range(self) -> int:
        """The offset that the header Range asks for."""
        value = self.headers.get("range", "bytes=0-")
        return int(value.removeprefix("bytes=").partition("-")[0])


@dataclass
class Reply:
    """What the server answers.

    ``length`` is the Content-Length to announce (None: the true one); ``chunked`` sends the body
    in chunks instead, without the last one if ``unfinished``. After ``cut`` bytes of the body
    the connection is reset (or closed, if ``fin``), after ``stall_at`` bytes it stalls for
    ``stall`` seconds. With ``reset_after`` bytes of the request's body the connection is reset
    and nothing answered. ``close`` closes the connection when all has been sent.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    chunked: bool = False
    unfinished: bool = False
    cut: int | None = None
    fin: bool = False
    stall_at: int = 0
    stall: float = 0.0
    slow: float = 0.0  # seconds between single bytes of the body
    slow_head: float = 0.0  # and of what comes before it
    reset_after: int | None = None
    close: bool = False
    reason: str = ""


Handler = Callable[[Request], Reply]


class ScriptedServer:
    """Answers what it is told to; a context manager.

    ``replies`` are given in turn; then ``handler`` answers, and without one 500. ``requests`` is
    what has come in; ``faults`` counts the replies that cut, stalled or lied.
    """

    def __init__(
        self,
        *replies: Reply,
        handler: Handler | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.faults = 0
        self.handler = handler
        self._replies = list(replies)
        self._tls = tls
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, passing_port()))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    @property
    def last(self) -> Request:
        """The newest request."""
        return self.requests[-1]

    def script(self, *replies: Reply) -> None:
        """Give these replies next."""
        with self._lock:
            self._replies += replies

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # Wakes accept(); closing alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a connection's thread does not end"

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        with self._lock:
            self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as file, contextlib.suppress(OSError):
                while not self._closing.is_set() and self._answer(connection, file):
                    pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _answer(self, connection: socket.socket, file: Any) -> bool:
        """Serve one request; return whether the connection goes on."""
        line = file.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        headers: dict[str, str] = {}
        while (raw := file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = raw.partition(":")
            headers[name.strip().lower()] = value.strip()
        request = Request(line[0], line[1], headers)
        with self._lock:
            self.requests.append(request)
            reply = self._replies.pop(0) if self._replies else None
        if reply is not None and reply.reset_after is not None:
            request.body = file.read(reply.reset_after)
            request.cut = True
            self.faults += 1
            _reset(connection)
            return False
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = b"".join(_body(headers, file))
        if reply is None:
            reply = self.handler(request) if self.handler else Reply(500, body=b"not in the script")
        return self._reply(connection, request, reply)

    def _reply(self, connection: socket.socket, request: Request, reply: Reply) -> bool:
        headers = dict(reply.headers)
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status not in {204, 304} or reply.length is not None:
            headers.setdefault(
                "Content-Length", str(len(reply.body) if reply.length is None else reply.length)
            )
        if reply.close:
            headers["Connection"] = "close"
        reason = reply.reason or _REASONS.get(reply.status, "Scripted")
        head = f"HTTP/1.1 {reply.status} {reason}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self._send_slowly(connection, head.encode("latin-1"), reply.slow_head)
        if request.method == "HEAD":
            return not reply.close
        if reply.length is not None or reply.unfinished:
            self.faults += 1
        body = reply.body
        if reply.stall:
            self._send(connection, body[: reply.stall_at], reply)
            self.faults += 1
            self._closing.wait(reply.stall)
            body = body[reply.stall_at :]
        if reply.cut is not None:
            self._send(connection, body[: reply.cut], reply)
            self.faults += 1
            if not reply.fin:
                time.sleep(0.05)  # a reset overtakes what has not been read yet
                _reset(connection)
            return False
        self._send(connection, body, reply)
        if reply.chunked and not reply.unfinished:
            connection.sendall(b"0\r\n\r\n")
        return not (reply.close or reply.unfinished or reply.length is not None)

    def _send(self, connection: socket.socket, body: bytes, reply: Reply) -> None:
        chunked = reply.chunked and not reply.slow
        self._send_slowly(connection, _chunks(body) if chunked else body, reply.slow)

    def _send_slowly(self, connection: socket.socket, data: bytes, pause: float) -> None:
        if not pause:
            connection.sendall(data)
            return
        self.faults += 1
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            if self._closing.wait(pause):
                return


def _chunks(body: bytes) -> bytes:
    return b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + 1000]), body[at : at + 1000])
        for at in range(0, len(body), 1000)
    )


def _body(headers: Mapping[str, str], file: Any) -> Iterator[bytes]:
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(file.readline(), 16):
            yield file.read(size)
            file.readline()
        file.readline()
        return
    length = int(headers.get("content-length", 0))
    if length:
        yield file.read(length)


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
