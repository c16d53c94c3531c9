"""The fault proxy does what its faults say, counts the truth, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.proxy import DOWN, UP, Fault, TCPProxy, Way
from tests.faults.scripted import BYTES, MiB, Scripted, connect, received
from tests.servers.process import HOST


def echo(connection: socket.socket) -> None:
    """Send back what comes, until it ends."""
    while data := connection.recv(MiB):
        connection.sendall(data)


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A server that sends back what it gets."""
    with Scripted(echo) as server:
        yield server


@pytest.fixture
def proxy(server: Scripted) -> Iterator[TCPProxy]:
    """The proxy before it."""
    with TCPProxy(server.port) as proxy:
        yield proxy


def exchange(proxy: TCPProxy, data: bytes = BYTES) -> bytes:
    """Send, say that this was all, and take what comes back."""
    with connect(proxy) as client:
        sender = threading.Thread(target=_send, args=(client, data))
        sender.start()
        try:
            return received(client)
        finally:
            sender.join()


def _send(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)


def settled(condition: Callable[[], bool]) -> bool:
    """Whether that becomes true, soon."""
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return condition()


# ------------------------------------------------------------------ passing on


def test_what_goes_in_comes_out(proxy: TCPProxy) -> None:
    """Every byte passes both ways, the ends of the streams too, and all is counted."""
    assert exchange(proxy) == BYTES
    assert exchange(proxy, b"") == b""
    assert settled(lambda: not any(each.open for each in proxy.traffic))
    first, second = proxy.traffic
    assert (first.number, first.up, first.down, first.data) == (1, len(BYTES), len(BYTES), False)
    assert (second.number, second.up, second.down) == (2, 0, 0)
    assert (proxy.up, proxy.down) == (len(BYTES), len(BYTES))
    assert proxy.fired == []


def test_many_connections_at_once(proxy: TCPProxy) -> None:
    """They do not wait for each other, even when one is stalled."""
    proxy.arm(Fault("stall", DOWN, at=10))
    with connect(proxy) as stalled:
        stalled.sendall(BYTES[:20])
        proxy.wait_fired()
        results: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: results.append(exchange(proxy))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [BYTES] * 8
        proxy.release()
        assert received(stalled, 20) == BYTES[:20]


def test_a_reader_that_stops_stops_the_sender() -> None:
    """What nobody reads is not taken from the server: the counts say what was moved."""

    def pour(connection: socket.socket) -> None:
        for _ in range(1000):
            connection.sendall(BYTES)

    with Scripted(pour) as server, TCPProxy(server.port) as proxy:
        with connect(proxy) as client:
            received(client, 10)
            before = -1
            while proxy.down != before:
                before = proxy.down
                time.sleep(0.2)
            assert 10 <= proxy.down < MiB
        assert settled(lambda: not proxy.traffic[0].open)


def test_a_client_that_goes_is_noticed_by_the_server(server: Scripted, proxy: TCPProxy) -> None:
    """And a server that is not there by the client."""
    connect(proxy).close()
    assert settled(lambda: len(proxy.traffic) == 1 and not proxy.traffic[0].open)
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    with TCPProxy(port) as before_nothing:
        with pytest.raises(ConnectionResetError), connect(before_nothing) as client:
            client.recv(1)
        assert before_nothing.traffic == []


