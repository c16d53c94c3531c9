"""The proxy for FTP follows data connections, and lets things go wrong at lines of a session."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest

from tests.faults.ftpproxy import FTPProxy
from tests.faults.proxy import DOWN, UP, Fault
from tests.faults.scripted import BYTES, Scripted, connect, received
from tests.servers.process import HOST


def ftp(connection: socket.socket) -> None:
    """A server of an FTP that knows PASV, EPSV, PORT, EPRT, GET (of BYTES) and AUTH."""
    lines = connection.makefile("rb")
    listener: socket.socket | None = None
    target: tuple[str, int] | None = None
    connection.sendall(b"220-Hello,\r\n 227 (1,2,3,4,5,6)\r\n220 ready\r\n")
    for line in lines:
        verb = line.split()[0]
        if verb in {b"PASV", b"EPSV"}:
            listener = socket.create_server((HOST, 0))
            port = listener.getsockname()[1]
            own = b"127,0,0,1,%d,%d" % divmod(port, 256)
            answer = b"227 here (%s)." % own if verb == b"PASV" else b"229 here (|||%d|)" % port
        elif verb == b"PORT":
            *_, high, low = (int(number) for number in re.findall(rb"\d+", line))
            target, answer = (HOST, high * 256 + low), b"200 yes"
        elif verb == b"EPRT":
            target, answer = (HOST, int(line.split(b"|")[3])), b"200 yes"
        elif verb == b"GET":
            connection.sendall(b"150 comes\r\n")
            if listener is not None:
                data, _ = listener.accept()
                listener.close()
            else:
                assert target is not None
                data = socket.create_connection(target)
            with data, contextlib.suppress(ConnectionError):
                data.sendall(BYTES)
            listener, answer = None, b"226 done"
        else:
            answer = b"234 speak secretly"
        connection.sendall(answer + b"\r\n")
    lines.close()


class Client:
    """A client of it, which takes the addresses that it is told."""

    def __init__(self, proxy: FTPProxy) -> None:
        self.control = connect(proxy)
        self.lines = self.control.makefile("rb")
        assert [self.lines.readline()[:4] for _ in range(3)] == [b"220-", b" 227", b"220 "]

    def ask(self, line: bytes) -> bytes:
        """Send a command; its answer."""
        self.control.sendall(line + b"\r\n")
        return self.lines.readline()

    def get(self, mode: str) -> bytes:
        """The file, by a data connection made in that way."""
        if mode in {"PASV", "EPSV"}:
            numbers = [int(number) for number in re.findall(rb"\d+", self.ask(mode.encode()))]
            port = numbers[-1] if mode == "EPSV" else numbers[-2] * 256 + numbers[-1]
            self.control.sendall(b"GET\r\n")
            data = socket.create_connection((HOST, port), timeout=20)
        else:
            with socket.create_server((HOST, 0)) as listener:
                port = listener.getsockname()[1]
                here = b"127,0,0,1,%d,%d" % divmod(port, 256)
                told = b"PORT " + here if mode == "PORT" else b"EPRT |1|127.0.0.1|%d|" % port
                assert self.ask(told) == b"200 yes\r\n"
                self.control.sendall(b"GET\r\n")
                listener.settimeout(20)
                data, _ = listener.accept()
        with data:
            assert self.lines.readline() == b"150 comes\r\n"
            return received(data)

    def close(self) -> None:
        """Go."""
        self.lines.close()
        self.control.close()


MODES = ["PASV", "EPSV", "PORT", "EPRT"]


@pytest.mark.parametrize("mode", MODES)
def test_data_connections_are_followed(mode: str) -> None:
    """They go through the proxy, which counts them apart and lets things go wrong on them."""
    with Scripted(ftp) as server, FTPProxy(server.port) as proxy:
        client = Client(proxy)
        assert client.get(mode) == BYTES
        assert client.lines.readline() == b"226 done\r\n"
        control, data = proxy.traffic
        assert (control.data, data.data, data.number) == (False, True, 1)
        assert (data.up, data.down) == (0, len(BYTES))
        assert proxy.commands == [mode, "GET"]
        proxy.arm(Fault("fin", DOWN, at=777, data=True, connection=3))
        assert client.get(mode) == BYTES
        assert client.lines.readline() == b"226 done\r\n"
        assert client.get(mode) == BYTES[:777]
        assert client.lines.readline() == b"226 done\r\n"
        assert len(proxy.fired) == 1
        client.close()


def test_lines_of_the_control_connection() -> None:
    """A fault can wait for a command, for the answer to one, or for a certain answer to one."""
    with (
        Scripted(ftp) as server,
        FTPProxy(server.port) as proxy,
        socket.create_server((HOST, 0)) as here,
    ):
        port = b"PORT 127,0,0,1,%d,%d" % divmod(here.getsockname()[1], 256)
        for fault, said in [
            (Fault("fin", UP, command="GET"), b""),
            (Fault("fin", DOWN, command="GET"), b""),
            (Fault("fin", DOWN, command="GET", line="226"), b"150 comes\r\n"),
        ]:
            proxy.clear()
            proxy.arm(fault)
            client = Client(proxy)
            assert client.ask(port) == b"200 yes\r\n"
            assert client.ask(b"GET") == said
            assert client.lines.readline() == b""
            assert proxy.fired == [fault]
            client.close()


def test_an_encrypted_control_connection_is_left_alone() -> None:
    """After the answer to AUTH nothing is read or changed any more, whatever it looks like."""
    with Scripted(ftp) as server, FTPProxy(server.port) as proxy:
        client = Client(proxy)
        assert client.ask(b"AUTH TLS").startswith(b"234")
        told = client.ask(b"PASV")
        high, low = (int(number) for number in re.findall(rb"\d+", told)[-2:])
        client.control.sendall(b"GET\r\n")
        with socket.create_connection((HOST, high * 256 + low), timeout=20) as data:
            assert received(data) == BYTES
        assert len(proxy.traffic) == 1
        assert proxy.commands == ["AUTH"]
        client.close()


def test_the_servers_ports_are_met_on_another_address() -> None:
    """What a client does that takes the port it was told, and the address it knows."""

    def pour(connection: socket.socket) -> None:
        connection.sendall(BYTES)

    with (
        Scripted(ftp) as control,
        Scripted(pour) as data,
        FTPProxy(control.port, ports=[data.port]) as proxy,
    ):
        assert (proxy.host, proxy.port) == ("127.0.0.2", control.port)
        proxy.arm(Fault("fin", DOWN, at=99, data=True))
        client = Client(proxy)
        with socket.create_connection((proxy.host, data.port), timeout=20) as connection:
            assert received(connection) == BYTES[:99]
        assert [each.data for each in proxy.traffic] == [False, True]
        client.close()
