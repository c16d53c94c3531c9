"""A fault proxy between an FTP client and its server that follows them to their data connections.

It reads PASV and EPSV replies (PORT and EPRT commands) on the control connection and puts itself
there. Once the control connection is encrypted nobody but its ends can read it: then ``ports``
names the server's passive ports, and the proxy listens on the same ports of another loopback
address.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence

from tests.faults.flows import Connection
from tests.faults.proxy import Address, TCPProxy
from tests.servers.process import HOST


class FTPProxy(TCPProxy):
    """A proxy that follows an FTP session to its data connections; counts ``commands``.

    ``ports``: the server's passive ports, where the control connection is encrypted: the proxy
    then listens on those of 127.0.0.2, which a client meets that connects to the control
    connection's peer whatever address PASV names (ftplib does).
    """

    def __init__(
        self, port: int, *, delay: float = 0.0, rate: float = 0.0, ports: Sequence[int] = ()
    ) -> None:
        host = "127.0.0.2" if ports else HOST
        super().__init__(port, delay=delay, rate=rate, host=host, own_port=port if ports else 0)
        self.commands: list[str] = []
        for each in ports:
            self._listen((host, each), self._forwarder((HOST, each)))

    def clear(self) -> None:
        """Forget the commands too."""
        super().clear()
        self.commands = []

    def _forwarder(self, target: Address) -> Callable[[socket.socket], object]:
        return lambda accepted: self.join(accepted, target, data=True)

    def _accept(self, client: socket.socket) -> None:
        connection = self.join(client, self.upstream)
        if connection is not None:
            session = _Session(self, connection)
            connection.up.edit = session.command
            connection.down.edit = session.reply

    def expect_data(self, connection: Connection, other: Address, *, reverse: bool) -> int:
        """Listen for the session's next data connection; where."""
        if connection.listener is not None:
            self._unlisten(connection.listener)

        def accept(accepted: socket.socket) -> None:
            self._unlisten(listener)
            self.join(accepted, other, data=True, reverse=reverse)

        listener = connection.listener = self._listen((self.host, 0), accept)
        port: int = listener.getsockname()[1]
        return port


class _Session:
    """What is read on a control connection, and changed there."""

    def __init__(self, proxy: FTPProxy, connection: Connection) -> None:
        self.proxy = proxy
        self.connection = connection
        self.verb = ""

    def command(self, line: bytes) -> tuple[bytes, str]:
        """Note a command; put ourselves into PORT and EPRT."""
        verb = line.split(maxsplit=1)[0].decode("latin-1").upper() if line.split() else ""
        self.verb = verb
        self.proxy.commands.append(verb)
        if verb == "PORT":
            *host, high, low = (int(number) for number in re.findall(rb"\d+", line))
            other = (".".join(map(str, host)), high * 256 + low)
            line = b"PORT %s\r\n" % self._numbers(other, reverse=True)
        elif verb == "EPRT":
            argument = line.split(maxsplit=1)[1]
            _, _, address, port, _ = argument.split(argument[:1])
            other = (address.decode("ascii"), int(port))
            own = self.proxy.expect_data(self.connection, other, reverse=True)
            line = b"EPRT |1|%s|%d|\r\n" % (self.proxy.host.encode("ascii"), own)
        return line, verb

    def reply(self, line: bytes) -> tuple[bytes, str]:
        """Put ourselves into the answers to PASV and EPSV; read no more once it is encrypted."""
        if line.startswith(b"227 ") and (found := re.search(rb"(\d+,){5}\d+", line)):
            high, low = (int(number) for number in found[0].split(b",")[-2:])
            other = (self.proxy.upstream[0], high * 256 + low)
            numbers = self._numbers(other, reverse=False)
            line = line[: found.start()] + numbers + line[found.end() :]
        elif line.startswith(b"229 ") and (found := re.search(rb"\|\|\|(\d+)\|", line)):
            other = (self.proxy.upstream[0], int(found[1]))
            own = self.proxy.expect_data(self.connection, other, reverse=False)
            line = line[: found.start(1)] + b"%d" % own + line[found.end(1) :]
        elif line.startswith(b"234"):
            self.connection.up.edit = self.connection.down.edit = None
        return line, self.verb

    def _numbers(self, other: Address, *, reverse: bool) -> bytes:
        own = self.proxy.expect_data(self.connection, other, reverse=reverse)
        host = self.proxy.host.replace(".", ",").encode("ascii")
        return b"%s,%d,%d" % (host, own // 256, own % 256)
