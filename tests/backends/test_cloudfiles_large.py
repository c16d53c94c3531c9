"""Large objects: in segments, whole or not there at all, and nothing left of them when they go."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage, large
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    StorageError,
    TooLarge,
    Unavailable,
)
from tests.backends.cloudfiles import Make, MiB, Wire, making, read
from tests.servers import shared
from tests.servers.s3proxy import Asked, Fault
from tests.servers.swift import Swift

DATA = os.urandom(2 * MiB + 500_000)  # three segments
OTHER = os.urandom(MiB + 1)  # two

CUT = Fault(refuse=True)
LOST = Fault(lose=True)
BUSY = Fault(status=503)


@pytest.fixture
def server() -> Swift:
    """The server."""
    return shared(Swift)


@pytest.fixture
def container(server: Swift) -> str:
    """A new container."""
    return server.new_container()


@pytest.fixture
def wire(server: Swift) -> Iterator[Wire]:
    """What counts the requests, and lets them fail."""
    with Wire(server.port) as wire:
        yield wire


@pytest.fixture
def make(container: str, wire: Wire) -> Iterator[Make]:
    """Makes storages of the new container, behind the proxy."""
    with making(container, segment_size=MiB, auth_url=wire.auth_url) as make:
        yield make


@pytest.fixture
def storage(make: Make) -> CloudFilesStorage:
    """A storage whose segments have a mebibyte."""
    return make()


@pytest.fixture
def segments(server: Swift, container: str) -> Callable[[], list[str]]:
    """Lists the segments that are there."""

    def segments() -> list[str]:
        status, _, body = server.request("GET", f"{container}_segments?format=json")
        return [each["name"] for each in json.loads(body)] if status == 200 else []

    return segments


Segments = Callable[[], list[str]]


def save(storage: CloudFilesStorage, name: str, data: bytes) -> str:
    """Save ``data``."""
    return storage.save(name, ContentFile(data))


def test_a_large_file_is_stored_in_segments(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """Each request holds one segment; the manifest, which may only create, comes last."""
    assert save(storage, "d/a.bin", DATA) == "d/a.bin"
    names = segments()
    assert [name.rpartition("/")[2] for name in names] == ["00000000", "00000001", "00000002"]
    assert all(name.startswith("d/a.bin/") for name in names)
    assert wire.log == [
        "GET info",
        "HEAD d/a.bin",
        "PUT segment 00000000",  # there is no container for them yet
        "PUT segments ?",
        "PUT segment 00000000",
        "PUT segment 00000001",
        "PUT segment 00000002",
        "PUT manifest d/a.bin",
    ]
    assert wire.requests[-1].headers["if-none-match"] == "*"
    assert storage.listdir("d") == ([], ["a.bin"])
    assert storage.size("d/a.bin") == len(DATA)
    assert read(storage, "d/a.bin") == DATA
    (entry,) = storage.scandir("d")
    assert entry.stat is not None
    assert entry.stat.size == len(DATA)
    assert entry.stat.version == storage.stat("d/a.bin").version
    with storage.open("d/a.bin") as file:
        file.seek(MiB - 5)
        assert file.read(10) == DATA[MiB - 5 : MiB + 5]


def test_a_file_of_one_segment_is_stored_as_it_is(
    storage: CloudFilesStorage, segments: Segments
) -> None:
    """segment_size bytes need no segments."""
    save(storage, "a.bin", DATA[:MiB])
    assert segments() == []
    assert storage.stat("a.bin").checksum == f"md5:{hashlib.md5(DATA[:MiB]).hexdigest()}"


def test_segments_go_with_their_file(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """Deleting a file, one or many, deletes its segments and no others."""
    for name in ("a.bin", "b.bin", "a.bin.old"):
        save(storage, name, OTHER)
    save(storage, "small.txt", b"abc")
    assert len(segments()) == 6
    wire.clear()
    storage.delete("a.bin")
    assert wire.log == ["HEAD a.bin", "GET manifest a.bin", "DELETE a.bin", "POST ??"]
    assert {name.partition("/")[0] for name in segments()} == {"b.bin", "a.bin.old"}
    storage.delete_many(["b.bin", "small.txt", "missing"])
    assert {name.partition("/")[0] for name in segments()} == {"a.bin.old"}
    assert storage.listdir("") == ([], ["a.bin.old"])
    assert read(storage, "a.bin.old") == OTHER


def test_segments_go_though_the_answer_is_lost(
    storage: CloudFilesStorage, wire: Wire, segments: Segments
) -> None:
    """The deletion is repeated, finds nothing, and deletes them."""
    save(storage, "a.bin", OTHER)
    wire.on("DELETE a.bin", LOST)
    storage.delete("a.bin")
    assert wire.faults == [LOST]
    assert segments() == []


def test_segments_vanish_by_themselves_after_their_file(
    make: Make, server: Swift, container: str, segments: Segments
) -> None:
    """Neither before it, however long the upload took, nor never; those of a copy, too."""
    storage = make(delete_after=3600)
    save(storage, "a.bin", OTHER)
    storage.copy("a.bin", "b.bin")
    assert len(segments()) == 4
    for name in segments():
        file = server.request("HEAD", f"{container}/{name.partition('/')[0]}")[1]
        part = server.request("HEAD", f"{container}_segments/{name}")[1]
        late = int(part["x-delete-at"]) - int(file["x-delete-at"])
        assert large.LONGEST_UPLOAD - 600 <= late <= large.LONGEST_UPLOAD


@pytest.mark.parametrize("name", ["X-Delete-At", "x-delete-at", "x-delete-after"])
def test_segments_vanish_with_what_a_header_says(
    make: Make, server: Swift, container: str, segments: Segments, name: str
) -> None:
    """A header of the file's own that lets it vanish counts for its segments, too."""
    value = 3600 if name.endswith("after") else int(time.time()) + 3600
    storage = make(object_headers={name: value})
    save(storage, "a.bin", OTHER)
    storage.copy("a.bin", "b.bin")
    assert len(segments()) == 4
    for segment in segments():
        file = server.request("HEAD", f"{container}/{segment.partition('/')[0]}")[1]
        part = server.request("HEAD", f"{container}_segments/{segment}")[1]
        late = int(part["x-delete-at"]) - int(file["x-delete-at"])
        assert large.LONGEST_UPLOAD - 600 <= late <= large.LONGEST_UPLOAD


