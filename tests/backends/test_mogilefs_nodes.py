"""MogileFS with storage nodes that are down, break off, lie about lengths and damage content."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.test import RequestFactory, override_settings

from storages.backends.mogilefs import MogileFSStorage, serve_mogilefs_file
from storages.backends.mogilefs.cluster import fid_of
from storages.errors import Corrupt, StorageError, Timeout, Unavailable
from storages.retry import NO_RETRY, deadline
from tests.backends.mogile_place import Place, Storage
from tests.faults.proxy import DOWN, UP, TCPProxy
from tests.faults.proxy import Fault as WireFault
from tests.servers.http import Reply, Request
from tests.servers.process import HOST, free_port

KiB = 1024
MiB = 1024 * KiB
LARGE = bytes(range(256)) * 4 * KiB * 4  # 4 MiB
MEDIUM = LARGE[: 300 * KiB]


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain, whose nodes may be told what to do."""
    with Place() as place:
        yield place


def read(storage: MogileFSStorage, name: str = "a.bin") -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


def put(place: Place, content: bytes, mogile_class: str = "two") -> list[int]:
    """Save ``a.bin``, wait for its copies, return the numbers of the nodes that have them."""
    place.storage(mogile_class=mogile_class).save("a.bin", ContentFile(content))
    place.cluster.settle()
    numbers = [devid - 1 for devid in place.cluster.devices(place.domain, "a.bin")]
    for between in place.between:
        between.requests.clear()
    return numbers


def faults(place: Place) -> int:
    """How many replies have cut, stalled or lied."""
    return sum(between.faults for between in place.between)


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


def test_the_copies_cannot_be_reached_for_the_view(place: Place) -> None:
    """A file without a copy that can be reached is not one that is not there."""
    put(place, MEDIUM)
    storage = place.storage()
    real = storage._cluster.trackers.ask

    def ask(command: str, *args: Any, **how: Any) -> dict[str, str]:
        # What the real tracker says for a moment, after the only copy's node went down.
        return {"paths": "0"} if command == "get_paths" else real(command, *args, **how)

    storage._cluster.trackers.ask = ask  # type: ignore[method-assign] # a fake
    with pytest.raises(Unavailable):
        storage.get_mogile_paths("a.bin")
    with pytest.raises(Unavailable):
        storage.open("a.bin")


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
    place.fail(lambda _: Reply(200, body=b"well", stall=5))
    storage = place.storage()
    started = time.monotonic()
    with deadline(1.0), pytest.raises(Timeout):
        storage.save("a.bin", ContentFile(MEDIUM))
    # And a grace for cleaning up.
    assert time.monotonic() - started < 4.5
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


def damaged_at(content: bytes, at: int) -> bytes:
    """Change a bit there."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


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


# ----------------------------------------------------------------------------- reading


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
    for _ in range(6):
        assert read(place.storage()) == content
    # Both were read by one of these.
    assert place.asked()["GET"] > 6
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
    for _ in range(4):
        with place.storage().open("a.bin") as file:
            file.seek(290 * KiB)
            assert file.read() == MEDIUM[290 * KiB :]
    assert any(r.range for r in place.between[numbers[0]].requests)


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


# ------------------------------------------------------------------- what changes meanwhile


def between_the_two(place: Place, storage: MogileFSStorage, act: Callable[[], object]) -> None:
    """Let something happen right after the tracker has told of a file for the first time."""
    real = storage._stat
    done: list[object] = []

    def stat(key: str) -> Any:
        found = real(key)
        if not done:
            done.append(act())
        return found

    storage._stat = stat  # type: ignore[method-assign] # a fake


def test_replaced_while_it_is_opened(place: Place) -> None:
    """Its length and its copies are of one and the same file."""
    put(place, MEDIUM)
    storage, other = place.storage(), place.storage()

    def replace() -> None:
        with other.open("a.bin", "wb") as file:
            file.write(b"other")

    between_the_two(place, storage, replace)
    assert read(storage) == b"other"


def test_replaced_while_the_view_asks(place: Place) -> None:
    """The length that Perlbal is to expect is that of the copies that it is told of."""
    put(place, MEDIUM)
    storage, other = place.storage(serve_with_perlbal=True), place.storage()

    def replace() -> None:
        with other.open("a.bin", "wb") as file:
            file.write(b"other")

    between_the_two(place, storage, replace)
    told = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", storage).headers
    fids = {fid_of(path) for path in told["X-REPROXY-URL"].split()}
    assert told["X-REPROXY-EXPECTED-SIZE"] == "5"
    assert fids == {other.stat("a.bin").version}


def test_clusters_do_not_share_what_the_view_remembers(place: Place) -> None:
    """Sites of one cache may have domains of one name, with other trackers in their settings."""
    put(place, MEDIUM)
    with override_settings(
        MOGILEFS_DOMAIN=place.domain,
        MOGILEFS_TRACKERS=place.cluster.addresses,
        SERVE_WITH_PERLBAL=True,
    ):
        with Storage() as storage:
            response = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", storage)
        assert response.status_code == 200
        with override_settings(MOGILEFS_TRACKERS=[f"{HOST}:1"]), Storage() as elsewhere:
            response = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", elsewhere)
        assert response.status_code == 503


def test_deleted_while_it_is_opened(place: Place) -> None:
    """There is no such file any more."""
    put(place, MEDIUM)
    storage, other = place.storage(), place.storage()
    between_the_two(place, storage, lambda: other.delete("a.bin"))
    with pytest.raises(FileNotFoundError):
        storage.open("a.bin")


def test_a_tracker_that_remembers_old_copies(place: Place) -> None:
    """With ``noverify`` a tracker may tell from memory: it is asked again without."""
    put(place, MEDIUM)
    storage = place.storage()
    old = place.cluster.ask("get_paths", domain=place.domain, key="a.bin")
    with storage.open("a.bin", "wb") as file:
        file.write(b"new")
    real = storage._cluster.trackers.ask
    told = []

    def ask(command: str, arguments: Any, **how: Any) -> dict[str, str]:
        if arguments.get("noverify"):
            told.append(command)
            return old
        return real(command, arguments, **how)

    storage._cluster.trackers.ask = ask  # type: ignore[method-assign] # a fake
    assert read(storage) == b"new"
    assert told == ["get_paths"]


def test_errors_say_where(place: Place) -> None:
    """The node's address is in the words, the operation and the name in the error."""
    put(place, MEDIUM)
    place.fail(lambda _: Reply(503, body=b"maintenance"))
    with pytest.raises(StorageError, match="maintenance") as caught:
        place.storage().open("a.bin")
    assert caught.value.operation == "open_read"
    assert caught.value.name == "a.bin"
