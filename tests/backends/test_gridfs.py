"""What is peculiar to GridFS, on SecantusDB: the acceptance cases, revisions, other programs."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from bson import Int64, ObjectId
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from gridfs import GridFSBucket

from storages.backends import mongodb
from storages.backends.gridfs import GridFSFile, GridFSStorage
from storages.backends.gridfs.bucket import Bucket
from storages.errors import AlreadyExists, Corrupt, NotFound, NoURL, PermissionDenied, StorageError
from tests.backends.gridfs_commands import Commands
from tests.servers import shared
from tests.servers.secantus import Secantus

OLD = datetime(2011, 12, 13, 14, 15, 16, tzinfo=timezone.utc)


@pytest.fixture
def name() -> Iterator[str]:
    """A new database's name."""
    server = shared(Secantus)
    made = server.new_database()
    yield made
    server.drop(made)


@pytest.fixture
def database(name: str) -> Iterator[Any]:
    """That database, as another program has it."""
    with shared(Secantus).client(tz_aware=True) as client:
        yield client[name]


@pytest.fixture
def others(database: Any) -> GridFSBucket:
    """Its bucket, as another program has it."""
    return GridFSBucket(database)


@pytest.fixture
def commands() -> Commands:
    """What the storage asks."""
    return Commands()


@pytest.fixture
def storage(name: str, commands: Commands) -> Iterator[GridFSStorage]:
    """A storage for the bucket."""
    options = {"event_listeners": [commands]}
    with GridFSStorage(
        uri=shared(Secantus).uri, database_name=name, client_options=options
    ) as made:
        yield made


def read(storage: GridFSStorage, name: str) -> bytes:
    """All of a file."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


def write(storage: GridFSStorage, name: str, content: bytes) -> None:
    """Write over what is there."""
    with storage.open(name, "wb") as file:
        file.write(content)


def leftovers(database: Any) -> int:
    """How many chunks belong to no file."""
    ids = [it["_id"] for it in database.fs.files.find({}, {"_id": 1})]
    count: int = database.fs.chunks.count_documents({"files_id": {"$nin": ids}})
    return count


# ------------------------------------------------------------------ acceptance


def test_reading_in_pieces(storage: GridFSStorage) -> None:
    """GFS-1: ``read(2)`` and ``read()`` give the parts, ``chunks(2)`` pieces of two bytes."""
    name = storage.save("a.txt", ContentFile(b"content"))
    with storage.open(name) as file:
        assert (file.read(2), file.read()) == (b"co", b"ntent")
        assert b"-".join(file.chunks(2)) == b"co-nt-en-t"


def test_delete_removes_every_revision(
    storage: GridFSStorage, database: Any, others: GridFSBucket
) -> None:
    """GFS-2: of two versions both are deleted, and their chunks; 1.1.4 brought the first back."""
    others.upload_from_stream("a.txt", b"first")
    others.upload_from_stream("a.txt", b"second")
    assert read(storage, "a.txt") == b"second"
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
    assert database.fs.files.count_documents({}) == database.fs.chunks.count_documents({}) == 0
    storage.delete("a.txt")


def test_twenty_megabytes(storage: GridFSStorage, database: Any, others: GridFSBucket) -> None:
    """GFS-3: 20 MB and a little are stored in 80 chunks, and come back, also to pymongo."""
    content = os.urandom(20_000_001)
    name = storage.save("big.bin", ContentFile(content))
    assert database.fs.chunks.count_documents({}) == -(-len(content) // (255 * 1024))
    assert read(storage, name) == content
    assert others.open_download_stream_by_name(name).read() == content
    storage.delete(name)


def test_directories(storage: GridFSStorage) -> None:
    """GFS-4: names with directories are listed by them; 1.1.4 gave every name of the bucket."""
    for name in ("a/x.txt", "a/b/y.txt", "a/b/z.txt", "ab.txt", "c/d/e/f.txt"):
        assert storage.save(name, ContentFile(b"x")) == name
    assert storage.listdir("a") == (["b"], ["x.txt"])
    assert storage.listdir("a/b") == ([], ["y.txt", "z.txt"])
    assert storage.listdir("") == (["a", "c"], ["ab.txt"])
    with pytest.raises(NotFound):
        storage.listdir("x")


# ------------------------------------------------------------- other programs


def test_pymongo_reads_what_is_saved(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """The document is what GridFS says a file is, and pymongo's bucket reads and deletes it."""
    content = os.urandom(600_000)
    name = storage.save("d/a.csv", ContentFile(content))
    with others.open_download_stream_by_name(name) as stream:
        assert stream.read() == content
        assert stream.length == len(content)
        assert stream.chunk_size == 255 * 1024
        assert stream.metadata == {
            "sha256": hashlib.sha256(content).hexdigest(),
            "contentType": "text/csv",
        }
        assert abs(stream.upload_date - datetime.now(timezone.utc)) < timedelta(minutes=1)
        assert stream.upload_date == storage.get_modified_time(name)
        # As the standard has it: 64 bits, also of a small file.
        assert isinstance(database.fs.files.find_one({})["length"], Int64)
        others.delete(stream._id)
    assert not storage.exists(name)
    assert storage.save(name, ContentFile(b"x")) == name


