"""A GridFS bucket that other programs use too: what they write, rename, leave and damage."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from bson import Int64, ObjectId
from django.core.files.base import ContentFile
from gridfs import GridFSBucket

from storages.backends.gridfs import GridFSStorage
from storages.errors import AlreadyExists, Corrupt
from tests.backends import gridfs_bucket
from tests.backends.gridfs_bucket import OLD, leftovers, read, write
from tests.backends.gridfs_commands import Commands

# Fixtures, which pytest looks for in the module of the tests that take them.
name = gridfs_bucket.name
database = gridfs_bucket.database
others = gridfs_bucket.others
commands = gridfs_bucket.commands
storage = gridfs_bucket.storage


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
