"""What holds when MogileFS's storage nodes are down, break off, or have damaged copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storages.errors import Corrupt, StorageError, Unavailable
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
from tests.faults.proxy import DOWN, TCPProxy
from tests.faults.proxy import Fault as WireFault
from tests.servers.http import Reply, Request


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain, whose nodes may be told what to do."""
    with Place() as place:
        yield place


def test_one_node_is_down(place: Place) -> None:
    """Its copies are passed over, before and after the trackers know."""
    for number in put(place, MEDIUM):
        place.fail(lambda _: Reply(502), number)
        # Which one is told first is chance.
        while not place.between[number].requests:
            assert read(place.storage()) == MEDIUM
        place.between[number].fault = None


def test_a_node_that_failed_is_left_alone(place: Place) -> None:
    """For five seconds it is asked after the others."""
    number, other = put(place, MEDIUM)
    place.fail(lambda _: Reply(502), number)
    storage = place.storage()
    while not place.between[number].requests:
        assert read(storage) == MEDIUM
    place.asked()
    for _ in range(8):
        assert read(storage) == MEDIUM
    assert not place.between[number].requests
    assert len(place.between[other].requests) == 8


@pytest.mark.parametrize("kind", ["rst", "fin", "stall"])
@pytest.mark.parametrize("mogile_class", ["two", "hashed-two"])
def test_a_node_breaks_off(place: Place, mogile_class: str, kind: Any) -> None:
    """Another one goes on from that byte: no byte twice, none missing."""
    numbers = put(place, LARGE, mogile_class)
    first, second = (place.cluster.nodes[number] for number in numbers)
    with TCPProxy(first.port) as one, TCPProxy(second.port) as other:
        place.cluster.show(first, one.port)
        place.cluster.show(second, other.port)
        storage = place.storage(read_timeout=1.0)
        for proxy in (one, other):
            proxy.arm(WireFault(kind, DOWN, at=2 * MiB))
        with storage.open("a.bin") as file:
            begun = file.read(1000)
            # One may break off once, as it is; the other must go on to the end.
            victim, rest = (one, other) if one.traffic else (other, one)
            rest.clear()
            assert begun + file.read() == LARGE
        victim.wait_fired()
        assert one.down + other.down < len(LARGE) + 2 * MiB
        assert rest.down > MiB


@pytest.mark.parametrize("kind", ["rst", "stall"])
def test_the_only_copy_breaks_off(place: Place, kind: Any) -> None:
    """It goes on where it broke off, and all of it is compared with its hash."""
    (number,) = put(place, LARGE, "hashed")
    node = place.cluster.nodes[number]
    with TCPProxy(node.port) as proxy:
        place.cluster.show(node, proxy.port)
        proxy.arm(WireFault(kind, DOWN, at=2 * MiB), WireFault(kind, DOWN, at=MiB, connection=2))
        storage = place.storage(read_timeout=1.0)
        assert read(storage) == LARGE
        proxy.wait_fired(2)
        storage.close()
        assert proxy.down < len(LARGE) + 2 * MiB
        place.cluster.corrupt(place.domain, "a.bin", number + 1, MiB)
        proxy.clear()
        proxy.arm(WireFault(kind, DOWN, at=2 * MiB))
        with pytest.raises(Corrupt):
            read(storage)
        proxy.wait_fired()


def test_all_nodes_break_off(place: Place) -> None:
    """The tracker is asked anew, and once more everywhere; then it is Unavailable."""
    put(place, LARGE)
    place.fail(lambda _: Reply(200, body=LARGE, cut=MiB))
    with pytest.raises(Unavailable), place.storage().open("a.bin") as file:
        file.read()
    assert faults(place) > 2


def test_copies_are_gone(place: Place) -> None:
    """404 of a node says nothing about the file: the tracker knows that it is there."""
    put(place, MEDIUM)
    place.fail(lambda _: Reply(404))
    with pytest.raises(Unavailable, match="No copy"):
        place.storage().open("a.bin")


