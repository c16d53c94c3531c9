"""What the fault proxy is made of: faults, and connections whose two directions meet them."""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.faults.proxy import TCPProxy

Way = Literal["up", "down"]
UP: Way = "up"  # from the client to the server
DOWN: Way = "down"
Kind = Literal["rst", "fin", "stall", "flip", "rate", "call"]

BLOCK = 64 * 1024
IN_FLIGHT = 16 * 1024 * 1024  # bytes that a line with a delay holds, each way
LONGEST_LINE = 64 * 1024
SLICES = 50  # per second, of a line with a rate
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, once or more often, at one place.

    ``kind``:
        ``rst`` resets both sides; ``fin`` ends both in the orderly way, and what they send after
        that is lost; ``stall`` passes nothing more in that direction for ``seconds``, or for good;
        ``flip`` changes a bit of one byte; ``rate`` passes only ``rate`` bytes per second from
        there on; ``call`` calls ``action`` in the proxy's thread (to kill a server, say).
    ``way``: the direction, seen from the client.
    Where, one of:
        ``at``: before that byte of the connection passes, counted from 0 (the end counts as one).
        ``turn``: before the n-th turn of that direction, counted from 1: a turn begins whenever
        the direction changes, so the n-th turn up is about the n-th request, and the n-th down
        its answer, encrypted or not.
        ``command``, ``line``: of a control connection in the clear: before the first line of that
        command (``way`` up), or the first that answers it (down), which begins with ``line``.
    ``connection``: only on the n-th, counted from 1; ``data``: of an FTP session's data
        connections.
    ``times``: on so many connections at most; None is every time.
    """

    kind: Kind
    way: Way
    at: int | None = None
    turn: int | None = None
    command: str = ""
    line: str = ""
    connection: int | None = None
    data: bool = False
    times: int | None = 1
    seconds: float | None = None
    rate: float = 0.0
    action: Callable[[], object] | None = None

    def offset(self, flow: Flow, block: Block) -> int | None:
        """Where in ``block``, the next of ``flow``, it happens; None if it does not."""
        traffic = flow.connection.traffic
        if flow.swallows or self.way != flow.way or self.data != traffic.data:
            return None
        if self.connection not in (None, traffic.number):
            return None
        if self.at is not None:
            distance = self.at - flow.passed
            return distance if 0 <= distance < max(1, len(block.data)) else None
        if not block.begins or not block.data:
            return None
        if self.turn is not None:
            return 0 if block.turn == self.turn else None
        matches = block.command == self.command or not self.command
        return 0 if block.line and matches and block.line.startswith(self.line) else None


@dataclass
class Traffic:
    """What passed on one connection: bytes and turns, each way."""

    number: int
    data: bool
    up: int = 0
    down: int = 0
    turns_up: int = 0
    turns_down: int = 0
    open: bool = True


@dataclass
class Block:
    """Bytes on their way, due at a time; none are the end of the stream."""

    due: float
    data: memoryview
    begins: bool = True
    turn: int = 0
    command: str = ""
    line: str = ""


@dataclass
class Armed:
    """A fault, and on how many more connections it may happen."""

    fault: Fault
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = math.inf if self.fault.times is None else self.fault.times


class Flow:
    """One direction of a connection."""

    def __init__(
        self, connection: Connection, way: Way, source: socket.socket, sink: socket.socket
    ) -> None:
        self.connection = connection
        self.way: Way = way
        self.source = source
        self.sink = sink
        self.queue: deque[Block] = deque()
        self.held = 0  # bytes in the queue
        self.passed = 0
        self.blocked = False  # the sink takes nothing now
        self.until = 0.0  # nothing passes before
        self.rate = connection.proxy.rate
        self.seen_end = self.ended = False
        self.swallows = False
        self.fired: set[int] = set()  # ids of the armed faults that happened here
        self.edit: Callable[[bytes], tuple[bytes, str]] | None = None
        self.partial = b""

    @property
    def reads(self) -> bool:
        """Whether more is wanted from the source."""
        room = IN_FLIGHT if self.connection.proxy.delay else 1
        return not self.seen_end and self.held < room

    @property
    def next_time(self) -> float:
        """When something can pass, if the sink takes it."""
        if not self.queue or self.blocked:
            return math.inf
        return max(self.until, self.queue[0].due)

    def read(self) -> None:
        """Take what has come."""
        data = self.source.recv(BLOCK)
        due = time.monotonic() + self.connection.proxy.delay
        self.seen_end = not data
        data = self.partial + data
        self.partial = b""
        while self.edit and b"\n" in data:
            line, _, data = data.partition(b"\n")
            edited, command = self.edit(line + b"\n")
            self._put(due, edited, command, line.decode("latin-1"))
        if self.edit and not self.seen_end:
            self.partial = data
            if len(data) > LONGEST_LINE:
                raise ConnectionError("a control line is too long")
            return
        self._put(due, data)
        if self.seen_end and data:
            self._put(due, b"")

    def _put(self, due: float, data: bytes, command: str = "", line: str = "") -> None:
        if data or self.seen_end:
            self.queue.append(Block(due, memoryview(data), command=command, line=line))
            self.held += len(data)

    def move(self, now: float) -> None:
        """Pass on what is due, as far as the sink takes it; let faults happen."""
        while now >= self.next_time and not self.connection.closed:
            block = self.queue[0]
            size = len(block.data)
            if block.begins and size:
                block.turn = self.connection.turned(self.way)
            offset = self.connection.proxy.meets(self, block)
            if offset is None:  # a fault happened before this block
                continue
            if not size:
                self.queue.popleft()
                self.ended = True
                if not self.swallows:
                    self.sink.shutdown(socket.SHUT_WR)
                return
            self._pass(block, min(size, offset), now)

    def _pass(self, block: Block, most: int, now: float) -> None:
        """Pass on the beginning of a block: so much at most."""
        if self.rate:
            most = min(most, max(1, int(self.rate / SLICES)))
        sent = most
        if not self.swallows:
            # Before anybody can have them: who has all looks at the count at once.
            self.connection.count(self.way, most)
            sent = 0
            try:
                with contextlib.suppress(BlockingIOError):
                    sent = self.sink.send(block.data[:most])
            finally:
                self.connection.count(self.way, sent - most)
            self.blocked = sent < most
            self.passed += sent
        if self.rate:
            self.until = now + sent / self.rate
        if not sent:
            return
        block.begins = False
        block.data = block.data[sent:]
        self.held -= sent
        if not block.data:
            self.queue.popleft()


def no_linger(end: socket.socket) -> None:
    """Let closing it reset the connection."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Connection:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(
        self, proxy: TCPProxy, traffic: Traffic, client: socket.socket, server: socket.socket
    ) -> None:
        self.proxy = proxy
        self.traffic = traffic
        self.sockets = (client, server)
        self.up = Flow(self, UP, client, server)
        self.down = Flow(self, DOWN, server, client)
        self.closed = False
        self.listener: socket.socket | None = None  # for its data connection
        self._last: Way | None = None
        for end in self.sockets:
            end.settimeout(0)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._interests = dict.fromkeys(self.sockets, 0)

    def turned(self, way: Way) -> int:
        """Count a turn, if this is one; which it is of its direction."""
        traffic = self.traffic
        if way != self._last:
            self._last = way
            if way == UP:
                traffic.turns_up += 1
            else:
                traffic.turns_down += 1
        return traffic.turns_up if way == UP else traffic.turns_down

    def count(self, way: Way, size: int) -> None:
        """Count bytes that passed."""
        if way == UP:
            self.traffic.up += size
        else:
            self.traffic.down += size

    def ready(self, end: socket.socket, mask: int) -> None:
        """Read from or write to one end."""
        if self.closed:
            return
        outward, inward = (self.up, self.down) if end is self.sockets[0] else (self.down, self.up)
        try:
            if mask & READ and outward.reads:
                outward.read()
            if mask & WRITE:
                inward.blocked = False
        except BlockingIOError:
            pass
        except OSError:
            self.reset()
        self.move()

    def move(self) -> None:
        """Let both directions move; then wait for what they need."""
        now = time.monotonic()
        try:
            for flow in (self.up, self.down):
                flow.move(now)
        except OSError:
            self.reset()
        if self.up.ended and self.down.ended:
            self.close()
        if not self.closed:
            client, server = self.sockets
            self._wait_for(client, self.up, self.down)
            self._wait_for(server, self.down, self.up)

    def _wait_for(self, end: socket.socket, outward: Flow, inward: Flow) -> None:
        wanted = (READ if outward.reads else 0) | (WRITE if inward.blocked else 0)
        if wanted != self._interests[end]:
            self._interests[end] = wanted
            self.proxy.watch(end, wanted, lambda mask: self.ready(end, mask))

    def finish(self) -> None:
        """End both sides in the orderly way; lose what they still send."""
        for flow in (self.up, self.down):
            flow.swallows = True
            flow.blocked = False
            flow.until = 0.0
            with contextlib.suppress(OSError):
                flow.sink.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Reset both sides."""
        for end in self.sockets:
            with contextlib.suppress(OSError):
                no_linger(end)
        self.close()

    def close(self) -> None:
        """Close both sides."""
        if self.closed:
            return
        self.closed = True
        self.traffic.open = False
        self.proxy.forget(self)
        for end in self.sockets:
            self.proxy.watch(end, 0)
            end.close()
