"""Connections: one per thread and process, never one that may be out of step.

A connection belongs to the thread and the process that opened it. It is not used again after an
error that leaves its state unknown, nor when it has been idle and does not answer. In a forked
child the parent's connections are left alone: closing one would say goodbye on the parent's socket.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

from django.views.decorators.debug import sensitive_variables

from storages.errors import StorageError, Unavailable

__all__ = ["Lease", "PerThread"]

C = TypeVar("C")


class _Slot(Generic[C]):
    """One thread's connection; closed when the thread ends, when dropped, or at exit."""

    def __init__(self, connection: C, close: Callable[[C], object]) -> None:
        self.connection = connection
        self.process = os.getpid()
        self.used = time.monotonic()
        self.users = 0
        self.close = weakref.finalize(self, _close_own, connection, close, self.process)


def _close_own(connection: C, close: Callable[[C], object], process: int) -> None:
    if os.getpid() == process:
        close(connection)
    else:
        # Kept for ever: its destructor would speak on the parent's socket.
        _inherited.append(connection)


_inherited: list[Any] = []


def _keeps_state(error: BaseException) -> bool:
    """An answer such as "not found" leaves the connection usable; anything else may not."""
    return isinstance(error, StorageError) and not isinstance(error, Unavailable)


class PerThread(Generic[C]):
    """Gives each thread a connection of its own.

    Arguments:
        connect: opens a connection.
        close: closes one; must not raise.
        is_alive: asks the server whether one still answers; it is called when the connection has
            not been used for ``idle`` seconds.
        reusable: whether a connection can be used again after an exception passed through.
        idle: seconds; 0 asks before each use.
        max_idle: seconds after which a connection that is not used is closed, in the background;
            None: none is.
        abandon: in a forked child, lets go of the parent's connection without a word on it;
            without, it is kept open until the child ends.

    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        connect: Callable[[], C],
        close: Callable[[C], object],
        *,
        is_alive: Callable[[C], bool] | None = None,
        reusable: Callable[[BaseException], bool] = _keeps_state,
        idle: float = 30.0,
        max_idle: float | None = None,
        abandon: Callable[[C], object] | None = None,
    ) -> None:
        self._connect = connect
        self._close_one = close
        self._is_alive = is_alive
        self._reusable = reusable
        self._idle = idle
        self._max_idle = max_idle
        self._abandon = abandon
        self._local = threading.local()
        self._slots: weakref.WeakSet[_Slot[C]] = weakref.WeakSet()
        # The garbage collector may give a connection back at any moment, also while this is held.
        self._lock = threading.RLock()
        self._closer: _Closer | None = None
        _pools.add(self)

    def __del__(self) -> None:
        # Else a thread would wait for nothing, one for each storage that a request has made.
        closer: _Closer | None = self.__dict__.get("_closer")
        if closer is not None:
            closer.cancel()

    @contextmanager
    def get(self) -> Iterator[C]:
        """Give this thread's connection, opening it first where needed.

        An exception that passes through closes it, unless it is one that leaves it usable.
        """
        slot = self._slot()
        try:
            while not self._enter(slot):  # closed since, by somebody else
                slot = self._slot()
            with self._using(slot):
                yield slot.connection
        finally:
            # A library that keeps what it tried in vain, in circles, keeps its callers' variables.
            del slot

    @contextmanager
    def hold(self, connection: C) -> Iterator[None]:
        """Go on with a connection that ``get`` gave, perhaps to another thread.

        For what outlives the block in which it was opened, such as a file that is being read.
        Raises Unavailable when the connection has been closed since, or is another process's.
        """
        with self._lock:
            slots = [slot for slot in self._slots if slot.connection is connection]
        slot = slots[0] if slots else None
        if slot is None or slot.process != os.getpid() or not self._enter(slot):
            raise Unavailable("The connection was closed meanwhile.")
        with self._using(slot):
            yield

    def take(self) -> Lease[C]:
        """Take this thread's connection away, for one user alone, until it is given back.

        For protocols in which a connection can do one thing at a time: while a file is read, what
        else the thread does uses another one.
        """
        slot = self._slot()
        while not self._enter(slot):
            slot = self._slot()
        del self._local.slot
        return Lease(self, slot)

    def _put_back(self, slot: _Slot[C]) -> None:
        with self._lock:
            slot.users -= 1
            slot.used = time.monotonic()
            alive = slot.close.alive and slot.process == os.getpid()
        if alive and "slot" not in self._local.__dict__:
            self._local.slot = slot
        else:
            slot.close()

    def drop(self) -> None:
        """Close this thread's connection, if it has one."""
        slot: _Slot[C] | None = self._local.__dict__.pop("slot", None)
        if slot is not None:
            slot.close()

    def close(self) -> None:
        """Close every thread's connection; the next use opens a new one."""
        with self._lock:
            slots = list(self._slots)
            closer, self._closer = self._closer, None
        if closer is not None:
            closer.cancel()
        for slot in slots:
            slot.close()

    def __len__(self) -> int:
        """Return how many connections this process has open."""
        with self._lock:
            return sum(s.close.alive and s.process == os.getpid() for s in self._slots)

    def _enter(self, slot: _Slot[C]) -> bool:
        """Count one more user of an open connection; False when it is closed."""
        with self._lock:
            slot.users += slot.close.alive
            return slot.close.alive

    @contextmanager
    def _using(self, slot: _Slot[C]) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if not self._reusable(error):
                if self._local.__dict__.get("slot") is slot:
                    del self._local.slot
                slot.close()
            raise
        finally:
            with self._lock:
                slot.users -= 1
                slot.used = time.monotonic()

    def _slot(self) -> _Slot[C]:
        slot: _Slot[C] | None = self._local.__dict__.get("slot")
        if slot is not None and self._usable(slot):
            return slot
        del slot  # as in get()
        self.drop()
        self._open()
        return cast("_Slot[C]", self._local.slot)

    @sensitive_variables()  # whoever connects has a password
    def _open(self) -> None:
        self._local.slot = _Slot(self._connect(), self._close_one)
        with self._lock:
            self._slots.add(self._local.slot)
            if self._max_idle is not None and self._closer is None:
                self._close_later(self._max_idle)

    def _usable(self, slot: _Slot[C]) -> bool:
        if not slot.close.alive or slot.process != os.getpid():
            return False
        if self._is_alive is None or time.monotonic() - slot.used < self._idle:
            return True
        return self._is_alive(slot.connection)

    def _close_later(self, seconds: float) -> None:
        """Look for idle connections in so many seconds; the lock is held."""
        self._closer = _Closer(seconds, self)
        self._closer.start()

    def _close_idle(self) -> None:
        if self._max_idle is None:
            return
        now = time.monotonic()
        idle, waits = [], []
        with self._lock:
            self._closer = None
            for slot in self._slots:
                if not slot.close.alive or slot.process != os.getpid():
                    continue
                left = self._max_idle - (0.0 if slot.users else now - slot.used)
                if left <= 0:
                    idle.append(slot.close)
                else:
                    waits.append(left)
            # Detached under the lock: a thread that comes now sees that it is closed.
            ends = [found for found in (close.detach() for close in idle) if found is not None]
            if waits:
                self._close_later(min(waits))
        for _, function, args, kwargs in ends:
            function(*args, **(kwargs or {}))

    def _after_fork(self) -> None:
        # Another thread of the parent may have held it at the moment of the fork.
        self._lock = threading.RLock()
        self._closer = None
        if self._abandon is not None:
            for slot in list(self._slots):
                if slot.close.alive:
                    self._abandon(slot.connection)