def test_nothing_is_left_behind(server: Scripted) -> None:
    """No thread, no descriptor, whatever was under way: stalled, sending, refused."""

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    def session() -> None:
        with TCPProxy(server.port, delay=0.05) as proxy:
            proxy.arm(
                Fault("stall", UP, at=10, connection=1), Fault("rst", UP, at=10, connection=2)
            )
            with connect(proxy) as first, connect(proxy) as second:
                first.sendall(BYTES)
                second.sendall(BYTES)
                proxy.wait_fired(2)
                proxy.refuse()

    session()
    assert settled(lambda: not any(thread.is_alive() for thread in server.threads))
    before, threads = descriptors(), threading.active_count()
    session()
    assert settled(lambda: descriptors() == before)
    assert settled(lambda: threading.active_count() == threads)


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize("way", [UP, DOWN])
@pytest.mark.parametrize("at", [0, 1, 50_000, len(BYTES) - 1])
def test_a_reset(proxy: TCPProxy, way: Way, at: int) -> None:
    """Up to ``at`` bytes pass, then both sides are reset."""
    proxy.arm(fault := Fault("rst", way, at=at))
    with pytest.raises(ConnectionResetError):
        exchange(proxy)
    assert proxy.fired == [fault]
    assert (proxy.up if way == UP else proxy.down) == at
    assert exchange(proxy) == BYTES


@pytest.mark.parametrize("at", [0, 1, 50_000, len(BYTES) - 1])
def test_an_early_end(proxy: TCPProxy, at: int) -> None:
    """Exactly ``at`` bytes pass, and nobody sees an error."""
    proxy.arm(Fault("fin", UP, at=at))
    assert BYTES[:at].startswith(exchange(proxy))
    assert proxy.up == at
    proxy.arm(Fault("fin", DOWN, at=at))
    assert exchange(proxy) == BYTES[:at]
    assert len(proxy.fired) == 2


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_stall_for_a_time(proxy: TCPProxy, way: Way) -> None:
    """Nothing passes in that direction for so long; then everything does."""
    proxy.arm(Fault("stall", way, at=50_000, seconds=0.3))
    started = time.monotonic()
    assert exchange(proxy) == BYTES
    assert 0.3 <= time.monotonic() - started < 10


def test_a_stall_for_good(proxy: TCPProxy) -> None:
    """The other side waits as long as it likes; the rest passes when the stall is lifted."""
    proxy.arm(Fault("stall", DOWN, at=1000))
    with connect(proxy) as client:
        client.sendall(BYTES)
        assert received(client, 1000) == BYTES[:1000]
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.clear()
        client.settimeout(20)
        assert received(client, len(BYTES) - 1000) == BYTES[1000:]


@pytest.mark.parametrize("way", [UP, DOWN])
@pytest.mark.parametrize("at", [0, 50_000, len(BYTES) - 1])
def test_a_flipped_bit(proxy: TCPProxy, way: Way, at: int) -> None:
    """One bit of that byte is another."""
    proxy.arm(Fault("flip", way, at=at))
    expected = bytearray(BYTES)
    expected[at] ^= 1
    assert exchange(proxy) == expected
    assert len(proxy.fired) == 1


def test_a_slow_line(server: Scripted, proxy: TCPProxy) -> None:
    """From one byte on, or from the start, so many bytes pass in a second."""
    proxy.arm(Fault("rate", UP, at=50_000, rate=200_000))
    started = time.monotonic()
    assert exchange(proxy) == BYTES
    assert 0.2 <= time.monotonic() - started < 10
    with TCPProxy(server.port, rate=200_000) as slow:
        started = time.monotonic()
        assert exchange(slow) == BYTES
        assert 0.45 <= time.monotonic() - started < 10


def test_an_action(proxy: TCPProxy) -> None:
    """Something is done exactly before that byte passes."""
    seen: list[int] = []
    proxy.arm(Fault("call", UP, at=70_000, action=lambda: seen.append(proxy.up)))
    assert exchange(proxy) == BYTES
    assert seen == [70_000]


def test_the_end_counts_as_a_byte(proxy: TCPProxy) -> None:
    """A fault at the length of the stream happens instead of its end."""
    proxy.arm(Fault("rst", DOWN, at=len(BYTES)))
    with connect(proxy) as client:
        client.sendall(BYTES)
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            assert received(client) == BYTES
    assert len(proxy.fired) == 1