def test_what_pymongo_has_written_is_read(storage: GridFSStorage, others: GridFSBucket) -> None:
    """Another chunk size, an id that is no ObjectId, no digest: it is read, whole and in part."""
    content = os.urandom(100_000)
    others.upload_from_stream_with_id(
        {"any": "id"}, "theirs.bin", content, chunk_size_bytes=1000, metadata={"sha256": "theirs"}
    )
    assert read(storage, "theirs.bin") == content
    with storage.open("theirs.bin") as file:
        file.seek(98_765)
        assert file.read(500) == content[98_765:99_265]
    stat = storage.stat("theirs.bin")
    assert (stat.size, stat.checksum, stat.content_type) == (100_000, None, None)
    assert storage.listdir("") == ([], ["theirs.bin"])


def test_tiny_chunks_are_read(storage: GridFSStorage, database: Any) -> None:
    """One byte in each: an answer with megabytes of them would be longer than answers may be."""
    file, content = ObjectId(), os.urandom(20_000)
    database.fs.chunks.insert_many(
        [{"files_id": file, "n": n, "data": content[n : n + 1]} for n in range(len(content))]
    )
    database.fs.files.insert_one(
        {"_id": file, "filename": "a.bin", "length": len(content), "chunkSize": 1}
    )
    fetch = storage._fetch
    with mock.patch.object(storage, "_fetch", side_effect=fetch) as fetched:
        assert read(storage, "a.bin") == content
    assert max(call.args[2] for call in fetched.call_args_list) <= 4096


