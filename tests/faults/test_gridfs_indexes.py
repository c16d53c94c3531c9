"""How long GridFS's storage waits for the answer about an index: see storages' gridfs/indexes.py.

That an index is there is asked by who makes it; the answer may be lost, and building may be slow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from pymongo import MongoClient

from storages.backends.gridfs import GridFSStorage
from storages.errors import Timeout
from storages.retry import NO_RETRY, Retry
from tests.backends import gridfs_bucket
from tests.backends.gridfs_commands import Commands
from tests.faults.proxy import DOWN, Fault, TCPProxy
from tests.servers import shared
from tests.servers.process import HOST
from tests.servers.secantus import Secantus

TIMEOUT = 1.0  # seconds, of the storage
MARGIN = 10.0  # seconds that a busy machine may take beside waiting for the server
MANY = 1001  # documents, of which an index may take longer than a command
INDEXES = ["createIndexes files", "createIndexes files", "createIndexes chunks"]


class Held(Commands):
    """Holds the answers to some createIndexes, counted from 1, for so many seconds."""

    def __init__(self, proxy: TCPProxy, *which: int, seconds: float | None = None) -> None:
        super().__init__()
        self.proxy = proxy
        self.which = which
        self.seconds = seconds
        self.count = 0

    def started(self, event: Any) -> None:
        """A command is about to be sent, on the connection that was made last."""
        super().started(event)
        if event.command_name != "createIndexes":
            return
        self.count += 1
        if self.count in self.which:
            last = self.proxy.traffic[-1]
            fault = Fault(
                "stall",
                DOWN,
                turn=last.turns_down + 1,
                connection=last.number,
                seconds=self.seconds,
            )
            self.proxy.arm(fault)


@pytest.fixture
def proxy() -> Iterator[TCPProxy]:
    """The way to the server."""
    with TCPProxy(shared(Secantus).port) as made:
        yield made
        made.release()


name = gridfs_bucket.name


def client_of(proxy: TCPProxy, listener: Commands) -> MongoClient[dict[str, Any]]:
    """A client with one connection at a time, beside the one that looks whether it is there."""
    return MongoClient(
        f"mongodb://{HOST}:{proxy.port}/",
        event_listeners=[listener],
        serverMonitoringMode="poll",
        heartbeatFrequencyMS=600_000,
    )


def storage_of(client: MongoClient[dict[str, Any]], name: str, retry: Retry) -> GridFSStorage:
    """A storage that waits for a second."""
    storage = GridFSStorage(database=client[name], timeout=TIMEOUT, connect_timeout=MARGIN)
    storage.retry = retry
    return storage


def fill(name: str) -> None:
    """Have more files than an index is built of at once."""
    with shared(Secantus).client() as client:
        client[name].fs.files.insert_many(
            [{"filename": f"{number:05}", "length": 0} for number in range(MANY)]
        )


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_lost_answer(proxy: TCPProxy, name: str, which: int) -> None:
    """It is waited for as any other, and asked for again."""
    held = Held(proxy, which)
    with client_of(proxy, held) as client, held.during() as asked:
        storage = storage_of(client, name, Retry(attempts=2, backoff=0.01))
        started = time.monotonic()
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
        assert time.monotonic() - started < TIMEOUT + MARGIN
        proxy.wait_fired()
        count = ["count files" if which < 3 else "count chunks"]
        assert asked[: which + 4] == [*INDEXES[:which], *count, *INDEXES]


def test_a_lost_answer_about_many_files(proxy: TCPProxy, name: str) -> None:
    """It may be that they take long; who asks again is told at once that it is done."""
    fill(name)
    held = Held(proxy, 1)
    with client_of(proxy, held) as client, held.during() as asked:
        storage = storage_of(client, name, NO_RETRY)
        started = time.monotonic()
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
        assert time.monotonic() - started < TIMEOUT + MARGIN
        proxy.wait_fired()
        assert asked[:5] == [INDEXES[0], "count files", *INDEXES]


def test_an_index_of_many_files(proxy: TCPProxy, name: str) -> None:
    """It may take longer than other commands: here three seconds each time it is asked for."""
    fill(name)
    held = Held(proxy, 1, 2, seconds=3 * TIMEOUT)
    with client_of(proxy, held) as client, held.during() as asked:
        storage = storage_of(client, name, NO_RETRY)
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
        proxy.wait_fired(2)
        assert asked[:5] == [INDEXES[0], "count files", *INDEXES]


def test_no_answer_for_many_files(proxy: TCPProxy, name: str) -> None:
    """Not even in the time that building may take: a Timeout, and nothing is stored."""
    fill(name)
    held = Held(proxy, 1, 2)
    with (
        client_of(proxy, held) as client,
        mock.patch("storages.backends.gridfs.indexes._BUILDING", 3 * TIMEOUT),
    ):
        storage = storage_of(client, name, NO_RETRY)
        started = time.monotonic()
        with pytest.raises(Timeout):
            storage.save("a.txt", ContentFile(b"x"))
        assert 3.9 * TIMEOUT < time.monotonic() - started < 4 * TIMEOUT + MARGIN
        proxy.wait_fired(2)
        assert not storage.exists("a.txt")


def test_a_silent_server(proxy: TCPProxy, name: str) -> None:
    """A server that does not answer at all is not asked how much it has."""
    fill(name)
    proxy.arm(Fault("stall", DOWN, turn=1, times=None))
    asked = Commands()
    with client_of(proxy, asked) as client:
        storage = storage_of(client, name, NO_RETRY)
        storage.connect_timeout = 3 * TIMEOUT
        started = time.monotonic()
        with pytest.raises(Timeout):
            storage.save("a.txt", ContentFile(b"x"))
        assert time.monotonic() - started < 5.9 * TIMEOUT
        assert asked.asked == []
