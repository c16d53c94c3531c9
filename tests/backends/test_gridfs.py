"""What is peculiar to GridFS, on SecantusDB: the acceptance cases, damage, orphans, costs."""

from __future__ import annotations

import gc
import io
import os
import weakref
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from gridfs import GridFSBucket
from pymongo import MongoClient

from storages.backends import mongodb
from storages.backends.gridfs import GridFSFile, GridFSStorage
from storages.errors import Corrupt, NotFound, NoURL
from tests.backends import gridfs_bucket
from tests.backends.gridfs_bucket import OLD, read, write
from tests.backends.gridfs_commands import Commands
from tests.servers import shared
from tests.servers.secantus import Secantus

# Fixtures, which pytest looks for in the module of the tests that take them.
name = gridfs_bucket.name
database = gridfs_bucket.database
others = gridfs_bucket.others
commands = gridfs_bucket.commands
storage = gridfs_bucket.storage

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


def test_the_indexes_are_known_of_each_client(name: str) -> None:
    """Clients of one server are equal; what one knows does not go when the other does."""
    first, second = Commands(), Commands()
    uri = shared(Secantus).uri
    indexes = ["createIndexes files", "createIndexes files", "createIndexes chunks"]
    client: MongoClient[Any]
    other: MongoClient[Any]
    with MongoClient(uri, event_listeners=[first]) as client, first.during() as asked:
        GridFSStorage(database=client[name]).save("a.txt", ContentFile(b"x"))
        assert asked[:3] == indexes
    with MongoClient(uri, event_listeners=[second]) as other:
        assert other == client
        storage = GridFSStorage(database=other[name])
        with second.during() as asked:
            storage.save("b.txt", ContentFile(b"x"))
        assert asked[:3] == indexes
        gone: weakref.ref[Any] = weakref.ref(client)
        del client
        gc.collect()
        assert gone() is None
        with second.during() as asked:
            storage.save("c.txt", ContentFile(b"x"))
        assert asked == ["find files", "insert chunks", "insert files"]


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
