"""Large objects when Swift or the way there fails: whole or not there, no segment lost or left."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage
from storages.errors import Corrupt, NotFound, StorageError, Unavailable
from tests.backends import cloudfiles, cloudfiles_segments
from tests.backends.cloudfiles import MiB, Wire, read
from tests.backends.cloudfiles_segments import DATA, OTHER, Segments, save
from tests.servers.s3proxy import Fault

CUT = Fault(refuse=True)
LOST = Fault(lose=True)
BUSY = Fault(status=503)

# Fixtures, which pytest looks for in the module of the tests that take them.
server = cloudfiles.server
container = cloudfiles.container
wire = cloudfiles.wire
make = cloudfiles_segments.make
storage = cloudfiles_segments.storage
segments = cloudfiles_segments.segments


@pytest.mark.parametrize("fault", [CUT, LOST, BUSY], ids=["cut", "lost", "busy"])
@pytest.mark.parametrize("what", ["PUT segment 00000001", "PUT manifest a.bin"])
def test_one_request_is_repeated(
    storage: CloudFilesStorage, wire: Wire, segments: Segments, what: str, fault: Fault
) -> None:
    """A request that fails once is sent again, and no other; there is one file, under its name."""
    wire.on(what, fault)
    assert save(storage, "a.bin", DATA) == "a.bin"
    assert wire.faults == [fault]
    assert wire.log.count(what) == 2
    assert wire.log.count("PUT segment 00000002") == 1
    assert len(segments()) == 3
    assert storage.listdir("") == ([], ["a.bin"])
    assert read(storage, "a.bin") == DATA


@pytest.mark.parametrize(
    ("fault", "times"),
    # with a new token; never again; as often as the policy says
    [(Fault(status=401), 2), (Fault(status=403), 1), (CUT, 3), (LOST, 3), (BUSY, 3)],
)
def test_an_upload_that_fails_leaves_nothing(
    storage: CloudFilesStorage, wire: Wire, segments: Segments, fault: Fault, times: int
) -> None:
    """Segments that were sent are deleted, also the one whose answer was lost."""
    save(storage, "old.bin", OTHER)
    wire.on("PUT segment 00000001", *[fault] * 10)
    with pytest.raises(StorageError) as caught:
        save(storage, "a.bin", DATA)
    assert len(wire.faults) == times
    assert caught.value.name == "a.bin"
    wire.rule = lambda _: None
    assert {name.partition("/")[0] for name in segments()} == {"old.bin"}
    assert storage.listdir("") == ([], ["old.bin"])
    assert read(storage, "old.bin") == OTHER


def test_a_source_that_fails_leaves_nothing(storage: CloudFilesStorage, segments: Segments) -> None:
    """What the content raises half-way is raised, and nothing of it stays."""

    class Broken(ContentFile):  # type: ignore[type-arg]
        def read(self, *args: Any) -> Any:
            if self.tell() > MiB:
                raise RuntimeError("broken")
            return super().read(*args)

    storage.save("old.bin", ContentFile(OTHER))
    with pytest.raises(RuntimeError, match="broken"):
        storage.save("a.bin", Broken(DATA))
    assert {name.partition("/")[0] for name in segments()} == {"old.bin"}


def test_a_manifest_of_which_nothing_is_known_keeps_its_segments(
    storage: CloudFilesStorage, wire: Wire, segments: Segments, caplog: Any
) -> None:
    """If it might be stored after all, deleting the segments would ruin the file: they stay."""
    wire.on(lambda what: what in {"PUT manifest a.bin", "HEAD a.bin"}, None, *[CUT] * 10)
    with pytest.raises(Unavailable):
        save(storage, "a.bin", DATA)
    assert len(wire.faults) >= 4
    assert len(segments()) == 3
    assert "is not known" in caplog.text


def test_a_manifest_that_is_there_unseen_keeps_its_segments(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """It was stored, its answer was lost, and then nobody tells whose it is: the file is whole."""
    wire.on("PUT manifest a.bin", LOST)
    first = wire.rule
    wire.on("HEAD a.bin", *[CUT] * 40)
    then = wire.rule
    wire.rule = lambda what: first(what) or (then(what) if wire.faults else None)
    with pytest.raises(Unavailable):
        save(storage, "a.bin", DATA)
    assert wire.faults[0] == LOST
    assert CUT in wire.faults
    wire.rule = lambda _: None
    assert len(segments()) == 3
    assert read(storage, "a.bin") == DATA


def test_a_manifest_whose_answers_are_lost_is_found_to_be_stored(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """The manifest was stored, though every answer said nothing: the save succeeds."""
    wire.on("PUT manifest a.bin", LOST, CUT, CUT)
    assert save(storage, "a.bin", DATA) == "a.bin"
    assert len(wire.faults) == 3
    assert read(storage, "a.bin") == DATA
    assert len(segments()) == 3


def test_replacing_by_equal_content_fails(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """The old file has the ETag of the new one, which is not there: its segments stay."""
    save(storage, "a.bin", DATA)
    wire.on("PUT manifest a.bin", *[BUSY] * 10)
    file: Any = storage.open("a.bin", "wb")
    file.write(DATA)
    with pytest.raises(Unavailable):
        file.close()
    file.abort()
    assert len(wire.faults) == 3
    assert read(storage, "a.bin") == DATA


def test_somebody_else_creates_equal_content(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """It is the other one's file, though its ETag is the same: this one gets another name."""
    other = save(storage, "other.bin", DATA)

    def between(what: str) -> bool:
        if what != "PUT manifest a.bin":
            return False
        wire.rule = lambda _: None
        storage.copy(other, "a.bin", overwrite=True)
        return True

    wire.on(between, CUT)
    name = save(storage, "a.bin", DATA)
    assert len(wire.faults) == 1
    assert name != "a.bin"
    storage.delete(name)
    assert read(storage, "a.bin") == DATA
    assert len(segments()) == 6


