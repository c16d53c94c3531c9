"""GridFS: how a file's new version takes the place of the old ones, and how all of them go."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from bson import ObjectId
from django.core.files.base import ContentFile
from gridfs import GridFSBucket

from storages.backends.gridfs import GridFSStorage
from storages.backends.gridfs.bucket import Bucket
from storages.errors import AlreadyExists, NotFound, PermissionDenied, StorageError
from tests.backends import gridfs_bucket
from tests.backends.gridfs_bucket import OLD, leftovers, read, write
from tests.backends.gridfs_commands import Commands

# Fixtures, which pytest looks for in the module of the tests that take them.
name = gridfs_bucket.name
database = gridfs_bucket.database
others = gridfs_bucket.others
commands = gridfs_bucket.commands
storage = gridfs_bucket.storage


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
