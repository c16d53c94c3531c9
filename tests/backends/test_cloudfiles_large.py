"""Large objects: stored in segments, copied with them, and nothing left of them when they go."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from storages.backends.cloudfiles import CloudFilesStorage, large
from storages.errors import AlreadyExists, Changed, Corrupt, StorageError, TooLarge, Unavailable
from tests.backends import cloudfiles, cloudfiles_segments
from tests.backends.cloudfiles import Make, MiB, Wire, read
from tests.backends.cloudfiles_segments import DATA, OTHER, Segments, save
from tests.servers import shared
from tests.servers.s3proxy import Asked, Fault
from tests.servers.swift import Swift

# Fixtures, which pytest looks for in the module of the tests that take them.
server = cloudfiles.server
container = cloudfiles.container
wire = cloudfiles.wire
make = cloudfiles_segments.make
storage = cloudfiles_segments.storage
segments = cloudfiles_segments.segments


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
