"""What pymongo raises, and which of our errors that is: a table, without a server."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from bson.errors import InvalidBSON, InvalidDocument
from pymongo import WriteConcern, errors

from storages.backends.gridfs.bucket import Bucket
from storages.backends.gridfs.failures import translating
from storages.errors import (
    AlreadyExists,
    Corrupt,
    OptionError,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)

TOPOLOGY = ", Topology Description: <TopologyDescription id: 6, servers: [<password>]>"
TABLE: list[tuple[Exception, type[Exception]]] = [
    (errors.DuplicateKeyError("dup", 11000), AlreadyExists),
    (errors.OperationFailure("not authorized on media", 13), PermissionDenied),
    (errors.OperationFailure("Authentication failed.", 18), PermissionDenied),
    (errors.OperationFailure("bad auth", 8000), PermissionDenied),
    (errors.OperationFailure("you are over your space quota", 8000), StorageFull),
    (errors.OperationFailure("no space", 14031), StorageFull),
    (errors.ExecutionTimeout("operation exceeded time limit", 50), Timeout),
    (errors.OperationFailure("exceeded time limit", 262), Timeout),
    (errors.WTimeoutError("waiting for replication timed out", 64), Timeout),
    (errors.OperationFailure("write conflict", 112), Unavailable),
    (errors.OperationFailure("interrupted at shutdown", 11600), Unavailable),
    (errors.NotPrimaryError("not primary"), Unavailable),
    (errors.AutoReconnect("connection closed"), Unavailable),
    (errors.NetworkTimeout("timed out"), Timeout),
    (errors.WaitQueueTimeoutError("no connection became free"), Timeout),
    (errors.ServerSelectionTimeoutError(f"refused{TOPOLOGY}"), Unavailable),
    (errors.ServerSelectionTimeoutError(f"Authentication failed.{TOPOLOGY}"), PermissionDenied),
    (
        errors.ServerSelectionTimeoutError(f"certificate verify failed: self-signed{TOPOLOGY}"),
        StorageError,
    ),
    (errors.InvalidOperation("Cannot use MongoClient after close"), Unavailable),
    (errors.OperationFailure("key too large to index", 17280), TooLarge),
    (errors.DocumentTooLarge("BSON document too large"), TooLarge),
    (InvalidDocument("cannot encode object"), TooLarge),
    (InvalidBSON("bad utf8"), Corrupt),
    (errors.OperationFailure("unknown command", 59), StorageError),
    (errors.ProtocolError("bad answer"), StorageError),
    (errors.InvalidURI("bad port"), OptionError),
    (errors.ConfigurationError("unknown option"), OptionError),
    (errors.InvalidName("database names cannot contain '.'"), OptionError),
]


@pytest.mark.parametrize(("theirs", "ours"), TABLE, ids=lambda it: getattr(it, "__name__", str(it)))
def test_the_table(theirs: Exception, ours: type[Exception]) -> None:
    """The most specific error that says what happened; only what may pass is Unavailable."""
    with pytest.raises(ours) as caught, translating():
        raise theirs
    assert type(caught.value) is ours
    assert "Topology" not in str(caught.value)
    assert "<password>" not in str(caught.value)


class Refusing:
    """A collection, and a client, that refuse to insert several documents."""

    name = "fs.chunks"
    nodes = frozenset({"here"})

    def __init__(self, **details: Any) -> None:
        self.error = errors.BulkWriteError({"writeErrors": [], "writeConcernErrors": [], **details})
        self.client = self
        self.write_concern = WriteConcern()

    def get_collection(self, name: str, **options: Any) -> Any:
        """Return itself."""
        return self

    def insert_many(self, documents: Any, **options: Any) -> Any:
        """Refuse."""
        raise self.error


def insert(*, again: bool, **details: Any) -> None:
    """Insert a chunk into such a bucket."""
    Bucket(Refusing(**details), "fs", 5.0, 5.0).insert_chunks([{"data": b"content"}], again=again)


def refused(code: int) -> dict[str, Any]:
    """One of the refusals in an error for several writes."""
    return {"index": 0, "code": code, "errmsg": "refused", "op": {"data": b"content"}}


def test_refused_writes_hide_what_was_written() -> None:
    """Pymongo's error for several writes shows, and holds, each document: ours does neither."""
    with pytest.raises(StorageFull) as caught:
        insert(again=False, writeErrors=[refused(14031)])
    assert caught.value.message == "refused"
    assert "b'content'" not in "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, errors.BulkWriteError)
        error = error.__context__


def test_chunks_that_the_first_attempt_has_stored() -> None:
    """They are no failure of the second; anything else is, and so is what was not replicated."""
    insert(again=True, writeErrors=[refused(11000), refused(11000)])
    concern = {"code": 64, "errmsg": "waiting for replication timed out"}
    for again, details, kind in (
        (False, {"writeErrors": [refused(11000)]}, StorageError),
        (True, {"writeErrors": [refused(11000), refused(14031)]}, StorageFull),
        (True, {"writeErrors": [refused(11000)], "writeConcernErrors": [concern]}, Timeout),
        (True, {"writeConcernErrors": [concern]}, Timeout),
    ):
        with pytest.raises(kind) as caught:
            insert(again=again, **details)
        assert not isinstance(caught.value, AlreadyExists)
