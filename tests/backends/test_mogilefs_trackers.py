"""MogileFS with trackers that are dead, hang up, stall, lie and refuse."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from storages.backends.mogilefs import MogileFSStorage
from storages.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.retry import NO_RETRY, deadline
from storages.staging import is_temporary
from tests.backends.mogile_place import Place, Storage, read
from tests.servers.mogile import MogileFS
from tests.servers.process import HOST, free_port


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain."""
    with Place() as place:
        yield place


@pytest.fixture
def storage(place: Place) -> Storage:
    """A storage with a file ``d/a.txt``, whose thread has a connection."""
    storage = place.storage()
    storage.save("d/a.txt", ContentFile(b"content"))
    place.commands()
    return storage


def everything(storage: MogileFSStorage) -> None:
    """Do all that a tracker is asked for; what comes of it is right."""
    assert read(storage, "d/a.txt") == b"content"
    assert storage.save("d/new.txt", ContentFile(b"new")) == "d/new.txt"
    with storage.open("d/w.txt", "wb") as file:
        file.write(b"written")
    assert storage.move("d/new.txt", "d/moved.txt") == "d/moved.txt"
    assert storage.listdir("d") == ([], ["a.txt", "moved.txt", "w.txt"])
    assert read(storage, "d/moved.txt") == b"new"
    assert read(storage, "d/w.txt") == b"written"
    storage.delete("d/moved.txt")
    assert not storage.exists("d/moved.txt")
    storage.delete("d/w.txt")


# ------------------------------------------------------------------------------- dead


def test_mog_2_a_dead_first_tracker(place: Place) -> None:
    """MOG-2: the second one is used, and the first one left alone for a while."""
    dead = free_port()
    for order in (1, -1):
        trackers = [f"{HOST}:{dead}", place.cluster.second.address][::order]
        storage = place.storage(trackers=trackers)
        storage.save("d/a.txt", ContentFile(b"content"))
        everything(storage)
        storage.delete("d/a.txt")


