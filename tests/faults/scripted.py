"""Servers of which a test says what they do with a connection, and the client's end of one."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.faults.proxy import TCPProxy
from tests.servers.process import HOST, passing_port

if TYPE_CHECKING:
    from typing_extensions import Self

MiB = 1024 * 1024
BYTES = os.urandom(100_000)


class Scripted:
    """A server in threads of this process: ``serve`` is called with each connection."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.serve = serve
        self.listener = socket.create_server((HOST, passing_port()))
        self.port: int = self.listener.getsockname()[1]
        self.threads: list[threading.Thread] = []

    def _accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            if not self.running:
                connection.close()
                return
            thread = threading.Thread(target=self._one, args=(connection,))
            thread.start()
            self.threads.append(thread)

    def _one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            self.serve(connection)

    def __enter__(self) -> Self:
        self.running = True
        self.accepting = threading.Thread(target=self._accept)
        self.accepting.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.running = False
        socket.create_connection((HOST, self.port)).close()
        self.accepting.join()
        for thread in self.threads:
            thread.join()
        self.listener.close()


def connect(proxy: TCPProxy) -> socket.socket:
    """A client's connection to the proxy."""
    return socket.create_connection((proxy.host, proxy.port), timeout=20)


def received(client: socket.socket, size: int | None = None) -> bytes:
    """What comes, up to a size or to the end."""
    data = b""
    while size is None or len(data) < size:
        more = client.recv(MiB if size is None else size - len(data))
        if not more:
            return data
        data += more
    return data