def test_segments_stay_when_a_deletion_came_too_late(
    storage: CloudFilesStorage, wire: Wire
) -> None:
    """Replaced meanwhile, the file that is there now keeps its segments."""
    save(storage, "a.bin", OTHER)
    wire.on("DELETE a.bin", Fault(status=409))
    storage.delete("a.bin")
    assert len(wire.faults) == 1
    assert read(storage, "a.bin") == OTHER


@pytest.mark.parametrize("name", ["a/../b", "./a", ".."])
def test_segments_of_odd_names_fail_nothing(
    storage: CloudFilesStorage, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A segment of another tool that cannot be asked for stays, and is logged."""
    storage._drop([f"/others/{name}"])
    assert "Segments that no file needs stay" in caplog.text


@pytest.mark.parametrize("length", [979, 980, 981, 1024])
def test_segments_of_long_names_go_with_their_file(
    storage: CloudFilesStorage, segments: Segments, length: int
) -> None:
    """Also where no room is left for the name of the file in those of its segments."""
    name = "é" * 100 + "n" * (length - 200)
    save(storage, name, OTHER)
    assert len(segments()) == 2
    storage.delete_many([name, "missing"])
    assert segments() == []
    assert storage.listdir("") == ([], [])


def test_segments_go_when_their_file_is_replaced(
    storage: CloudFilesStorage, segments: Segments
) -> None:
    """By a large file, by a small one, and by a copy."""
    save(storage, "a.bin", DATA)
    with storage.open("a.bin", "wb") as file:
        file.write(OTHER)
    assert len(segments()) == 2
    assert read(storage, "a.bin") == OTHER
    with storage.open("a.bin", "wb") as file:
        file.write(b"small")
    assert segments() == []
    save(storage, "b.bin", DATA)
    storage.copy("a.bin", "b.bin", overwrite=True)
    assert segments() == []
    assert read(storage, "b.bin") == b"small"


def test_a_copy_has_segments_of_its_own(
    make: Make, server: Swift, container: str, wire: Wire, segments: Segments
) -> None:
    """No byte passes through here, headers are kept, and either file can go without the other."""
    storage = make(object_headers={"X-Object-Meta-Owner": "me"})
    save(storage, "a.css", DATA)
    wire.clear()
    storage.copy("a.css", "d/b.css")
    assert wire.down < 100_000
    assert all(each.headers.get("content-length", "0") < "2" for each in wire.requests[:-1])
    assert len(segments()) == 6
    storage.delete("a.css")
    assert len(segments()) == 3
    assert read(storage, "d/b.css") == DATA
    _, headers, _ = server.request("HEAD", f"{container}/d/b.css")
    assert headers["content-type"] == "text/css"
    assert headers["x-object-meta-owner"] == "me"
    storage.move("d/b.css", "c.css")
    assert len(segments()) == 3
    assert read(storage, "c.css") == DATA
    with pytest.raises(AlreadyExists):
        storage.copy("c.css", save(storage, "d.css", b"abc"))
    assert len(segments()) == 3


def test_a_copy_is_of_one_version(
    storage: CloudFilesStorage, make: Make, wire: Wire, segments: Segments
) -> None:
    """A file that is replaced while it is copied is Changed; nothing is left of the copy."""
    save(storage, "a.bin", DATA)
    other = make(auth_url=shared(Swift).auth_url)
    done: list[int] = []

    def replace(request: Asked) -> None:
        if "x-copy-from" in request.headers and request.path.endswith("1") and not done:
            done.append(1)
            with other.open("a.bin", "wb") as file:
                file.write(OTHER)

    wire.rule = replace
    with pytest.raises(Changed):
        storage.copy("a.bin", "b.bin")
    assert done
    assert not storage.exists("b.bin")
    assert len(segments()) == 2
    assert read(storage, "a.bin") == OTHER


# -------------------------------------------------------------- other people's


def test_a_manifest_of_files_does_not_take_them_along(
    storage: CloudFilesStorage, server: Swift, container: str
) -> None:
    """An SLO whose segments are files of the container is read; deleting it leaves them."""
    for name, data in (("one.txt", b"abc"), ("two.txt", b"def")):
        save(storage, name, data)
    manifest = [{"path": f"/{container}/{name}"} for name in ("one.txt", "two.txt")]
    body = json.dumps(manifest).encode()
    assert server.request("PUT", f"{container}/both.txt?multipart-manifest=put", body)[0] == 201
    assert read(storage, "both.txt") == b"abcdef"
    assert storage.size("both.txt") == 6
    storage.delete("both.txt")
    assert storage.listdir("") == ([], ["one.txt", "two.txt"])


def test_a_dynamic_large_object(
    storage: CloudFilesStorage, server: Swift, container: str, segments: Segments
) -> None:
    """A DLO is one file: its size, its bytes, ranges; its segments go with it."""
    server.request("PUT", f"{container}_segments")
    for number in range(3):
        server.request("PUT", f"{container}_segments/x%20y/{number}", bytes([65 + number]) * 1000)
    place = f"{container}_segments/x%20y/"
    server.request("PUT", f"{container}/dlo.txt", b"", X_Object_Manifest=place)
    assert storage.size("dlo.txt") == 3000
    assert read(storage, "dlo.txt") == b"A" * 1000 + b"B" * 1000 + b"C" * 1000
    with storage.open("dlo.txt") as file:
        file.seek(1999)
        assert file.read(2) == b"BC"
    (entry,) = storage.scandir("")
    assert entry.stat is None  # the listing says that it is empty
    storage.copy("dlo.txt", "copy.txt")
    storage.delete("dlo.txt")
    assert segments() == []
    assert storage.size("copy.txt") == 3000


def test_a_length_that_is_not_told(storage: CloudFilesStorage, wire: Wire) -> None:
    """Swift does not tell that of a DLO with very many segments: it is not taken for 0."""
    save(storage, "a.bin", b"abc")
    wire.on("HEAD a.bin", *[Fault(status=200, headers={"Content-Length": "unknown"})] * 2)
    for act in (lambda: storage.size("a.bin"), lambda: storage.copy("a.bin", "b.bin")):
        with pytest.raises(StorageError, match="length"):
            act()
    assert len(wire.faults) == 2


def test_a_segment_that_is_missing(
    make: Make, server: Swift, container: str, segments: Segments
) -> None:
    """A file that has lost a segment raises our error; it is never shorter."""
    storage = make(auth_url=server.auth_url)
    save(storage, "a.bin", DATA)
    names = segments()
    server.request("DELETE", f"{container}_segments/{names[1]}")
    with storage.open("a.bin") as file, pytest.raises((Unavailable, Corrupt)):
        file.read()
    server.request("DELETE", f"{container}_segments/{names[0]}")
    with pytest.raises(Corrupt, match="segment is missing"):
        storage.open("a.bin")


def test_a_long_name_has_segments(storage: CloudFilesStorage, segments: Segments) -> None:
    """A name of 1,024 bytes leaves no room for more, so its segments have another."""
    name = save(storage, "n" * 1024, OTHER)
    assert read(storage, name) == OTHER
    storage.delete(name)
    assert segments() == []


# ----------------------------------------------------------------------- limits


def test_without_large_objects_one_request_has_it_all(make: Make, wire: Wire) -> None:
    """A server that knows no SLO gets the file in one piece, as long as it takes that."""
    wire.upstream = shared(Swift).bare_port
    storage = make()
    save(storage, "a.bin", DATA)
    assert wire.log == ["GET info", "PUT a.bin"]
    assert read(storage, "a.bin") == DATA


def test_segments_grow_with_the_file(storage: CloudFilesStorage) -> None:
    """1,000 of them hold any file of up to 5 TB; what is larger is refused at once."""
    sizes = {0: 1, 1: 1, 1000: 1, 1001: 2, 4_000_000: 4000, 5_120_000: 5120}
    for size, wanted in sizes.items():
        upload = large._Upload(storage, "a", size * MiB, {})
        assert upload.length == wanted * MiB
    with pytest.raises(TooLarge):
        large._Upload(storage, "a", 5_120_001 * MiB, {})


# ------------------------------------------------------------------------ faults


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
