"""Connections: one per thread and process, never one that may be out of step.

A connection belongs to the thread and the process that opened it. It is not used again after an
error that leaves its state unknown, nor when it has been idle and does not answer. In a forked
child the parent's connections are left alone: closing one would say goodbye on the parent's socket.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from storages.errors import StorageError, Unavailable

__all__ = ["PerThread"]

C = TypeVar("C")


class _Slot(Generic[C]):
    """One thread's connection; closed when the thread ends, when dropped, or at exit."""

    def __init__(self, connection: C, close: Callable[[C], object]) -> None:
        self.connection = connection
        self.process = os.getpid()
        self.used = time.monotonic()
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

    """

    def __init__(
        self,
        connect: Callable[[], C],
        close: Callable[[C], object],
        *,
        is_alive: Callable[[C], bool] | None = None,
        reusable: Callable[[BaseException], bool] = _keeps_state,
        idle: float = 30.0,
    ) -> None:
        self._connect = connect
        self._close_one = close
        self._is_alive = is_alive
        self._reusable = reusable
        self._idle = idle
        self._local = threading.local()
        self._slots: weakref.WeakSet[_Slot[C]] = weakref.WeakSet()
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=_renewer(weakref.ref(self)))

    @contextmanager
    def get(self) -> Iterator[C]:
        """Give this thread's connection, opening it first where needed.

        An exception that passes through closes it, unless it is one that leaves it usable.
        """
        slot = self._slot()
        try:
            yield slot.connection
        except BaseException as error:
            if not self._reusable(error):
                self.drop()
            raise
        slot.used = time.monotonic()

    def drop(self) -> None:
        """Close this thread's connection, if it has one."""
        slot: _Slot[C] | None = self._local.__dict__.pop("slot", None)
        if slot is not None:
            slot.close()

    def close(self) -> None:
        """Close every thread's connection; the next use opens a new one."""
        with self._lock:
            slots = list(self._slots)
        for slot in slots:
            slot.close()

    def __len__(self) -> int:
        """Return how many connections this process has open."""
        with self._lock:
            return sum(s.close.alive and s.process == os.getpid() for s in self._slots)

    def _slot(self) -> _Slot[C]:
        slot: _Slot[C] | None = self._local.__dict__.get("slot")
        if slot is not None and not self._usable(slot):
            self.drop()
            slot = None
        if slot is None:
            slot = self._local.slot = _Slot(self._connect(), self._close_one)
            with self._lock:
                self._slots.add(slot)
        return slot

    def _usable(self, slot: _Slot[C]) -> bool:
        if not slot.close.alive or slot.process != os.getpid():
            return False
        if self._is_alive is None or time.monotonic() - slot.used < self._idle:
            return True
        return self._is_alive(slot.connection)


def _renewer(reference: weakref.ref[PerThread[Any]]) -> Callable[[], None]:
    def renew() -> None:
        pool = reference()
        if pool is not None:
            # Another thread of the parent may have held it at the moment of the fork.
            pool._lock = threading.Lock()  # noqa: SLF001

    return renew