def test_a_tracker_that_does_not_take_connections(place: Place) -> None:
    """One that accepts none, and refuses none, costs ``connect_timeout`` once in a while."""
    with socket.create_server((HOST, 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        # Its queue is full, so nothing more is answered.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex((HOST, port))
        trackers = [f"{HOST}:{port}", place.cluster.address]
        storage = place.storage(trackers=trackers, connect_timeout=0.5)
        started = time.monotonic()
        for _ in range(20):
            storage.exists("a")
            storage._cluster.trackers.close()
        # Not twenty times: twice in 10 s at most.
        assert time.monotonic() - started < 5
        for each in waiting:
            each.close()


def test_no_tracker_at_all(place: Place) -> None:
    """Unavailable, which names them, soon; never "it does not exist"."""
    ports = free_port(), free_port()
    storage = place.storage(trackers=[f"{HOST}:{port}" for port in ports])
    for call in (
        lambda: storage.exists("a"),
        lambda: storage.exists(""),
        lambda: storage.size("a"),
        lambda: storage.listdir(""),
        lambda: storage.open("a"),
        lambda: storage.save("a", ContentFile(b"x")),
        lambda: storage.delete("a"),
        lambda: storage.get_mogile_paths("a"),
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        assert all(f"{HOST}:{port}" in str(caught.value) for port in ports)


def test_a_tracker_that_cannot_be_found(place: Place) -> None:
    """A host that DNS does not know is like a dead one."""
    storage = place.storage(trackers=["nowhere.invalid:7001", place.cluster.address])
    for _ in range(10):
        assert not storage.exists("a")
        storage._cluster.trackers.close()


def test_a_tracker_is_restarted_between_calls() -> None:
    """The connection that was lost is replaced before anything is sent on it."""
    with (
        MogileFS() as cluster,
        Storage(**cluster.options(trackers=[cluster.address])) as storage,
    ):
        storage.retry = NO_RETRY
        name = storage.save("a.txt", ContentFile(b"x"))
        cluster.kill()
        with pytest.raises(Unavailable):
            storage.exists(name)
        cluster.start()
        assert storage.exists(name)
        cluster.kill()
        cluster.start()
        assert storage.exists(name)


# ------------------------------------------------------------------ answers that do not come

COMMANDS = [
    "file_info",
    "get_paths",
    "get_domains",
    "create_open",
    "create_close",
    "rename",
    "delete",
    "list_keys",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["drop", "lose", "bad", "cut 0", "cut 5"])
def test_an_answer_does_not_come(place: Place, command: str, kind: str) -> None:
    """Whether the command was carried out or not, all goes on, and nothing is done twice."""
    storage = place.storage(mogile_class="hashed")
    storage.save("d/a.txt", ContentFile(b"content"))
    storage.close()
    again = place.storage(mogile_class="hashed")
    fault, _, value = kind.partition(" ")
    place.cluster.fault_both(fault, value or "-", command)
    everything(again)
    assert f"{fault} {command}" in place.cluster.all_fired()
    assert place.keys() == ["d/a.txt"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tracker_stalls(place: Place, command: str) -> None:
    """After ``tracker_timeout`` the other one is asked, never again on that connection."""
    place.storage().save("d/a.txt", ContentFile(b"content"))
    storage = place.storage(tracker_timeout=0.5)
    place.cluster.fault_both("stall", 5, command)
    everything(storage)
    assert f"stall {command}" in place.cluster.all_fired()
    assert place.keys() == ["d/a.txt"]


def test_a_stall_is_bounded_by_the_deadline(storage: Storage, place: Place) -> None:
    """It counts before ``tracker_timeout``."""
    place.cluster.fault_both("stall", 5, "file_info", 9)
    started = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout):
        storage.exists("d/a.txt")
    assert time.monotonic() - started < 3
    assert place.cluster.all_fired()


def test_an_upload_outlives_the_answer_to_its_close(place: Place) -> None:
    """What is already on a storage node is not sent a second time."""
    storage = place.storage()
    storage.save("warm.txt", ContentFile(b"x"))
    place.asked()
    place.cluster.fault_both("drop", "-", "create_close")
    assert storage.save("a.txt", ContentFile(b"content")) == "a.txt"
    assert place.asked()["PUT"] == 1
    assert "drop create_close" in place.cluster.all_fired()


# --------------------------------------------------------------------------- the stray answer


@pytest.mark.parametrize("whom", ["same", "any"])
def test_the_stray_answer_of_a_refused_rename(storage: Storage, place: Place, whom: str) -> None:
    """It closes a connection, this one's or another's, at the next command; nobody notices."""
    for tracker in place.cluster.trackers:
        tracker.verb("stray", whom)
    other = place.storage()
    other.exists("d/a.txt")
    for number in range(5):
        name = storage.save("d/a.txt", ContentFile(b"%d" % number))
        assert read(other, name) == b"%d" % number
        with pytest.raises(AlreadyExists):
            storage.move(name, "d/a.txt")
        assert other.exists("d/a.txt")
    if whom == "any":
        assert "stray any" in place.cluster.all_fired()
    place.cluster.clear()  # the next one would hit this test
    kept = place.keys()
    if whom == "any":
        # Harsher than mogilefsd: it may also hit the deletion of a private key, and its repetition.
        kept = [key for key in kept if not is_temporary(key)]
    assert len(kept) == 6


@pytest.mark.parametrize("command", ["create_close", "rename"])
def test_stray_answers_that_hit_one_command_time_and_again(place: Place, command: str) -> None:
    """As often as there are attempts: the file is saved, and sent once."""
    storage = place.storage(trackers=[place.cluster.address])
    storage.save("warm", ContentFile(b"x"))
    place.asked()
    place.cluster.fault("drop", "-", command, storage.retry.attempts)
    assert storage.save("b", ContentFile(b"content")) == "b"
    assert read(place.storage(), "b") == b"content"
    assert place.cluster.fired() == [f"drop {command}"] * storage.retry.attempts
    assert place.asked()["PUT"] == 1


def test_a_rename_that_would_be_refused_is_not_sent_again(place: Place) -> None:
    """Somebody else has the name meanwhile: each refusal may cost a connection."""
    storage = place.storage(trackers=[place.cluster.address])
    assert storage.save("b", ContentFile(b"first")) == "b"
    place.commands()
    place.cluster.fault("drop", "-", "rename")
    name = storage.save("b", ContentFile(b"second"))
    assert place.cluster.fired() == ["drop rename"]
    assert place.commands()["rename"] == 2  # for each name once
    assert read(storage, "b") == b"first"
    assert read(storage, name) == b"second"
    assert sorted(place.keys()) == sorted(["b", name])


def test_what_a_refusal_means_is_asked_more_than_once(place: Place) -> None:
    """A rename was carried out, so its repetition is refused; only "which file?" is asked again."""
    storage = place.storage(trackers=[place.cluster.address])
    storage.save("warm", ContentFile(b"x"))
    place.commands()
    place.cluster.fault("lose", "-", "rename")
    # Asked twice in an attempt: nobody tells at first, nor in two of the three attempts later.
    place.cluster.fault("drop", "-", "file_info", 6)
    assert storage.save("b", ContentFile(b"content")) == "b"
    assert place.cluster.fired() == ["lose rename", *["drop file_info"] * 6]
    assert place.commands()["rename"] == 2
    assert place.keys() == ["b", "warm"]


@pytest.mark.parametrize("command", ["create_close", "rename"])
def test_a_tracker_that_always_hangs_up(place: Place, command: str) -> None:
    """Not asked for ever: less than twice as often as there are attempts; nothing is kept."""
    storage = place.storage(trackers=[place.cluster.address])
    storage.save("warm", ContentFile(b"x"))
    place.commands()
    place.cluster.fault("drop", "-", command, 99)
    with pytest.raises(Unavailable, match="it closed the connection"):
        storage.save("b", ContentFile(b"content"))
    assert place.commands()[command] == 2 * storage.retry.attempts - 1
    assert place.keys() == ["warm"]


# ----------------------------------------------------------------------------------- refusals


def test_an_unregistered_domain(place: Place) -> None:
    """Told as that, with what to do; it is not "no such file"."""
    storage = place.storage(domain="nowhere")
    for call in (
        lambda: storage.exists("a"),
        lambda: storage.listdir(""),
        lambda: storage.save("a", ContentFile(b"x")),
        lambda: storage.delete("a"),
        lambda: storage.exists(""),
    ):
        with pytest.raises(StorageError, match="mogadm domain add") as caught:
            call()
        assert not isinstance(caught.value, (NotFound, Unavailable))


def test_an_unregistered_class(place: Place) -> None:
    """Likewise."""
    storage = place.storage(mogile_class="nowhere")
    with pytest.raises(StorageError, match="mogadm class add") as caught:
        storage.save("a", ContentFile(b"x"))
    assert not isinstance(caught.value, (NotFound, Unavailable))
    assert not place.asked()


def test_a_database_that_fails(storage: Storage, place: Place) -> None:
    """It may work again: tried again, and then Unavailable."""
    place.cluster.fault_both("error", "db", "file_info")
    assert storage.exists("d/a.txt")
    assert place.cluster.all_fired()
    place.cluster.fault_both("error", "db", "file_info", 9)
    with pytest.raises(Unavailable, match="Database error"):
        storage.exists("d/a.txt")


def test_a_plugin_that_refuses(storage: Storage, place: Place) -> None:
    """PermissionDenied, and not tried again."""
    place.cluster.fault_both("error", "plugin_aborted", "file_info", 9)
    with pytest.raises(PermissionDenied):
        storage.exists("d/a.txt")
    assert place.cluster.all_fired() == ["error file_info"]


def test_an_upload_that_the_tracker_has_forgotten(storage: Storage, place: Place) -> None:
    """It is sent again: trackers throw away what was not closed for an hour."""
    place.asked()
    place.cluster.fault_both("error", "no_temp_file", "create_close")
    assert storage.save("b.txt", ContentFile(b"x")) == "b.txt"
    assert place.cluster.all_fired()
    assert place.asked()["PUT"] >= 2
    assert sorted(place.keys()) == ["b.txt", "d/a.txt"]


# ------------------------------------------------------------------------ threads and processes


def test_each_thread_has_a_connection(storage: Storage) -> None:
    """One, which is closed with the thread."""
    pool = storage._cluster.trackers._pool
    assert len(pool) == 1
    ready, leave = threading.Barrier(4), threading.Event()

    def use() -> None:
        storage.exists("a")
        ready.wait(30)
        leave.wait(30)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait(30)
    assert len(pool) == 4
    leave.set()
    for thread in threads:
        thread.join()
    assert len(pool) == 1