@pytest.mark.parametrize("size", [100, 100 * KiB, 4 * MiB])
def test_a_short_copy(place: Place, size: int) -> None:
    """It is passed over, from the start and from the middle."""
    content = LARGE[:size]
    devices = [number + 1 for number in put(place, content)]
    place.cluster.shorten(place.domain, "a.bin", devices[0], size // 2)
    storage = place.storage()
    for _ in range(4):
        assert read(storage) == content
        with storage.open("a.bin") as file:
            file.seek(size - 10)
            assert file.read() == content[-10:]
    place.cluster.shorten(place.domain, "a.bin", devices[1], size // 2)
    with pytest.raises(Corrupt):
        read(storage)


@pytest.mark.parametrize("size", [100, 256 * KiB])
def test_a_damaged_copy_of_a_small_file(place: Place, size: int) -> None:
    """It is noticed before a byte is handed out; another copy is read."""
    content = LARGE[:size]
    devices = [number + 1 for number in put(place, content, "hashed-two")]
    place.cluster.corrupt(place.domain, "a.bin", devices[0], size // 2)
    place.asked()
    # Which one is told first is chance: until both were read by one of these.
    while place.asked()["GET"] < 2:
        assert read(place.storage()) == content
    place.cluster.corrupt(place.domain, "a.bin", devices[1], 5)
    with pytest.raises(Corrupt):
        place.storage().open("a.bin")


def test_a_damaged_copy_of_a_large_file(place: Place) -> None:
    """It is noticed at its end; whoever opens it again gets the other copy."""
    devices = [number + 1 for number in put(place, LARGE, "hashed-two")]
    place.cluster.corrupt(place.domain, "a.bin", devices[0], 3 * MiB)
    storage = place.storage()
    noticed = 0
    for _ in range(20):
        try:
            assert read(storage) == LARGE
        except Corrupt as error:
            noticed += "Open it again" in str(error)
    assert noticed <= 1
    while not noticed:  # it was never the first of the two
        try:
            assert read(place.storage()) == LARGE
        except Corrupt:
            noticed += 1


def test_what_is_damaged_stays_so(place: Place) -> None:
    """Who goes on after Corrupt gets it again, not the end of the file."""
    (number,) = put(place, LARGE, "hashed")
    place.cluster.corrupt(place.domain, "a.bin", number + 1, MiB)
    with place.storage().open("a.bin") as file:
        assert file.read(3 * MiB) == damaged_at(LARGE, MiB)[: 3 * MiB]
        for _ in range(3):
            with pytest.raises(Corrupt):
                file.read(2 * MiB)
        with pytest.raises(Corrupt):
            file.read(1)
        file.seek(2 * MiB)
        assert file.read(10) == LARGE[2 * MiB : 2 * MiB + 10]


def test_what_is_read_again_is_compared_again(place: Place) -> None:
    """``chunks()`` begins anew."""
    (number,) = put(place, LARGE, "hashed")
    storage = place.storage()
    with storage.open("a.bin") as file:
        assert b"".join(file.chunks()) == LARGE
        place.cluster.corrupt(place.domain, "a.bin", number + 1, MiB)
        with pytest.raises(Corrupt):
            list(file.chunks())


def test_a_node_that_knows_no_ranges(place: Place) -> None:
    """It is read on to the place."""
    put(place, MEDIUM)
    place.fail(lambda _: Reply(200, body=MEDIUM))
    with place.storage().open("a.bin") as file:
        file.seek(290 * KiB)
        assert file.read() == MEDIUM[290 * KiB :]


def test_a_node_that_sends_another_range(place: Place) -> None:
    """What it was not asked for is not taken."""
    numbers = put(place, MEDIUM)

    def wrong(request: Request) -> Reply | None:
        if not request.range:
            return None
        size = len(MEDIUM)
        return Reply(206, {"Content-Range": f"bytes {size - 5}-{size - 1}/{size}"}, MEDIUM[-5:])

    place.fail(wrong, numbers[0])
    # Which one is told first is chance.
    while not any(request.range for request in place.between[numbers[0]].requests):
        with place.storage().open("a.bin") as file:
            file.seek(290 * KiB)
            assert file.read() == MEDIUM[290 * KiB :]


def test_a_part_moves_a_part(place: Place) -> None:
    """4 KiB out of the middle of 4 MiB move less than 1 MiB."""
    (number,) = put(place, LARGE, "default")
    node = place.cluster.nodes[number]
    with TCPProxy(node.port) as proxy:
        place.cluster.show(node, proxy.port)
        storage = place.storage()
        with storage.open("a.bin") as file:
            file.seek(2 * MiB)
            assert file.read(4 * KiB) == LARGE[2 * MiB : 2 * MiB + 4 * KiB]
        storage.close()
        assert 0 < proxy.down < MiB


def test_errors_say_where(place: Place) -> None:
    """The node's address is in the words, the operation and the name in the error."""
    put(place, MEDIUM)
    place.fail(lambda _: Reply(503, body=b"maintenance"))
    with pytest.raises(StorageError, match="maintenance") as caught:
        place.storage().open("a.bin")
    assert caught.value.operation == "open_read"
    assert caught.value.name == "a.bin"