def test_other_programs_can_add_revisions(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """A revision that pymongo adds to a file is the file; the older ones stay readable."""
    storage.save("a.txt", ContentFile(b"ours"))
    others.upload_from_stream("a.txt", b"theirs")
    assert read(storage, "a.txt") == b"theirs"
    assert others.open_download_stream_by_name("a.txt", revision=0).read() == b"ours"
    assert storage.listdir("") == ([], ["a.txt"])
    assert storage.size("a.txt") == 6
    write(storage, "a.txt", b"ours again")
    assert read(storage, "a.txt") == b"ours again"
    assert database.fs.files.count_documents({}) == 1
    assert leftovers(database) == 0


def test_a_name_that_another_program_has_used_is_taken(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """Whether it has one revision or several; nothing is left of the attempt."""
    others.upload_from_stream("a.txt", b"first")
    others.upload_from_stream("a.txt", b"second")
    name = storage.save("a.txt", ContentFile(b"ours"))
    assert name != "a.txt"
    with pytest.raises(AlreadyExists):
        storage.open("a.txt", "xb").close()
    assert read(storage, "a.txt") == b"second"
    assert database.fs.files.count_documents({"filename": "a.txt"}) == 2
    assert leftovers(database) == 0


def test_a_bucket_with_revisions_gets_the_index(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """Names that are not unique do not matter to it, now or later."""
    for content in (b"1", b"2"):
        others.upload_from_stream("twice.txt", content)
    storage.save("a.txt", ContentFile(b"x"))
    index = database.fs.files.index_information()["storages_claims_1"]
    assert index["unique"]
    assert index["sparse"]
    others.upload_from_stream("twice.txt", b"3")
    others.upload_from_stream("a.txt", b"y")


def test_what_another_program_renames(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """Its old name is free, for creating and for writing; its new one is taken."""
    for number, create in enumerate((True, False)):
        storage.save(f"{number}.txt", ContentFile(b"renamed"))
        file = database.fs.files.find_one({"filename": f"{number}.txt"})
        others.rename(file["_id"], f"renamed-{number}.txt")
        if create:
            assert storage.save(f"{number}.txt", ContentFile(b"new")) == f"{number}.txt"
        else:
            write(storage, f"{number}.txt", b"new")
        assert read(storage, f"{number}.txt") == b"new"
        assert read(storage, f"renamed-{number}.txt") == b"renamed"
        assert storage.save(f"renamed-{number}.txt", ContentFile(b"x")) != f"renamed-{number}.txt"


def test_names_that_no_storage_takes_are_not_listed(
    storage: GridFSStorage, others: GridFSBucket, database: Any
) -> None:
    """Absolute ones, those that lead elsewhere, control characters, numbers, and none at all."""
    for name in (
        "/etc/passwd",
        "../x",
        "a//b",
        "a\nb",
        "",
        "back\\slash",
        "good.txt",
        "a/good.txt",
    ):
        others.upload_from_stream(name, b"x")
    database.fs.files.insert_one({"filename": 7, "length": 0, "chunkSize": 1})
    database.fs.files.insert_one({"filename": ["a list"], "length": 0, "chunkSize": 1})
    database.fs.files.insert_one({"length": 0, "chunkSize": 1})
    assert storage.listdir("") == (["a"], ["good.txt"])
    assert storage.listdir("a") == ([], ["good.txt"])


def test_a_document_with_less_than_it_should_have(storage: GridFSStorage, database: Any) -> None:
    """What the standard requires and is not there is not told; the content is empty."""
    database.fs.files.insert_one({"filename": "a.txt", "metadata": "text"})
    assert read(storage, "a.txt") == b""
    with pytest.raises(NotImplementedError):
        storage.get_modified_time("a.txt")


def test_numbers_that_are_none(storage: GridFSStorage, database: Any) -> None:
    """One document with a damaged length or chunk size does not end a listing."""
    damaged: list[tuple[Any, Any]] = [
        (float("nan"), 1),
        (-5, 1),
        ("x", 1),
        ([1], 1),
        (0, "x"),
        (0, -1),
        (float("inf"), 1),
    ]
    for number, (length, size) in enumerate(damaged):
        database.fs.files.insert_one({"filename": f"{number}", "length": length, "chunkSize": size})
    names = [f"{number}" for number in range(len(damaged))]
    assert storage.listdir("") == ([], names)
    for name in names:
        assert storage.size(name) == 0
        assert read(storage, name) == b""
        storage.delete(name)
    assert storage.listdir("") == ([], [])


def test_deleting_goes_by_the_chunks(
    storage: GridFSStorage, database: Any, commands: Commands
) -> None:
    """A length that is far too large costs no more commands; large files go in parts."""
    storage.save("warm", ContentFile(b""))
    for length in (2**62, 600 * 2**20):
        file = ObjectId()
        database.fs.chunks.insert_many(
            [{"files_id": file, "n": n, "data": b"x"} for n in (0, 1, 2)]
        )
        database.fs.files.insert_one(
            {"_id": file, "filename": "a", "length": length, "chunkSize": 200 * 2**20}
        )
        with commands.during() as asked:
            storage.delete("a")
        assert asked == ["find files", "delete files", "find chunks", *["delete chunks"] * 3]
        assert database.fs.chunks.count_documents({}) == 0


def test_the_md5_of_older_drivers_is_compared(storage: GridFSStorage, database: Any) -> None:
    """As they wrote it until 2020: a wrong one is noticed at the end."""
    files = {"good.bin": hashlib.md5(b"content").hexdigest(), "bad.bin": "0" * 32}
    for name, md5 in files.items():
        file = ObjectId()
        database.fs.chunks.insert_one({"files_id": file, "n": 0, "data": b"content"})
        database.fs.files.insert_one(
            {
                "_id": file,
                "filename": name,
                "length": 7,
                "chunkSize": 262144,
                "uploadDate": OLD,
                "md5": md5,
            }
        )
    assert read(storage, "good.bin") == b"content"
    assert storage.stat("good.bin").checksum == f"md5:{files['good.bin']}"
    assert storage.get_created_time("good.bin") == OLD
    with pytest.raises(Corrupt, match="MD5"):
        read(storage, "bad.bin")


# ------------------------------------------------------------------ versions


def test_a_new_version_is_newer_whatever_the_clock_says(
    storage: GridFSStorage, database: Any
) -> None:
    """A file that was saved by a machine whose clock is ahead can be replaced."""
    storage.save("a.txt", ContentFile(b"old"))
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    database.fs.files.update_one({}, {"$set": {"uploadDate": ahead}})
    write(storage, "a.txt", b"new")
    assert read(storage, "a.txt") == b"new"
    assert storage.get_modified_time("a.txt") > ahead - timedelta(seconds=1)


def test_what_a_dead_writer_has_left_is_put_in_order(storage: GridFSStorage, database: Any) -> None:
    """One that published its version and did not delete the old one: the newer is the file."""
    storage.save("a.txt", ContentFile(b"old"))
    old = database.fs.files.find_one({})
    database.fs.files.update_one({}, {"$set": {"storages_claims": ["0:a.txt"]}})
    new = {**old, "_id": ObjectId(), "storages_claims": ["1:a.txt"]}
    new["uploadDate"] = old["uploadDate"] + timedelta(milliseconds=1)
    database.fs.files.insert_one(new)
    database.fs.chunks.insert_one({"files_id": new["_id"], "n": 0, "data": b"old"})
    assert storage.save("a.txt", ContentFile(b"x")) != "a.txt"
    write(storage, "a.txt", b"newest")
    assert read(storage, "a.txt") == b"newest"
    assert database.fs.files.count_documents({"filename": "a.txt"}) == 1
    write(storage, "a.txt", b"newer still")
    assert read(storage, "a.txt") == b"newer still"
    assert leftovers(database) == 0


def test_claims_pass_from_version_to_version(storage: GridFSStorage, database: Any) -> None:
    """Whoever creates a file has both; whoever replaces it takes the one that is free."""
    found = []
    storage.save("a.txt", ContentFile(b"0"))
    for content in (b"1", b"2", b"3"):
        found.append(database.fs.files.find_one({})["storages_claims"])
        write(storage, "a.txt", content)
    assert found == [["0:a.txt", "1:a.txt"], ["1:a.txt"], ["0:a.txt"]]


def test_claims_that_are_there_twice(storage: GridFSStorage, database: Any) -> None:
    """Copied where no index was: saving says so, instead of taking every name for taken."""
    for _ in range(2):
        claims = ["0:a.txt", "1:a.txt"]
        database.fs.files.insert_one({"filename": "a.txt", "storages_claims": claims})
    with pytest.raises(StorageError, match="storages_claims") as caught:
        storage.save("b.txt", ContentFile(b"x"))
    assert not isinstance(caught.value, AlreadyExists)
    database.fs.files.update_many({}, {"$unset": {"storages_claims": 1}})
    assert storage.save("b.txt", ContentFile(b"x")) == "b.txt"
    assert storage.save("a.txt", ContentFile(b"x")) != "a.txt"


def test_chunks_that_are_there_twice(storage: GridFSStorage, database: Any) -> None:
    """Where other programs have left some, their index cannot be made; saving works without."""
    for _ in range(2):
        database.fs.chunks.insert_one({"files_id": 1, "n": 0, "data": b"x"})
    assert storage.save("a.txt", ContentFile(b"content")) == "a.txt"
    assert read(storage, "a.txt") == b"content"


def test_many_revisions(storage: GridFSStorage, database: Any) -> None:
    """They are deleted so many at a time, the newest last: no older one comes back."""
    database.fs.files.create_index([("filename", 1), ("uploadDate", 1)])
    database.fs.files.insert_many(
        {"filename": "a.txt", "length": n, "uploadDate": OLD + timedelta(seconds=n)}
        for n in range(2500)
    )
    delete_files = storage._bucket._files.delete_many
    sizes: list[int] = []
    seen: list[int] = []

    def looked_first(which: Any) -> Any:
        sizes.append(len(which["_id"]["$in"]))
        seen.append(storage.size("a.txt"))
        return delete_files(which)

    with mock.patch.object(storage._bucket._files, "delete_many", looked_first):
        storage.delete("a.txt")
    assert sizes == [1000, 1000, 499, 1]
    assert seen == [2499] * 4
    assert not storage.exists("a.txt")


def test_moving_needs_the_older_revisions_gone(
    storage: GridFSStorage, others: GridFSBucket
) -> None:
    """When they cannot be deleted the file stays where it is: one of them would be it."""
    others.upload_from_stream("a.txt", b"first")
    others.upload_from_stream("a.txt", b"second")
    refused = mock.patch.object(Bucket, "delete_files", side_effect=PermissionDenied("no"))
    with refused, pytest.raises(PermissionDenied):
        storage.move("a.txt", "b.txt")
    assert read(storage, "a.txt") == b"second"
    assert not storage.exists("b.txt")
    storage.move("a.txt", "b.txt")
    assert not storage.exists("a.txt")


def test_moving_renames_the_document(
    storage: GridFSStorage, database: Any, others: GridFSBucket, commands: Commands
) -> None:
    """No content is moved; older revisions, which would come back, are deleted."""
    others.upload_from_stream("a.txt", b"first")
    others.upload_from_stream("a.txt", b"second")
    file = database.fs.files.find_one({"filename": "a.txt"}, sort=[("uploadDate", -1)])
    storage.save("warm", ContentFile(b""))
    with commands.during() as asked:
        storage.move("a.txt", "b/c.txt")
    assert not any("insert" in command for command in asked)
    assert not storage.exists("a.txt")
    assert read(storage, "b/c.txt") == b"second"
    assert database.fs.files.find_one({"filename": "b/c.txt"})["_id"] == file["_id"]
    assert storage.save("b/c.txt", ContentFile(b"x")) != "b/c.txt"
    assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
    write(storage, "target.txt", b"longer and newer")
    storage.move("b/c.txt", "target.txt", overwrite=True)
    assert read(storage, "target.txt") == b"second"
    assert database.fs.files.count_documents({"filename": "target.txt"}) == 1
    assert leftovers(database) == 0


def test_a_file_that_vanishes_while_it_is_moved(storage: GridFSStorage, database: Any) -> None:
    """NotFound; what another program has made of it stays, and so does the target."""
    storage.save("a.txt", ContentFile(b"moved"))
    storage.save("target.txt", ContentFile(b"target"))
    rename = storage._bucket.rename

    def moved_first(file: Any, key: str, changes: Any) -> Any:
        database.fs.files.update_one({"filename": "a.txt"}, {"$set": {"filename": "b.txt"}})
        return rename(file, key, changes)

    patch = mock.patch.object(Bucket, "rename", lambda _, **given: moved_first(**given))
    with patch, pytest.raises(NotFound):
        storage.move("a.txt", "target.txt", overwrite=True)
    assert read(storage, "b.txt") == b"moved"
    assert read(storage, "target.txt") == b"target"


def test_an_overwriter_spares_what_was_moved_away(storage: GridFSStorage, database: Any) -> None:
    """A file that is renamed between being found and being deleted keeps its content."""
    storage.save("a.txt", ContentFile(b"moved"))
    delete_files = storage._bucket.delete_files

    def moved_first(documents: Any) -> Any:
        database.fs.files.update_one({"filename": "a.txt"}, {"$set": {"filename": "b.txt"}})
        return delete_files(documents)

    storage._bucket.delete_files = moved_first  # type: ignore[method-assign]
    storage.delete("a.txt")
    assert read(storage, "b.txt") == b"moved"


def test_deleting_many_goes_on_after_an_error(storage: GridFSStorage) -> None:
    """What is asked for together fails together; the others are deleted."""
    names = [f"{number:03}.txt" for number in range(501)]
    for name in (names[0], names[500]):
        storage.save(name, ContentFile(b"x"))
    revisions = Bucket.revisions

    def refused(self: Bucket, *keys: str) -> Any:
        if names[0] in keys:
            raise PermissionDenied("no")
        return revisions(self, *keys)

    with mock.patch.object(Bucket, "revisions", refused), pytest.raises(PermissionDenied):
        storage.delete_many(names)
    assert storage.listdir("") == ([], [names[0]])


# ------------------------------------------------------------------ integrity


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"$set": {"data": b"y" * 261120}}, "SHA256"),
        ({"$set": {"data": b"x" * 1000}}, "has 1000 bytes, not 261120"),
        (None, "is missing"),
    ],
    ids=["other bytes", "truncated", "removed"],
)
@pytest.mark.parametrize("number", [0, 1])
def test_damaged_chunks(
    storage: GridFSStorage, database: Any, number: int, change: Any, message: str
) -> None:
    """A chunk with other bytes, a truncated one, a missing one: Corrupt, never a wrong file."""
    storage.save("a.bin", ContentFile(b"x" * 600_000))
    if change is None:
        database.fs.chunks.delete_one({"n": number})
    else:
        database.fs.chunks.update_one({"n": number}, change)
    with pytest.raises(Corrupt, match=message) as caught:
        read(storage, "a.bin")
    assert caught.value.name == "a.bin"