def test_turns(proxy: TCPProxy) -> None:
    """Requests and answers can be told apart without understanding them."""

    def ask(client: socket.socket) -> int:
        answered = 0
        with contextlib.suppress(ConnectionResetError):
            for number in range(3):
                client.sendall(b"ask %d" % number)
                answered += len(received(client, 5)) == 5
        return answered

    for turn in (1, 2, 3):
        proxy.clear()
        proxy.arm(Fault("rst", UP, turn=turn))
        with connect(proxy) as client:
            assert ask(client) == turn - 1
        assert (proxy.traffic[0].turns_up, proxy.traffic[0].up) == (turn, 5 * (turn - 1))
        proxy.clear()
        proxy.arm(Fault("rst", DOWN, turn=turn))
        with connect(proxy) as client:
            assert ask(client) == turn - 1
        assert (proxy.traffic[0].turns_down, proxy.traffic[0].up) == (turn, 5 * turn)
    proxy.clear()
    proxy.arm(Fault("rst", UP, turn=4))
    with connect(proxy) as client:
        assert ask(client) == 3
    assert proxy.fired == []


def test_which_connection_and_how_often(proxy: TCPProxy) -> None:
    """Once is on the first that gets there; or on the n-th; or on so many; or always."""

    def outcomes(fault: Fault) -> list[bool]:
        proxy.clear()
        proxy.arm(fault)
        return [exchange(proxy) == BYTES for _ in range(4)]

    assert outcomes(Fault("fin", DOWN, at=9)) == [False, True, True, True]
    assert outcomes(Fault("fin", DOWN, at=9, connection=3)) == [True, True, False, True]
    assert outcomes(Fault("fin", DOWN, at=9, times=2)) == [False, False, True, True]
    assert outcomes(Fault("fin", DOWN, at=9, times=None)) == [False] * 4
    assert len(proxy.fired) == 4
    assert outcomes(Fault("fin", DOWN, at=len(BYTES) + 1)) == [True] * 4
    with pytest.raises(AssertionError, match="only 0 of 1"):
        proxy.wait_fired(within=0.01)


def test_refused_connections(proxy: TCPProxy) -> None:
    """None can be made for a time, or until they are accepted again; open ones stay."""
    with connect(proxy) as client:
        client.sendall(b"x")
        assert received(client, 1) == b"x"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        client.sendall(b"y")
        assert received(client, 1) == b"y"
        proxy.accept()
        assert exchange(proxy) == BYTES
        proxy.refuse(0.2)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert settled(lambda: _connects(proxy))
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def _connects(proxy: TCPProxy) -> bool:
    try:
        connect(proxy).close()
    except ConnectionRefusedError:
        return False
    return True


# ------------------------------------------------------------------- the line


def test_a_delay_is_added_and_does_not_limit_the_speed(server: Scripted) -> None:
    """An answer takes twice the delay; many bytes under way take it once."""
    with TCPProxy(server.port, delay=0.05) as proxy:
        with connect(proxy) as client:
            for _ in range(3):
                started = time.monotonic()
                client.sendall(b"x")
                assert received(client, 1) == b"x"
                assert 0.1 <= time.monotonic() - started < 5
        data = os.urandom(MiB) * 16
        started = time.monotonic()
        assert exchange(proxy, data) == data
        # In steps of a socket buffer with a pause each, this would take 25 seconds.
        assert time.monotonic() - started < 5


def test_it_is_fast() -> None:
    """It passes on hundreds of megabytes per second; the bound leaves room for a busy machine."""
    size = 256 * MiB

    def pour(connection: socket.socket) -> None:
        block = bytes(MiB)
        for _ in range(size // MiB):
            connection.sendall(block)

    with Scripted(pour) as server, TCPProxy(server.port) as proxy, connect(proxy) as client:
        buffer = bytearray(MiB)
        started = time.monotonic()
        total = 0
        while count := client.recv_into(buffer):
            total += count
        took = time.monotonic() - started
    assert total == size
    assert took < 10
