"""What holds when Swift, or the way there, fails: nothing lost, nothing left, no half files."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from storages import deadline
from storages.backends.cloudfiles import CloudFilesStorage
from storages.errors import (
    AlreadyExists,
    Changed,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Eager, Make, MiB, Wire, making, options, read
from tests.servers.s3proxy import Fault
from tests.servers.swift import Swift

DATA = os.urandom(2 * MiB)

CUT = Fault(refuse=True)
LOST = Fault(lose=True)
BUSY = Fault(status=503, headers={"Retry-After": "0"})


server = cloudfiles.server
wire = cloudfiles.wire


@pytest.fixture
def make(server: Swift, wire: Wire) -> Iterator[Make]:
    """Makes storages of a new container, behind the proxy."""
    with making(server.new_container(), auth_url=wire.auth_url) as make:
        yield make


@pytest.fixture
def storage(make: Make) -> CloudFilesStorage:
    """A storage with an old file."""
    storage = make()
    storage.save("old.txt", ContentFile(b"old"))
    return storage


def save(storage: CloudFilesStorage, name: str, data: bytes = DATA) -> str:
    """Save ``data``."""
    return storage.save(name, ContentFile(data))


# ------------------------------------------------------------------ an upload


@pytest.mark.parametrize(
    "fault",
    [CUT, LOST, BUSY, Fault(status=429), Fault(status=498), Fault(status=408), Fault(status=500)],
)
def test_an_upload_is_repeated(storage: CloudFilesStorage, wire: Wire, fault: Fault) -> None:
    """After one failure there is one file, under the name that was asked for."""
    wire.on("PUT a.bin", fault)
    assert save(storage, "a.bin") == "a.bin"
    assert wire.faults == [fault]
    assert storage.listdir("") == ([], ["a.bin", "old.txt"])
    assert read(storage, "a.bin") == DATA


@pytest.mark.parametrize(
    ("fault", "kind", "times"),
    [
        (CUT, Unavailable, 3),
        (BUSY, Unavailable, 3),
        (Fault(status=504), Timeout, 3),
        (Fault(status=400, body=b"Bad <b>metadata</b>"), StorageError, 1),
        (Fault(status=401), PermissionDenied, 2),
        (Fault(status=403), PermissionDenied, 1),
        (Fault(status=405), StorageError, 1),
        (Fault(status=411), StorageError, 1),
        (Fault(status=413, body=b"Your request is too large."), TooLarge, 1),
        (Fault(status=413, body=b"Upload exceeds quota."), StorageFull, 1),
        (Fault(status=507), StorageFull, 1),
        (Fault(status=422), Unavailable, 3),
        (Fault(status=302, headers={"Location": "http://evil.example/"}), StorageError, 1),
    ],
)
def test_an_upload_that_is_refused(
    storage: CloudFilesStorage, wire: Wire, fault: Fault, kind: type[StorageError], times: int
) -> None:
    """The error says what it was; it is repeated where that may help; nothing has changed."""
    wire.on("PUT a.bin", *[fault] * 10)
    with pytest.raises(kind) as caught:
        save(storage, "a.bin")
    error = caught.value
    assert len(wire.faults) == times
    assert (error.operation, error.name) == ("write", "a.bin")
    assert error.__cause__ is not None
    assert pickle.loads(pickle.dumps(error)).name == "a.bin"
    assert Swift.key not in str(error)
    wire.rule = lambda _: None
    assert storage.listdir("") == ([], ["old.txt"])
    assert read(storage, "old.txt") == b"old"


def test_an_answer_that_is_lost_to_another_file(storage: CloudFilesStorage, wire: Wire) -> None:
    """If the name is somebody else's, the repeated create gets another one."""
    wire.on("PUT old.txt", CUT)
    name = save(storage, "old.txt")
    assert name != "old.txt"
    assert read(storage, "old.txt") == b"old"
    assert read(storage, name) == DATA


def test_an_overwrite_that_fails(storage: CloudFilesStorage, wire: Wire) -> None:
    """The old file stays."""
    wire.on("PUT old.txt", *[CUT] * 10)
    file = storage.open("old.txt", "wb")
    file.write(DATA)
    with pytest.raises(Unavailable):
        file.close()
    wire.rule = lambda _: None
    assert read(storage, "old.txt") == b"old"
    file.close()
    assert read(storage, "old.txt") == DATA