def test_part_of_a_damaged_file_can_be_read(storage: GridFSStorage, database: Any) -> None:
    """What is not read is not judged."""
    storage.save("a.bin", ContentFile(b"x" * 600_000))
    database.fs.chunks.delete_one({"n": 1})
    with storage.open("a.bin") as file:
        assert file.read(1000) == b"x" * 1000
        file.seek(-1000, os.SEEK_END)
        assert file.read() == b"x" * 1000


def test_reading_again_after_seeking_is_judged_too(storage: GridFSStorage, database: Any) -> None:
    """A reader that jumps about and then reads everything compares it, if it began at the start."""
    content = os.urandom(600_000)
    storage.save("a.bin", ContentFile(content))
    with storage.open("a.bin") as file:
        file.seek(500_000)
        assert file.read(10) == content[500_000:500_010]
        file.seek(0)
        assert file.read() == content
        file.seek(0)
        assert file.read() == content


# ------------------------------------------------------------------ orphans


def test_a_source_that_fails_leaves_no_chunks(storage: GridFSStorage, database: Any) -> None:
    """Whatever was sent before it failed is deleted again."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 9_000_000:
                raise RuntimeError("the source is gone")
            return super().read(size)

    with pytest.raises(RuntimeError, match="the source is gone"):
        storage.save("a.bin", Failing(bytes(10_000_000)))
    assert database.fs.chunks.count_documents({}) == 0
    assert not storage.exists("a.bin")


def test_orphans_are_found_and_removed(
    storage: GridFSStorage, database: Any, others: GridFSBucket
) -> None:
    """Chunks without a file, once nothing was added to them for a day; other files stay."""
    content = os.urandom(300_000)
    storage.save("a.bin", ContentFile(content))
    others.upload_from_stream_with_id("text", "theirs.bin", b"theirs")
    past = datetime.now(timezone.utc) - timedelta(days=2)
    forgotten, goes_on, unknown = ObjectId(), ObjectId(), ObjectId()
    for file, ids in (
        (forgotten, [ObjectId.from_datetime(past - timedelta(days=n)) for n in (2, 1)]),
        (goes_on, [ObjectId.from_datetime(past), ObjectId()]),
        (unknown, ["an id that tells no time"]),
    ):
        database.fs.chunks.insert_many(
            [{"_id": id_, "files_id": file, "n": n, "data": b"x"} for n, id_ in enumerate(ids)]
        )
    # Numbers are equal to MongoDB, whatever their type is.
    database.fs.files.insert_one({"_id": 1.0, "filename": "number.bin", "length": 1})
    database.fs.chunks.insert_one(
        {"_id": ObjectId.from_datetime(OLD), "files_id": 1, "n": 0, "data": b"x"}
    )
    assert list(storage.orphans()) == [forgotten]
    assert storage.remove_orphans() == 1
    assert list(storage.orphans()) == []
    assert list(storage.orphans(older_than=timedelta(minutes=-1))) == [goes_on]
    assert storage.remove_orphans(older_than=timedelta(minutes=-1)) == 1
    assert read(storage, "a.bin") == content
    assert read(storage, "theirs.bin") == b"theirs"
    assert database.fs.chunks.count_documents({"files_id": unknown}) == 1


# ------------------------------------------------------------------ what it costs


def test_commands_of_each_operation(storage: GridFSStorage, commands: Commands) -> None:
    """As the documentation says."""
    with commands.during() as asked:
        storage.save("warm.txt", ContentFile(b"x"))
    assert asked[:3] == ["createIndexes files", "createIndexes files", "createIndexes chunks"]
    small, large = os.urandom(1000), os.urandom(10_000_000)
    with commands.during() as asked:
        storage.save("a.txt", ContentFile(small))
    assert asked == ["find files", "insert chunks", "insert files"]
    with commands.during() as asked:
        storage.save("empty.txt", ContentFile(b""))
    assert asked == ["find files", "insert files"]
    with commands.during() as asked:
        storage.save("large.bin", ContentFile(large))
    assert asked == ["find files", *["insert chunks"] * 4, "find files", "insert files"]
    with commands.during() as asked:
        assert read(storage, "a.txt") == small
    assert asked == ["find files", "find chunks"]
    with commands.during() as asked:
        assert read(storage, "large.bin") == large
    assert asked == ["find files", *["find chunks"] * 5]
    for claims in (["update files"], []):
        with commands.during() as asked:
            write(storage, "a.txt", small)
        assert asked == [
            "insert chunks",
            "find files",
            *claims,
            "insert files",
            "delete files",
            "delete chunks",
        ]
    for ask in (storage.exists, storage.size, storage.get_modified_time, storage.stat):
        with commands.during() as asked:
            ask("a.txt")
        assert asked == ["find files"]
    with commands.during() as asked:
        assert not storage.exists("missing")
    assert asked == ["find files"] * 2
    with commands.during() as asked:
        storage.move("empty.txt", "moved.txt")
    assert asked == ["find files", "find files", "update files"]
    with commands.during() as asked:
        storage.delete("a.txt")
    assert asked == ["find files", "delete files", "delete chunks"]
    with commands.during() as asked:
        storage.delete_many(["large.bin", "moved.txt", "missing"])
    assert asked == ["find files", "delete files", "delete chunks"]


def test_a_seek_asks_for_one_chunk(storage: GridFSStorage, commands: Commands) -> None:
    """4 KiB out of the middle of 30 MB move two chunks: the first and theirs."""
    content = os.urandom(30_000_000)
    storage.save("large.bin", ContentFile(content))
    commands.received = 0
    with commands.during() as asked, storage.open("large.bin") as file:
        file.seek(20_000_000)
        assert file.read(4096) == content[20_000_000:20_004_096]
    assert asked == ["find files", "find chunks", "find chunks"]
    assert commands.received == 2 * 255 * 1024
    storage.delete("large.bin")


def test_a_large_subdirectory_costs_one_command(
    storage: GridFSStorage, database: Any, commands: Commands
) -> None:
    """What is below it is passed over, however much it is; revisions count as one name."""
    names = [f"d/many/{number:05}.txt" for number in range(2500)]
    names += ["d/a.txt", "d/a.txt", "d/z.txt", "d/none/x.txt"]
    database.fs.files.create_index([("filename", 1), ("uploadDate", 1)])
    database.fs.files.insert_many(
        [
            {"filename": name, "length": number, "chunkSize": 1, "uploadDate": OLD}
            for number, name in enumerate(names)
        ]
    )
    with commands.during() as asked:
        entries = {entry.name: entry for entry in storage.scandir("d")}
    assert list(entries) == ["a.txt", "many", "none", "z.txt"]
    assert entries["a.txt"].stat is not None
    assert asked.count("find files") == 2
    assert set(asked) <= {"find files", "getMore", "killCursors files"}


# ------------------------------------------------------------------ the rest


def test_names_keep_spaces_and_parentheses(storage: GridFSStorage) -> None:
    """As in 1.1.4, whose names were those of the uploads; paths are refused."""
    assert storage.get_valid_name(" My file (1).txt ") == "My file (1).txt"
    assert storage.generate_filename("d/ My file (1).txt ") == "d/My file (1).txt"
    assert storage.save("d/My file (1).txt", ContentFile(b"x")) == "d/My file (1).txt"
    for name in ("a/b", "a\\b", "..", ".", " ", ""):
        with pytest.raises(SuspiciousFileOperation):
            storage.get_valid_name(name)


def test_content_types(storage: GridFSStorage, database: Any) -> None:
    """The upload's own, else what the name suggests; that of others from where they have it."""
    content = ContentFile(b"x")
    content.content_type = "text/x-special"  # type: ignore[attr-defined]
    storage.save("a.txt", content)
    storage.save("b.png", ContentFile(b"x"))
    database.fs.files.insert_one({"filename": "c", "metadata": {"contentType": "image/webp"}})
    database.fs.files.insert_one({"filename": "d", "contentType": "image/avif"})
    found = [storage.stat(name).content_type for name in ("a.txt", "b.png", "c", "d")]
    assert found == ["text/x-special", "image/png", "image/webp", "image/avif"]


