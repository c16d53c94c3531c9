"""Trackers: one command and one answer at a time, each a line, over TCP.

A command is ``name key=value&key=value``, an answer ``OK key=value&...`` or ``ERR code words``;
keys and values are encoded as in a form, in UTF-8. A tracker knows nobody: there is no login.

https://github.com/mogilefs/MogileFS-Server (2.73), doc/ and lib/MogileFS/Worker/Query.pm
"""

from __future__ import annotations

import itertools
import random
import re
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from storages import retry
from storages.backends.mogilefs.refusals import refusal
from storages.backends.mogilefs.resting import Resting
from storages.connections import PerThread
from storages.errors import AlreadyExists, StorageError, Timeout, Unavailable

__all__ = ["Connection", "Trackers", "address"]

PORT = 7001
_LAST_PORT = 65535
_ADDRESS = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\s:/\[\]]+)(?::(?P<port>[0-9]+))?"
)
#: Seconds for which a tracker that failed is not asked, if another one can be.
_REST = 5.0
#: No answer is longer: 1,000 keys of 4,000 characters, each of them encoded as nine.
_LONGEST = 64 * 1024 * 1024
_BLOCK = 64 * 1024


def address(text: str) -> str:
    """Return the address of a tracker as ``host:port``, for an option's ``convert``.

    Raises ValueError for what is none.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or int(found["port"] or PORT) > _LAST_PORT:
        msg = f"{text!r} is no address of a tracker, which is host:port"
        raise ValueError(msg)
    return f"{found['host']}:{found['port'] or PORT}"


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


class Connection:
    """A connection to one tracker. Raises OSError when it does not answer as trackers do."""

    def __init__(self, place: str, timeout: float) -> None:
        self.address = place
        self._socket = socket.create_connection(_place(place), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._received = bytearray()
        self._calls = itertools.count(1)

    def ask(self, command: str, arguments: Mapping[str, Any], patience: float) -> dict[str, str]:
        """Send a command; return what comes back with OK. ERR raises our error.

        ``patience`` is how many seconds the answer may take, all of it.
        """
        until = time.monotonic() + patience
        call = str(next(self._calls))
        line = f"{command} {_encoded({**arguments, 'callid': call})}\r\n"
        self._socket.settimeout(patience)
        self._socket.sendall(line.encode())
        verdict, *words = self._line(until).split(" ")
        if verdict == "OK":
            # Some releases send a length before the rest.
            told = _decoded(words[-1]) if words else {}
            echo = told.pop("callid", call)
        elif verdict == "ERR" and words:
            code, text = words[0], unquote_plus("".join(words[1:2]))
            echo = words[2] if words[2:] else call
        else:
            raise ConnectionError("what it answered is no answer")
        if echo != call:
            raise ConnectionError("what it answered was not asked")
        if verdict == "ERR":
            raise refusal(command, code, text)
        return told

    def _line(self, until: float) -> str:
        """Return the next line, without its end."""
        looked = 0
        while (end := self._received.find(b"\n", looked)) < 0:
            looked = len(self._received)
            if looked > _LONGEST:
                raise ConnectionError("its answer does not end")
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            block = self._socket.recv(_BLOCK)
            if not block:
                raise ConnectionError("it closed the connection")
            self._received += block
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line.rstrip(b"\r").decode(errors="surrogateescape")

    def is_quiet(self) -> bool:
        """Tell whether nothing has come that was not asked for, nor the connection's end."""
        if self._received:
            return False
        try:
            self._socket.setblocking(False)  # noqa: FBT003 - the socket's own method
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close it; there is no goodbye."""
        self._socket.close()


class Trackers:
    """The trackers of a cluster, as one: each thread has a connection to any that works.

    Arguments:
        addresses: as :func:`address` returns them.
        connect_timeout: seconds to wait for a connection.
        timeout: seconds to wait for an answer.

    """

    def __init__(self, addresses: Sequence[str], connect_timeout: float, timeout: float) -> None:
        self._addresses = list(addresses)
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._resting = Resting(_REST)
        self._pool = PerThread(
            self._connect,
            Connection.close,
            is_alive=Connection.is_quiet,
            reusable=_leaves_it_usable,
            idle=0,
            abandon=Connection.close,
        )

    def ask(
        self,
        command: str,
        arguments: Mapping[str, Any],
        *,
        again: bool = True,
        more_time: float = 0.0,
    ) -> dict[str, str]:
        """Ask one of the trackers; return what it told. A value of None is not sent.

        A tracker that hangs up may have carried out the command or not: unless ``again`` says that
        this does no harm, nobody is asked a second time. ``more_time`` is how many seconds longer
        than usual the answer may take. Raises Unavailable, and what the tracker's errors mean.
        """
        while True:
            with self._pool.get() as connection:
                try:
                    patience = retry.timeout(self._timeout + more_time)
                    return connection.ask(command, arguments, patience)
                except StorageError:
                    raise
                except OSError as error:
                    self._resting.failed(connection.address)
                    if isinstance(error, TimeoutError):
                        raise Timeout(
                            f"The tracker {connection.address} did not answer {command} in time."
                        ) from error
                    if not again:
                        raise Unavailable(
                            f"No answer to {command} from the tracker {connection.address}: "
                            f"{error.strerror or error}."
                        ) from error
                    self._pool.drop()
            again = False

    def close(self) -> None:
        """Close every thread's connection; the next command opens a new one."""
        self._pool.close()

    def _connect(self) -> Connection:
        failures = []
        order = random.sample(self._addresses, len(self._addresses))
        for place in self._resting.at_last(order):
            seconds = retry.timeout(self._connect_timeout)
            try:
                connection = Connection(place, seconds)
            except (OSError, UnicodeError) as error:  # the latter of what is no host name
                self._resting.failed(place)
                failures.append(f"{place}: {getattr(error, 'strerror', None) or error}")
            else:
                self._resting.works(place)
                return connection
        raise Unavailable(f"No tracker can be reached ({'; '.join(failures)}).")


def _leaves_it_usable(error: BaseException) -> bool:
    # After ERR key_exists a tracker's worker also says OK, which mogilefsd takes for a fault: it
    # hangs up at the next command.
    return isinstance(error, StorageError) and not isinstance(error, (Unavailable, AlreadyExists))


def _encoded(arguments: Mapping[str, Any]) -> str:
    return "&".join(
        f"{quote_plus(name)}={quote_plus(str(value), errors='surrogateescape')}"
        for name, value in arguments.items()
        if value is not None
    )


def _decoded(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {
        unquote_plus(name): unquote_plus(value, errors="surrogateescape")
        for name, _, value in pairs
    }