def test_an_accepted_upload_is_not_a_stored_one(storage: CloudFilesStorage, wire: Wire) -> None:
    """202 says that a later deletion or upload has won: it is sent again, and then stored."""
    wire.on("PUT a.bin", Fault(status=202))
    assert save(storage, "a.bin") == "a.bin"
    assert len(wire.faults) == 1
    assert read(storage, "a.bin") == DATA


# -------------------------------------------------------------------- reading


@pytest.mark.parametrize("cut", [0, 1, MiB, 2 * MiB - 1])
def test_a_download_that_breaks_off(storage: CloudFilesStorage, wire: Wire, cut: int) -> None:
    """It is continued from where it stood."""
    save(storage, "a.bin")
    wire.on("GET a.bin", Fault(cut=cut))
    assert read(storage, "a.bin") == DATA
    assert len(wire.faults) == 1


def test_a_download_continued_in_another_version(
    storage: CloudFilesStorage, make: Make, wire: Wire, server: Swift
) -> None:
    """A file that was replaced meanwhile is Changed; nobody gets half of two."""
    save(storage, "a.bin")
    wire.on("GET a.bin", Fault(cut=MiB))
    with storage.open("a.bin") as file:
        begun = file.read(10)
        with make(auth_url=server.auth_url).open("a.bin", "wb") as other:
            other.write(os.urandom(2 * MiB))
        with pytest.raises(Changed, match="changed"):
            file.read()
    assert begun == DATA[:10]
    assert len(wire.faults) == 1


def test_a_file_that_is_deleted_while_open(storage: CloudFilesStorage, wire: Wire) -> None:
    """It is gone: NotFound, or the old bytes."""
    save(storage, "a.bin")
    wire.on("GET a.bin", Fault(cut=MiB))
    with storage.open("a.bin") as file:
        storage.delete("a.bin")
        with pytest.raises(NotFound):
            file.read()


# ------------------------------------------------------------- cannot tell


@pytest.mark.parametrize("fault", [CUT, BUSY, Fault(status=500)])
def test_a_server_that_cannot_tell(storage: CloudFilesStorage, wire: Wire, fault: Fault) -> None:
    """exists() raises; it is never False because of a failure."""
    wire.on(lambda _: True, *[fault] * 20)
    for act in (
        lambda: storage.exists("old.txt"),
        lambda: storage.size("old.txt"),
        lambda: storage.listdir(""),
        lambda: storage.open("old.txt"),
        lambda: storage.delete("old.txt"),
        lambda: storage.delete_many(["old.txt"]),
        lambda: storage.copy("old.txt", "new.txt"),
    ):
        wire.clear()
        with pytest.raises(Unavailable):
            act()
        assert len(wire.faults) == 3
        wire.on(lambda _: True, *[fault] * 20)


def test_a_page_of_a_listing_is_repeated(
    storage: CloudFilesStorage, wire: Wire, server: Swift
) -> None:
    """A later page that fails is asked for again; none is left out."""
    server.fill(storage.container, 10_100)
    wire.on("GET ?", None, CUT)
    assert len(storage.listdir("d")[1]) == 10_100
    assert wire.faults == [CUT]


def test_a_server_with_a_smaller_limit(
    storage: CloudFilesStorage, wire: Wire, server: Swift
) -> None:
    """412 to the limit of 10,000: it is left to the server, until a page is empty."""
    server.fill(storage.container, 10_003)
    wire.on("GET ?", Fault(status=412, body=b"Maximum limit is 1000"))
    wire.clear()
    assert len(storage.listdir("d")[1]) == 10_003
    assert len(wire.faults) == 1
    assert wire.log == ["GET ?"] * 4  # refused, 10,000, 3, none
    assert all("limit" not in each.query for each in wire.requests[1:])


# -------------------------------------------------------- copying and deleting


def test_a_copy_of_what_was_deleted_meanwhile(storage: CloudFilesStorage, wire: Wire) -> None:
    """The original is missing, not the container."""
    wire.on("PUT new.txt", Fault(status=404))
    with pytest.raises(NotFound):
        storage.copy("old.txt", "new.txt")
    assert len(wire.faults) == 1