def test_urls(storage: GridFSStorage, name: str) -> None:
    """With a base_url, with or without a slash at its end, also of a subclass; else none."""

    class Reports(GridFSStorage):
        base_url = "/reports"

    with pytest.raises(NoURL):
        storage.url("a.txt")
    made = Reports(uri=shared(Secantus).uri, database_name=name)
    assert made.url("a b.txt") == "/reports/a%20b.txt"


def test_buckets_are_apart(storage: GridFSStorage, name: str, database: Any) -> None:
    """``collection`` names another bucket of the database."""
    other = GridFSStorage(uri=shared(Secantus).uri, database_name=name, collection="reports")
    with other:
        assert storage.save("a.txt", ContentFile(b"fs")) == "a.txt"
        assert other.save("a.txt", ContentFile(b"reports")) == "a.txt"
        assert read(other, "a.txt") == b"reports"
    assert GridFSBucket(database, "reports").open_download_stream_by_name("a.txt").read()


def test_chunk_size(name: str, database: Any) -> None:
    """New files have chunks of that size."""
    uri = shared(Secantus).uri
    with GridFSStorage(uri=uri, database_name=name, chunk_size=1024) as storage:
        content = os.urandom(10_000)
        storage.save("a.bin", ContentFile(content))
        assert read(storage, "a.bin") == content
    assert database.fs.chunks.count_documents({}) == 10


def test_the_names_of_1_1_4() -> None:
    """The module had another name; its file class is there, too."""
    assert mongodb.GridFSStorage is GridFSStorage
    assert mongodb.GridFSFile is GridFSFile
