"""What holds when MogileFS's storage nodes refuse, break off or damage what they are sent."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile, File

from storages.errors import Corrupt, Timeout, Unavailable
from storages.retry import NO_RETRY, deadline
from tests.backends.mogile_place import (
    LARGE,
    MEDIUM,
    KiB,
    MiB,
    Place,
    damaged_at,
    faults,
    put,
    read,
)
from tests.faults.proxy import UP, TCPProxy
from tests.faults.proxy import Fault as WireFault
from tests.servers.http import Reply, Request
from tests.servers.process import HOST, free_port


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain, whose nodes may be told what to do."""
    with Place() as place:
        yield place


# ---------------------------------------------------------------------------- storing


class Once:
    """Does something with the first PUT, wherever it goes; the others pass."""

    def __init__(self, reply: Reply, method: str = "PUT") -> None:
        self.fired = 0
        self._reply = reply
        self._method = method

    def __call__(self, request: Request) -> Reply | None:
        """Give the reply, or let it pass."""
        if request.method != self._method or self.fired:
            return None
        self.fired += 1
        return self._reply


@pytest.mark.parametrize("status", [302, 400, 403, 404, 500, 502, 503, 507])
def test_mog_3_the_first_node_refuses(place: Place, status: int) -> None:
    """MOG-3: the next one is given the file."""
    fault = Once(Reply(status, body=b"no"))
    place.fail(fault)
    storage = place.storage()
    assert storage.save("a.bin", ContentFile(MEDIUM)) == "a.bin"
    assert fault.fired == 1
    assert place.asked()["PUT"] == 2
    assert read(storage) == MEDIUM


def test_mog_3_two_nodes_refuse(place: Place) -> None:
    """MOG-3: and the third; the tracker is told which one has it."""
    for number in (0, 2):
        place.fail(lambda _: Reply(500), number)
    storage = place.storage()
    for _ in range(5):
        storage.save("a.bin", ContentFile(MEDIUM))
    assert place.cluster.devices(place.domain, "a.bin") == [2]


def test_mog_3_a_node_that_is_gone(place: Place) -> None:
    """MOG-3: a refused connection, before the trackers have noticed."""
    for number in (0, 2):
        place.cluster.show(place.cluster.nodes[number], free_port())
    for _ in range(3):  # which is tried first is chance
        assert read(place.storage(), place.storage().save("a.bin", ContentFile(MEDIUM))) == MEDIUM
    assert [len(between.requests) > 0 for between in place.between] == [False, True, False]


@pytest.mark.parametrize("kind", ["rst", "fin", "stall"])
@pytest.mark.parametrize("at", [0, 100 * KiB, 3 * MiB])
def test_mog_3_an_upload_is_cut(place: Place, kind: Any, at: int) -> None:
    """MOG-3: reset, ended or stalled, at the beginning or late: the next node has all of it."""
    storage = place.storage(read_timeout=1.0, connect_timeout=5.0)
    nodes = place.cluster.nodes
    with TCPProxy(nodes[0].port) as first, TCPProxy(nodes[1].port) as second:
        place.cluster.nodes[2].kill()
        place.cluster.watch()
        place.cluster.show(nodes[0], first.port)
        place.cluster.show(nodes[1], second.port)
        storage.retry = NO_RETRY
        first.arm(WireFault(kind, UP, at=at, times=None))
        # So the first one is given the file first.
        storage._cluster.node_failed(f"http://{HOST}:{second.port}/")
        assert storage.save("a.bin", ContentFile(LARGE)) == "a.bin"
        first.wait_fired()
        first.clear()
        assert read(storage) == LARGE
    assert place.keys() == ["a.bin"]


def test_all_nodes_refuse(place: Place) -> None:
    """Unavailable; nothing is there, what was there is unchanged."""
    put(place, MEDIUM)
    place.fail(lambda request: Reply(503) if request.method == "PUT" else None)
    storage = place.storage()
    with pytest.raises(Unavailable, match="503"):
        storage.save("b.bin", ContentFile(b"x"))
    with pytest.raises(Unavailable), storage.open("a.bin", "wb") as file:
        file.write(b"new")
    assert place.keys() == ["a.bin"]
    assert read(storage) == MEDIUM


