"""Connections: one per thread and process, and never one that may be out of step."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from storages.connections import PerThread
from storages.errors import NotFound, Unavailable


class Server:
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        self.opened: list[object] = []
        self.closed: list[object] = []
        self.alive = True

    def connect(self) -> object:
        """Open a connection."""
        connection = object()
        self.opened.append(connection)
        return connection

    def pool(self, idle: float = 30, max_idle: float | None = None) -> PerThread[object]:
        """Return a pool on this server."""
        return PerThread(
            self.connect,
            self.closed.append,
            is_alive=lambda _: self.alive,
            idle=idle,
            max_idle=max_idle,
        )


def test_a_thread_keeps_its_connection() -> None:
    """Opened at the first use, used again after."""
    server = Server()
    pool = server.pool()
    assert len(pool) == 0
    with pool.get() as first:
        pass
    with pool.get() as second:
        pass
    assert first is second
    assert (len(server.opened), len(pool)) == (1, 1)


def test_threads_have_their_own_and_close_them_when_they_end() -> None:
    """Nothing is shared, nothing is left over."""
    server = Server()
    pool = server.pool()

    def use() -> None:
        with pool.get():
            pass

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert len(server.opened) == 4
    assert sorted(map(id, server.closed)) == sorted(map(id, server.opened))


@pytest.mark.parametrize(
    ("error", "opened"), [(NotFound, 1), (Unavailable, 2), (KeyError, 2), (KeyboardInterrupt, 2)]
)
def test_a_connection_is_used_again_only_after_a_clear_answer(
    error: type[BaseException], opened: int
) -> None:
    """Anything but a definite answer closes it."""
    server = Server()
    pool = server.pool()
    with pytest.raises(error), pool.get():
        raise error
    with pool.get():
        pass
    assert len(server.opened) == opened
    assert len(server.closed) == opened - 1


def test_an_idle_connection_that_does_not_answer_is_replaced() -> None:
    """One that has been used a moment ago is not asked."""
    server = Server()
    idle, busy = server.pool(idle=0), server.pool(idle=60)
    for pool in (idle, busy):
        with pool.get():
            pass
    server.alive = False
    for pool in (idle, busy):
        with pool.get():
            pass
    assert len(server.opened) == 3


def test_close_closes_the_connections_of_all_threads() -> None:
    """And the pool works on."""
    server = Server()
    pool = server.pool()
    opened, go = threading.Event(), threading.Event()

    def use() -> None:
        with pool.get():
            opened.set()
            go.wait(10)

    thread = threading.Thread(target=use)
    thread.start()
    assert opened.wait(10)
    with pool.get():
        pass
    pool.close()
    assert len(server.closed) == 2
    assert len(pool) == 0
    go.set()
    thread.join()
    with pool.get():
        pass
    assert len(server.opened) == 3


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_and_leaves_the_parents_alone() -> None:
    """A goodbye of the child's would end the parent's session."""
    server = Server()
    pool = server.pool()
    with pool.get() as parents:
        pass
    child = os.fork()
    if child == 0:
        try:
            with pool.get() as own:
                pass
            pool.close()
            fine = own is not parents and server.closed == [own]
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            fine = False
        os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with pool.get() as again:
        pass
    assert again is parents


def test_a_forked_child_can_let_go_of_the_parents_at_once() -> None:
    """Where leaving it alone is not enough: its destructor would speak."""
    server = Server()
    abandoned: list[object] = []
    pool = PerThread(server.connect, server.closed.append, abandon=abandoned.append)
    with pool.get() as parents:
        pass
    child = os.fork()
    if child == 0:
        os._exit(0 if abandoned == [parents] and server.closed == [] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert abandoned == []


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait, at most ten seconds."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_idle_connection_is_closed_and_the_next_use_opens_another() -> None:
    """In the background: nobody needs to come by."""
    server = Server()
    pool = server.pool(max_idle=0.05)
    with pool.get() as first:
        pass
    wait_until(lambda: len(pool) == 0)
    assert server.closed == [first]
    with pool.get() as second:
        assert second is not first
    wait_until(lambda: server.closed == [first, second])


def test_a_dropped_pool_leaves_no_thread_that_waits() -> None:
    """Each request may make a storage, and drop it, minutes before its connection is idle."""
    server = Server()
    before = set(threading.enumerate())
    pool = server.pool(max_idle=600)
    with pool.get() as connection:
        pass
    (waiting,) = set(threading.enumerate()) - before
    del pool
    gc.collect()
    waiting.join(60)
    assert not waiting.is_alive()
    assert server.closed == [connection]


def test_a_connection_in_use_is_not_idle() -> None:
    """However long it takes, be it by ``get`` or by ``hold``; both end the use."""
    server = Server()
    pool = server.pool(max_idle=0.05)
    with pool.get() as connection:
        time.sleep(0.2)
        with pool.hold(connection):
            pass
        time.sleep(0.2)
        assert server.closed == []
    with pool.hold(connection):
        time.sleep(0.2)
        assert server.closed == []
    wait_until(lambda: server.closed == [connection])


def test_a_held_connection_is_that_of_another_thread() -> None:
    """After an error it is closed, whosever it is; then it cannot be held any more."""
    server = Server()
    pool = server.pool()
    with pool.get() as connection:
        pass

    def fail() -> None:
        with pool.hold(connection):
            raise Unavailable

    with ThreadPoolExecutor(1) as other, pytest.raises(Unavailable):
        other.submit(fail).result()
    assert server.closed == [connection]
    with pytest.raises(Unavailable), pool.hold(connection):
        pass
    with pool.get() as another:
        assert another is not connection


def test_a_closed_pool_looks_for_idle_connections_no_more() -> None:
    """The thread that does so ends, and begins again with the next connection."""
    server = Server()
    pool = server.pool(max_idle=30)
    with pool.get():
        pass
    waiting = pool._closer
    assert waiting is not None
    pool.close()
    waiting.join(10)
    assert not waiting.is_alive()
    with pool.get():
        assert pool._closer is not None
    pool.close()


def test_a_taken_connection_is_one_users_alone() -> None:
    """Meanwhile the thread opens another; given back, the one that it does not need is closed."""
    server = Server()
    pool = server.pool()
    with pool.get() as first:
        pass
    lease = pool.take()
    assert lease.connection is first
    with pool.get() as second:
        assert second is not first
    lease.give_back()
    lease.give_back()
    assert server.closed == [first]
    other = pool.take()
    assert other.connection is second
    other.give_back()
    with pool.get() as third:
        assert third is second


def test_a_taken_connection_is_closed_when_it_is_dropped_or_forgotten() -> None:
    """Nobody else could ever close it."""
    server = Server()
    pool = server.pool()
    lease = pool.take()
    lease.drop()
    assert server.closed == server.opened
    lease = pool.take()
    del lease
    gc.collect()
    assert server.closed == server.opened
    assert len(server.opened) == 2
    assert len(pool) == 0


def test_a_taken_connection_is_not_idle_and_closes_with_the_pool() -> None:
    """A reader may pause for longer than connections are kept."""
    server = Server()
    pool = server.pool(max_idle=0.05)
    lease = pool.take()
    time.sleep(0.3)  # several times as long
    assert server.closed == []
    pool.close()
    assert server.closed == server.opened
    lease.give_back()
    assert len(pool) == 0


def test_a_forgotten_pool_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage may be made for each request; what is registered for forks is never let go of."""
    registered: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **given: registered.append(given))
    server = Server()
    pool = server.pool()
    with pool.get():
        pass
    found = weakref.ref(pool)
    del pool
    gc.collect()
    assert found() is None
    assert not registered