def test_a_deletion_that_came_before_an_upload(storage: CloudFilesStorage, wire: Wire) -> None:
    """409 says that the file was replaced meanwhile: deleted again, the new one would be lost."""
    wire.on("DELETE old.txt", Fault(status=409), Fault(status=409))
    storage.delete("old.txt")
    assert len(wire.faults) == 1
    assert read(storage, "old.txt") == b"old"


def test_a_copy_that_fails(storage: CloudFilesStorage, wire: Wire) -> None:
    """The target stays as it was."""
    save(storage, "new.txt", b"new")
    wire.on("PUT new.txt", *[CUT] * 10)
    with pytest.raises(Unavailable):
        storage.copy("old.txt", "new.txt", overwrite=True)
    assert len(wire.faults) == 3
    assert read(storage, "new.txt") == b"new"


def test_a_move_whose_deletion_fails(storage: CloudFilesStorage, wire: Wire) -> None:
    """Both files are there: nothing is lost."""
    wire.on("DELETE old.txt", *[CUT] * 10)
    with pytest.raises(Unavailable):
        storage.move("old.txt", "new.txt")
    assert len(wire.faults) == 3
    assert storage.listdir("") == ([], ["new.txt", "old.txt"])


def test_a_deletion_whose_answer_is_lost(storage: CloudFilesStorage, wire: Wire) -> None:
    """The file is gone, and that is what was wanted."""
    wire.on("DELETE old.txt", LOST)
    storage.delete("old.txt")
    assert wire.faults == [LOST]
    assert not storage.exists("old.txt")


def test_a_bulk_delete_that_fails_in_part(storage: CloudFilesStorage, wire: Wire) -> None:
    """The answer is 200 whatever happened: what it says inside counts."""
    told = b' {"Response Status": "400 Bad Request", "Errors": [["/c/old.txt", "%s"]]}'
    for status, kind in ((b"403 Forbidden", PermissionDenied), (b"503 Busy", Unavailable)):
        wire.on("POST ??", *[Fault(status=200, body=told % status)] * 3)
        with pytest.raises(kind):
            storage.delete_many(["old.txt"])
    body = b'{"Response Status": "502 Bad", "Number Not Found": 0, "Errors": []}'
    wire.on("POST ??", *[Fault(status=200, body=body)] * 3)
    with pytest.raises(Unavailable):
        storage.delete_many(["old.txt"])
    assert read(storage, "old.txt") == b"old"


def test_a_bulk_delete_names_what_failed(storage: CloudFilesStorage, wire: Wire) -> None:
    """The server quotes it; the error has the file's own name."""
    told = b'{"Errors": [["/%s/a%%20b%%C3%%BC.txt", "503 Busy"]]}' % storage.container.encode()
    wire.on("POST ??", *[Fault(status=200, body=told)] * 3)
    with pytest.raises(Unavailable) as caught:
        storage.delete_many(["a bü.txt"])
    assert caught.value.name == "a bü.txt"
    assert wire.faults


# ------------------------------------------------------------ the server itself


def test_a_deadline(storage: CloudFilesStorage, wire: Wire) -> None:
    """A server that does not answer is not waited for longer than the deadline."""
    wire.on(lambda _: True, *[Fault(status=200, wait=30)] * 5)
    started = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout):
        storage.size("old.txt")
    assert time.monotonic() - started < 10
    assert wire.requests


def test_a_server_that_stalls(make: Make, wire: Wire) -> None:
    """It is waited for as long as read_timeout says, as often as the policy says."""
    storage = make(read_timeout=0.3)
    wire.on("HEAD a.txt", *[Fault(status=200, wait=60)] * 3)
    started = time.monotonic()
    with pytest.raises(Timeout):
        storage.exists("a.txt")
    assert 0.9 < time.monotonic() - started < 30
    assert len(wire.faults) == 3


def test_a_restart_between_calls() -> None:
    """Every connection and every token is lost, and the next call works all the same."""
    with Swift() as own:
        storage = Eager(**options(own, own.new_container()))
        storage.save("a.txt", ContentFile(b"abc"))
        own.restart()
        assert read(storage, "a.txt") == b"abc"
        own.kill()
        with pytest.raises(Unavailable):
            storage.exists("a.txt")
        own.start()
        assert storage.exists("a.txt")
        with pytest.raises(AlreadyExists), storage.open("a.txt", "xb"):
            pytest.fail("opened")
        storage.close()