def test_all_nodes_are_down(place: Place) -> None:
    """Neither saving nor reading; but what is not there is known, and nothing is "missing"."""
    put(place, MEDIUM)
    storage = place.storage()
    for node in place.cluster.nodes:
        node.kill()
    place.fail(lambda _: Reply(502))
    place.cluster.watch()
    with pytest.raises(Unavailable, match="mogadm check"):
        storage.save("b.bin", ContentFile(b"x"))
    with pytest.raises(Unavailable):
        storage.open("a.bin")
    assert storage.exists("a.bin")
    assert not storage.exists("b.bin")
    assert storage.size("a.bin") == len(MEDIUM)
    assert storage.listdir("") == ([], ["a.bin"])
    assert place.keys() == ["a.bin"]


def test_a_failing_source_leaves_nothing(place: Place) -> None:
    """What it raises is raised; the tracker deletes what came of it."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > MiB:
                raise ZeroDivisionError
            return super().read(size)

    storage = place.storage()
    storage.save("warm", ContentFile(b""))
    place.commands()
    with pytest.raises(ZeroDivisionError):
        storage.save("a.bin", File(Failing(LARGE)))
    assert place.keys() == ["warm"]
    # Closed without a key: that is how an upload is given up.
    assert place.commands()["create_close"] == 1


def test_no_answer_within_the_deadline(place: Place) -> None:
    """A stalled node is waited for no longer than that."""
    place.fail(lambda _: Reply(200, body=b"well", stall=30))
    storage = place.storage()
    started = time.monotonic()
    with deadline(1.0), pytest.raises(Timeout):
        storage.save("a.bin", ContentFile(MEDIUM))
    # And a grace for cleaning up.
    assert time.monotonic() - started < 15
    assert place.keys() == []
    assert faults(place) >= 1


# --------------------------------------------------------------------- what is stored


class Changing:
    """Changes what the first so many PUTs bring."""

    def __init__(self, change: Callable[[bytes], bytes], times: int = 1) -> None:
        self.fired = 0
        self._change = change
        self._times = times

    def __call__(self, request: Request) -> Reply | None:
        """Change it, and let it pass."""
        if request.method == "PUT" and self.fired < self._times:
            self.fired += 1
            request.body = self._change(request.body)
            request.headers["content-length"] = str(len(request.body))
        return None


def damaged(content: bytes) -> bytes:
    """Change a bit in the middle."""
    return damaged_at(content, len(content) // 2)


@pytest.mark.parametrize("size", [300, 4 * MiB])
def test_content_damaged_on_its_way(place: Place, size: int) -> None:
    """In a class with a hash the tracker notices, and it is sent again."""
    fault = Changing(damaged)
    place.fail(fault)
    storage = place.storage(mogile_class="hashed")
    assert storage.save("a.bin", ContentFile(LARGE[:size])) == "a.bin"
    assert fault.fired == 1
    # Another node was given it then.
    assert sum(bool(between.requests) for between in place.between) == 2
    assert place.asked()["PUT"] == 2
    assert read(storage) == LARGE[:size]


def test_content_damaged_again_and_again(place: Place) -> None:
    """Corrupt; nothing is there, what was there is unchanged."""
    put(place, MEDIUM)
    fault = Changing(damaged, 9)
    place.fail(fault)
    storage = place.storage(mogile_class="hashed")
    with pytest.raises(Corrupt, match="checksum_mismatch"):
        storage.save("b.bin", ContentFile(LARGE))
    with pytest.raises(Corrupt), storage.open("a.bin", "wb") as file:
        file.write(LARGE)
    assert fault.fired == 4
    assert place.keys() == ["a.bin"]
    assert read(storage) == MEDIUM


def test_a_node_keeps_less_than_it_was_sent(place: Place) -> None:
    """The tracker compares the length; it is sent again."""
    fault = Changing(lambda content: content[:-1])
    place.fail(fault)
    storage = place.storage()
    assert storage.save("a.bin", ContentFile(MEDIUM)) == "a.bin"
    assert fault.fired == 1
    assert place.asked()["PUT"] == 2
    assert read(storage) == MEDIUM


@pytest.mark.parametrize("mogile_class", [None, "hashed"])
def test_a_node_keeps_something_of_an_empty_file(place: Place, mogile_class: str | None) -> None:
    """Trackers do not compare a length of 0, so the storage does."""
    fault = Changing(lambda _: b"bytes")
    place.fail(fault)
    storage = place.storage(mogile_class=mogile_class)
    assert storage.save("a.bin", ContentFile(b"")) == "a.bin"
    assert fault.fired == 1
    assert storage.size("a.bin") == 0
    assert place.asked() == {"PUT": 2, "HEAD": 2}