class Lease(Generic[C]):
    """A connection that was taken away from its thread; closed when nothing refers to this."""

    def __init__(self, pool: PerThread[C], slot: _Slot[C]) -> None:
        self.connection = slot.connection
        self._pool = pool
        self._slot: _Slot[C] | None = slot

    def give_back(self) -> None:
        """Let the thread that calls this have the connection, unless it has one already."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self._pool._put_back(slot)  # noqa: SLF001 - its other half

    def drop(self) -> None:
        """Close the connection."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.close()


class _Closer(threading.Thread):
    """Closes a pool's idle connections in so many seconds, unless it is told to end before."""

    def __init__(self, seconds: float, pool: PerThread[Any]) -> None:
        super().__init__(daemon=True)
        self._seconds = seconds
        # Waiting must not keep a forgotten storage's connections open.
        self._pool = weakref.ref(pool)
        # Unlike threading.Timer's event, it may be told by a garbage collection at any moment.
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self) -> None:
        """Wait, then close."""
        try:
            self._told.get(timeout=self._seconds)
        except queue.Empty:
            pool = self._pool()
            if pool is not None:
                pool._close_idle()  # noqa: SLF001

    def cancel(self) -> None:
        """End without closing any."""
        self._told.put(None)


# One for all: what is registered is never let go of.
_pools: weakref.WeakSet[PerThread[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool._after_fork()  # noqa: SLF001


os.register_at_fork(after_in_child=_after_fork)