def test_a_segment_that_is_damaged_on_its_way_is_sent_again(
    storage: CloudFilesStorage, wire: Wire
) -> None:
    """A flipped bit is noticed before anybody can see the file."""
    wire.on("PUT segment 00000001", Fault(flip_up=1000))
    save(storage, "a.bin", DATA)
    assert len(wire.faults) == 1
    assert read(storage, "a.bin") == DATA


def test_a_large_file_that_is_damaged_on_its_way_back(
    storage: CloudFilesStorage, wire: Wire
) -> None:
    """Reading all of it compares the MD5 of the MD5s: Corrupt, not wrong bytes."""
    save(storage, "a.bin", DATA)
    wire.on("GET a.bin", Fault(flip=2 * MiB + 7))
    with storage.open("a.bin") as file, pytest.raises(Corrupt):
        file.read()
    assert len(wire.faults) == 1
    assert read(storage, "a.bin") == DATA


def test_replacing_fails_and_the_old_file_stays(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """An overwrite that cannot be finished changes nothing."""
    save(storage, "a.bin", OTHER)
    wire.on("PUT segment 00000002", *[CUT] * 10)
    file = storage.open("a.bin", "wb")
    file.write(DATA)
    with pytest.raises(Unavailable):
        file.close()
    wire.rule = lambda _: None
    assert read(storage, "a.bin") == OTHER
    assert len(segments()) == 2
    file.close()  # again: now it works
    assert read(storage, "a.bin") == DATA
    assert len(segments()) == 3


def test_segments_go_though_the_answer_is_lost(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """The deletion is repeated, finds nothing, and deletes them."""
    save(storage, "a.bin", OTHER)
    wire.on("DELETE a.bin", LOST)
    storage.delete("a.bin")
    assert wire.faults == [LOST]
    assert segments() == []


def test_deleting_is_over_when_the_file_is_gone(
    storage: CloudFilesStorage, wire: Wire, segments: Segments, caplog: Any
) -> None:
    """The manifest goes first. Segments that cannot be deleted are logged, and raise nothing."""
    save(storage, "a.bin", DATA)
    wire.on("POST ??", *[BUSY] * 10)
    storage.delete("a.bin")
    assert wire.faults
    with pytest.raises(NotFound):
        storage.size("a.bin")
    assert len(segments()) == 3
    assert "stay in" in caplog.text
