"""What the storage changes about botocore's connections: botocore has no options for it."""

# ruff: noqa: SLF001 - so it is reached for inside

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from storages import retry
from storages.http.incoming import Receiver

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection as Base
else:
    Base = object

__all__ = ["adapt"]

#: A connection whose receive buffer has grown beyond this is not used for another request.
MOST_BUFFERED = 1024 * 1024


def adapt(client: Any) -> None:
    """Let ``client`` obey deadlines, and receive little of what nobody reads."""
    http_session = client._endpoint.http_session
    _obey_deadlines(http_session)
    waits = client.meta.config.read_timeout

    class Answer(_Answer):
        patience = staticmethod(lambda: retry.timeout(waits))

    classes = http_session._pool_classes_by_scheme
    for scheme, pool in classes.items():
        kind = type(
            pool.ConnectionCls.__name__, (_Slim, pool.ConnectionCls), {"response_class": Answer}
        )
        classes[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": kind})


class _Answer(http.client.HTTPResponse):
    """An answer whose every byte is waited for no longer than the deadline leaves.

    A timeout of the socket's begins anew with each byte, and so bounds no line or block that comes
    slowly.
    """

    patience: Callable[[], float]

    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        receiver = Receiver(sock, self.patience)
        super().__init__(receiver, *args, **more)  # type: ignore[arg-type] # it calls makefile only
        self.incoming = receiver.incoming


class _Slim(Base):
    """A connection on which the system keeps no megabytes ready.

    It does so after a large file has been read: it lets the server send as much ahead. A file of
    which ten bytes are wanted would then cost 6 MB; on a new connection it costs 0.1 MB.
    """

    _most_room = 0

    def connect(self) -> None:
        """Connect; some systems begin with a large buffer."""
        super().connect()
        self._most_room = max(MOST_BUFFERED, self._room())

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again; urllib3 asks, and connects anew if not."""
        return bool(super().is_connected) and self._room() <= self._most_room

    def _room(self) -> int:
        """The size that the receive buffer has now, in bytes."""
        return int(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))


def _obey_deadlines(http_session: Any) -> None:
    """Let each request wait no longer than ``storages.deadline()`` leaves."""
    from urllib3 import Timeout

    class UntilDeadline(Timeout):
        def clone(self) -> Timeout:
            # urllib3 calls this once per request.
            left = retry.remaining()
            if left is None:
                return super().clone()
            bound = max(left, 0.001)
            connect, read = self._connect, self._read
            return Timeout(
                connect=min(connect, bound) if isinstance(connect, (int, float)) else bound,
                read=min(read, bound) if isinstance(read, (int, float)) else bound,
            )

    given = http_session._timeout
    if isinstance(given, Timeout):
        bounded = UntilDeadline(connect=given._connect, read=given._read)
        http_session._timeout = bounded  # for proxies
        http_session._manager.connection_pool_kw["timeout"] = bounded
