"""A TCP proxy on the loopback interface that lets things go wrong, and counts what passed.

What goes wrong is a value, a :class:`Fault`: what, in which direction, where, on which connection,
how often. ``proxy.arm(...)`` arms some; ``proxy.fired`` tells which happened. One thread moves the
bytes of all connections; ``delay`` and ``rate`` describe the line that it plays.
"""

from __future__ import annotations

import math
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.faults.flows import (
    BLOCK,
    DOWN,
    READ,
    UP,
    Armed,
    Block,
    Connection,
    Fault,
    Flow,
    Traffic,
    Way,
    no_linger,
)
from tests.servers.process import HOST, passing_port

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DOWN", "UP", "Address", "Fault", "TCPProxy", "Traffic", "Way", "happened"]

SOCKET_BUFFER = 64 * 1024  # so that what was passed on is what the other side has, nearly
CONNECT_WITHIN = 10.0
Address = tuple[str, int]
#: How many faults of each kind have happened in this process.
happened: Counter[str] = Counter()


class TCPProxy:
    """The proxy before ``port``; a context manager.

    ``delay`` (seconds each way) and ``rate`` (bytes per second each way, 0: as fast as it goes)
    hold for connections that come after they were set. A delay does not limit the speed.
    """

    def __init__(
        self,
        port: int,
        *,
        delay: float = 0.0,
        rate: float = 0.0,
        host: str = HOST,
        own_port: int = 0,
    ) -> None:
        self.upstream: Address = (HOST, port)
        self.delay = delay
        self.rate = rate
        self.traffic: list[Traffic] = []
        self.fired: list[Fault] = []
        self._armed: list[Armed] = []
        self._changed = threading.Condition()
        self._posted: deque[Callable[[], object]] = deque()
        self._stopping = False
        self._connections: set[Connection] = set()
        self._listeners: set[socket.socket] = set()
        self._reopens = math.inf
        self._selector = selectors.DefaultSelector()
        self._waker, self._wake = socket.socketpair()
        self._waker.settimeout(0)
        self._main = self._listen_first(host, own_port)
        self.host, self.port = self._main.getsockname()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)

    # -- what a test calls

    def arm(self, *faults: Fault) -> None:
        """Let these happen, in addition to what is armed."""
        with self._changed:
            self._armed += [Armed(fault) for fault in faults]

    def disarm(self, fault: Fault) -> None:
        """Let this one not happen any more."""
        with self._changed:
            self._armed = [armed for armed in self._armed if armed.fault is not fault]

    def clear(self) -> None:
        """Disarm every fault, let what is stalled go on, forget what was counted."""
        with self._changed:
            self._armed = []
            self.fired = []
            self.traffic = []
        self.release()

    def release(self) -> None:
        """Let what is stalled go on."""
        self._do(self._release)

    def refuse(self, seconds: float = math.inf) -> None:
        """Refuse connections for so long, or until ``accept()``; those that are open stay."""
        self._do(lambda: self._refuse(seconds))

    def accept(self) -> None:
        """Accept connections again."""
        self._do(self._accept_again)

    def reset(self) -> None:
        """Reset every open connection."""
        self._do(self._reset)

    def abandon(self) -> None:
        """Close the copies of its sockets that a forked child has: its parent's go on."""
        ends = [end for connection in self._connections for end in connection.sockets]
        for each in (*ends, *self._listeners, self._waker, self._wake):
            each.close()

    def wait_fired(self, count: int = 1, within: float = 30.0) -> None:
        """Wait until so many faults have happened; an AssertionError when they do not."""
        with self._changed:
            happened = self._changed.wait_for(lambda: len(self.fired) >= count, within)
        assert happened, f"only {len(self.fired)} of {count} faults happened"

    @property
    def up(self) -> int:
        """Bytes that passed to the server."""
        return sum(each.up for each in self.traffic)

    @property
    def down(self) -> int:
        """Bytes that passed to the client."""
        return sum(each.down for each in self.traffic)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping = True
        self._wake.send(b".")
        self._thread.join()
        for listener in self._listeners:
            listener.close()
        self._selector.close()
        self._waker.close()
        self._wake.close()

    # -- the loop; everything below runs in its thread

    def watch(
        self, end: socket.socket, wanted: int, ready: Callable[[int], object] | None = None
    ) -> None:
        """Call ``ready`` when ``end`` can do what is wanted; 0 is never."""
        if end.fileno() in self._selector.get_map():
            if wanted:
                self._selector.modify(end, wanted, ready)
            else:
                self._selector.unregister(end)
        elif wanted:
            self._selector.register(end, wanted, ready)

    def forget(self, connection: Connection) -> None:
        """A connection was closed."""
        self._connections.discard(connection)
        if connection.listener is not None:
            self._unlisten(connection.listener)

    def meets(self, flow: Flow, block: Block) -> int | None:
        """How much of ``block`` may pass; None after a fault happened right before it."""
        nearest = len(block.data)
        for armed in self._armed:
            if armed.left <= 0 or id(armed) in flow.fired:
                continue
            offset = armed.fault.offset(flow, block)
            if offset == 0:
                self._happen(armed, flow, block)
                return None
            if offset is not None:
                nearest = min(nearest, offset)
        return nearest

    def _happen(self, armed: Armed, flow: Flow, block: Block) -> None:
        fault = armed.fault
        armed.left -= 1
        flow.fired.add(id(armed))
        if fault.action is not None:
            fault.action()
        with self._changed:  # before anybody can notice
            self.fired.append(fault)
            happened[fault.kind] += 1
            self._changed.notify_all()
        if fault.kind == "rst":
            flow.connection.reset()
        elif fault.kind == "fin":
            flow.connection.finish()
        elif fault.kind == "stall":
            flow.until = math.inf if fault.seconds is None else time.monotonic() + fault.seconds
        elif fault.kind == "flip":
            changed = bytearray(block.data)
            changed[0] ^= 1
            block.data = memoryview(changed)
        elif fault.kind == "rate":
            flow.rate = fault.rate

    def _do(self, what: Callable[[], object]) -> None:
        """Do it in the loop's thread, and wait until it is done."""
        done = threading.Event()
        self._posted += [what, done.set]
        self._wake.send(b".")
        done.wait(CONNECT_WITHIN)

    def _run(self) -> None:
        self.watch(self._waker, READ, lambda _: self._waker.recv(BLOCK))
        try:
            while not self._stopping:
                for key, mask in self._selector.select(self._timeout()):
                    key.data(mask)
                while self._posted:
                    self._posted.popleft()()
                now = time.monotonic()
                for connection in list(self._connections):
                    if min(connection.up.next_time, connection.down.next_time) <= now:
                        connection.move()
                if self._reopens <= now:
                    self._accept_again()
        finally:
            for connection in list(self._connections):
                connection.close()

    def _timeout(self) -> float | None:
        nearest = self._reopens
        for connection in self._connections:
            nearest = min(nearest, connection.up.next_time, connection.down.next_time)
        return None if nearest == math.inf else max(0.0, nearest - time.monotonic())

    def _refuse(self, seconds: float) -> None:
        self._unlisten(self._main)
        self._reopens = time.monotonic() + seconds

    def _accept_again(self) -> None:
        self._reopens = math.inf
        if self._main not in self._listeners:
            self._main = self._listen((self.host, self.port), self._accept)

    def _release(self) -> None:
        for connection in list(self._connections):
            connection.up.until = connection.down.until = 0.0
            connection.move()

    def _reset(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    def _listen(self, address: Address, accept: Callable[[socket.socket], object]) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # what it accepts inherits them
            listener.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        listener.settimeout(0)
        self._listeners.add(listener)
        self.watch(listener, READ, lambda _: self._take(listener, accept))
        return listener

    def _listen_first(self, host: str, port: int) -> socket.socket:
        """Listen on ``port``, or on one that no outgoing connection gets while we refuse."""
        while True:
            try:
                return self._listen((host, port or passing_port()), self._accept)
            except OSError:  # another process was quicker
                if port:
                    raise

    def _unlisten(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._listeners.discard(listener)
            self.watch(listener, 0)
            listener.close()

    def _take(self, listener: socket.socket, accept: Callable[[socket.socket], object]) -> None:
        try:
            accepted, _ = listener.accept()
        except OSError:  # it went away before we came
            return
        accept(accepted)

    def _accept(self, client: socket.socket) -> None:
        self.join(client, self.upstream)

    def join(
        self,
        accepted: socket.socket,
        other: Address,
        *,
        data: bool = False,
        reverse: bool = False,
    ) -> Connection | None:
        """Connect to the other end of what was accepted; ``reverse``: that is the client."""
        made = socket.socket()
        try:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                made.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            made.settimeout(CONNECT_WITHIN)
            made.connect(other)
        except OSError:
            made.close()
            no_linger(accepted)
            accepted.close()
            return None
        number = sum(each.data == data for each in self.traffic) + 1
        traffic = Traffic(number, data)
        self.traffic.append(traffic)
        client, server = (made, accepted) if reverse else (accepted, made)
        connection = Connection(self, traffic, client, server)
        self._connections.add(connection)
        connection.move()
        return connection
