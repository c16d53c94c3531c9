"""What an SSH connection runs over: a socket, or a program that is like one."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from storages import retry
from storages.errors import OptionError

__all__ = ["CommandSocket", "Wire", "filled", "opened_socket"]

#: Seconds that a proxy_command has to end when it is told to.
_LAST_WORDS = 5.0


class Wire:
    """A socket on which sending gives up when the other side takes nothing any more.

    paramiko tries for ever: it takes a timeout for the sign to look whether it was closed.
    """

    def __init__(self, sock: Any, patience: float) -> None:
        self._sock = sock
        self._patience = patience
        self._stalled: float | None = None
        self._closed = False

    def recv(self, size: int) -> Any:
        """Return what has come; nothing, once the socket was closed here."""
        try:
            return self._sock.recv(size)
        except OSError:
            if self._closed:
                return b""
            raise

    def send(self, data: Any) -> int:
        """Send some of ``data``; return how many bytes."""
        try:
            count = int(self._sock.send(data))
        except TimeoutError:
            now = time.monotonic()
            self._stalled = self._stalled or now
            if now - self._stalled > retry.timeout(self._patience):
                raise ConnectionAbortedError("The server takes nothing any more.") from None
            raise
        self._stalled = None
        return count

    def abandon(self) -> None:
        """Close this process's end, which others still use."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def close(self) -> None:
        """Close the socket, and wake up who waits for it."""
        self._closed = True
        with contextlib.suppress(OSError, AttributeError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class CommandSocket:
    """A socket whose other end is the input and output of a program."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._sock = ours
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the project's own setting
                    shlex.split(command), stdin=theirs.fileno(), stdout=theirs.fileno()
                )
            except OSError as error:
                ours.close()
                raise OptionError(f"SFTPStorage: proxy_command: {error.strerror}.") from error

    def shutdown(self, how: int) -> None:
        """Tell the program that nothing more comes."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close the socket, and end the program."""
        self._sock.close()
        self._process.terminate()
        try:
            self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def opened_socket(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address of the host that answers, in ``timeout`` seconds in all."""
    until = time.monotonic() + timeout
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError("The host has no address.")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        left = until - time.monotonic()
        if left <= 0:
            break
        opened = socket.socket(family, kind, protocol)
        try:
            # An address that swallows everything leaves time for the others.
            opened.settimeout(left / (len(found) - number))
            opened.connect(address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


def filled(command: str, values: Mapping[str, str]) -> str:
    """Return a ProxyCommand with %h, %p and %r in place; each stays one word."""
    for name, value in values.items():
        command = command.replace(name, value if name == "%%" else shlex.quote(value))
    return command
