"""An HTTP proxy before an S3 server: counts what goes over the wire, and lets things go wrong.

``proxy.rule = function(request)`` decides what becomes of each request: None forwards it, a
:class:`Fault` does what it says. What was asked is in ``proxy.requests``, and the number of body
bytes that went down is ``proxy.down``.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.process import HOST, passing_port

if TYPE_CHECKING:
    from typing_extensions import Self

BLOCK = 16 * 1024
_HOPS = {"connection", "keep-alive", "transfer-encoding", "expect"}


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str  # unquoted, as /bucket/key
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """What S3 calls it, as far as the tests tell them apart."""
        bucket = self.path.count("/") < 2 or self.path.endswith("/")
        if "uploadId" in self.query:
            names = {"PUT": "part", "POST": "complete", "DELETE": "abort"}
            return names.get(self.method, self.method)
        if self.method == "POST":
            return "delete many" if "delete" in self.query else "begin"
        if self.method == "GET" and bucket:
            return "list"
        if "x-amz-copy-source" in self.headers:
            return "copy"
        return self.method.lower()


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    ``status``: answer so, with ``headers`` and ``body``, without asking the server.
    ``lose``: ask the server, then break the connection instead of answering.
    ``refuse``: break the connection at once, before anything was read of the body.
    ``cut``: pass on so many bytes of the answer's body, then break the connection.
    ``gently``: end it instead, so that all those bytes do arrive.
    ``unended``: send the answer's body in chunks, and the last of them, which ends it, never.
    ``flip``: change the bit of that byte of the answer's body; ``flip_up`` of the request's.
    ``wait``: seconds before the answer goes on.
    ``ignore_range``: do not tell the server that a range was asked for.
    ``changes``: headers of the answer that become something else.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lose: bool = False
    refuse: bool = False
    cut: int | None = None
    gently: bool = False
    unended: bool = False
    flip: int | None = None
    flip_up: int | None = None
    wait: float = 0.0
    ignore_range: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)


def error_body(code: str, message: str = "", **more: str) -> bytes:
    """S3's document of an error."""
    parts = {"Code": code, "Message": message, **more}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'.encode()


class S3Proxy:
    """The proxy, in threads of this process; a context manager."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.requests: list[Asked] = []
        self.faults: list[Fault] = []
        self.down = 0
        self.rule: Callable[[Asked], Fault | None] = lambda _: None
        self.lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer((HOST, passing_port()), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._stopping = threading.Event()

    @property
    def endpoint(self) -> str:
        """The proxy's URL."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def kinds(self) -> list[str]:
        """The kinds of the requests so far."""
        return [request.kind for request in self.requests]

    def clear(self) -> None:
        """Forget what was asked so far."""
        self.requests.clear()
        self.faults.clear()
        self.down = 0

    def fail(self, kind: str, *faults: Fault | None) -> None:
        """Let the next requests of ``kind`` meet ``faults``, one each; None is none."""
        waiting = list(faults)

        def rule(request: Asked) -> Fault | None:
            with self.lock:
                return waiting.pop(0) if request.kind == kind and waiting else None

        self.rule = rule

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the proxy lives."""
        self._stopping.wait(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: S3Proxy
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def setup(self) -> None:
        # What counts is what the client reads, not what buffers hold.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def handle(self) -> None:
        """Serve until the client goes; that it goes without a word is normal here."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, unquote(split.path), query, headers)
        fault = self.owner.rule(asked) or Fault()
        with self.owner.lock:
            self.owner.requests.append(asked)
            if fault != Fault():
                self.owner.faults.append(fault)
        if fault.refuse:
            self._break()
            return
        body = bytearray(self.rfile.read(int(headers.get("content-length", 0))))
        if fault.status:
            self.owner.pause(fault.wait)
            self._answer(fault.status, {**fault.headers}, fault.body)
            return
        if fault.flip_up is not None:
            body[fault.flip_up] ^= 1
        self._forward(bytes(body), fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - their names

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, body: bytes, fault: Fault) -> None:
        connection = http.client.HTTPConnection(HOST, self.owner.upstream, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() in _HOPS or (fault.ignore_range and name.lower() == "range"):
                    continue
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            self.owner.pause(fault.wait)
            if fault.lose:
                answer.read()
                self._break()
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOPS and not (
                    fault.unended and name.lower() == "content-length"
                ):
                    self.send_header(name, fault.changes.get(name.lower(), value))
            if fault.unended:
                self.send_header("Transfer-Encoding", "chunked")
                self.close_connection = True
            elif answer.getheader("content-length") is None and self.command != "HEAD":
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self._pass_on(answer, fault)
        finally:
            connection.close()

    def _pass_on(self, answer: http.client.HTTPResponse, fault: Fault) -> None:
        sent = 0
        while block := bytearray(answer.read(BLOCK)):
            if fault.flip is not None and sent <= fault.flip < sent + len(block):
                block[fault.flip - sent] ^= 1
            if fault.cut is not None and sent + len(block) > fault.cut:
                self._write(block[: fault.cut - sent], fault)
                self.close_connection = True
                if not fault.gently:
                    self._break()
                return
            try:
                self._write(block, fault)
            except ConnectionError:
                self.close_connection = True
                return
            sent += len(block)
            with self.owner.lock:
                self.owner.down += len(block)

    def _write(self, block: bytearray, fault: Fault) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(block), bytes(block)) if fault.unended else block)

    def _break(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
