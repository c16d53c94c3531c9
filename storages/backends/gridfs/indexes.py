"""The indexes of a bucket: the one that keeps names unique, and the two of every GridFS driver."""

# ruff: noqa: SLF001 - a part of the bucket

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

from storages.backends.gridfs.documents import CLAIMS
from storages.backends.gridfs.failures import code_of
from storages.errors import AlreadyExists, PermissionDenied, StorageError, Timeout
from storages.events import logger

if TYPE_CHECKING:
    from storages.backends.gridfs.bucket import Bucket

__all__ = ["ensure"]

#: The index that lets each claim be there once.
_INDEX = "storages_claims_1"
#: So often, in seconds, it is made sure of that the indexes are there.
_ENSURED_FOR = 60.0
#: How long building an index may take, in seconds.
_BUILDING = 600.0
#: An index of no more documents is built in the time of any command.
_FEW = 1000
#: An index of that name, or on these fields, is there with other properties.
_OTHER_INDEX = (85, 86)
_UNAUTHORIZED = 13

#: client -> the buckets whose indexes are there, and since when that is known. By identity: two
#: clients of one server are equal, and what was under the first would be gone with it.
_ensured: dict[int, dict[tuple[str, str], float]] = {}


def ensure(bucket: Bucket) -> None:
    """Make the indexes, unless this was done a moment ago. Raises PermissionDenied."""
    place = (bucket.database.name, bucket.collection)
    known = _ensured_by(bucket.database.client)
    if time.monotonic() - known.get(place, -_ENSURED_FOR) < _ENSURED_FOR:
        return
    _ensure_claims(bucket)
    _ensure(bucket, bucket._files, [("filename", 1), ("uploadDate", 1)])
    _ensure(bucket, bucket._chunks, [("files_id", 1), ("n", 1)], unique=True)
    known[place] = time.monotonic()


def _ensured_by(client: Any) -> dict[tuple[str, str], float]:
    if id(client) not in _ensured:
        weakref.finalize(client, _ensured.pop, id(client), None).atexit = False
    return _ensured.setdefault(id(client), {})


def _ensure_claims(bucket: Bucket) -> None:
    files = bucket._files
    try:
        _create(bucket, files, [(CLAIMS, 1)], name=_INDEX, unique=True, sparse=True)
    except PermissionDenied as error:
        if code_of(error.__cause__) != _UNAUTHORIZED:
            raise
        with bucket._asking():
            if files.index_information().get(_INDEX, {}).get("unique"):
                return
        keys = f"{{{CLAIMS}: 1}}, {{name: {_INDEX!r}, unique: true, sparse: true}}"
        raise PermissionDenied(
            error.message,
            hint="Without an index nothing would keep two uploads of one name apart. Have an "
            f"administrator create it: db.{files.name}.createIndex({keys})",
        ) from error
    except AlreadyExists as error:
        # Not that one: it would be taken for a name's.
        raise StorageError(
            error.message,
            hint=f"Files have been copied with their {CLAIMS}, which cannot be there twice. "
            "They do without: have an administrator take them away: "
            f"db.{files.name}.updateMany({{}}, {{$unset: {{{CLAIMS}: 1}}}})",
        ) from error


def _ensure(bucket: Bucket, collection: Any, keys: list[tuple[str, int]], **more: Any) -> None:
    """Make an index that every GridFS driver makes; who cannot, does without."""
    try:
        _create(bucket, collection, keys, **more)
    except PermissionDenied:
        return
    except AlreadyExists as error:  # chunks that are there twice
        logger.warning("There is no index on %s: %s", keys, error)
    except StorageError as error:
        if code_of(error.__cause__) not in _OTHER_INDEX:
            raise


def _create(bucket: Bucket, collection: Any, keys: list[tuple[str, int]], **more: Any) -> None:
    """Make an index, or see that it is there.

    Building it may take long; but who gave each answer that long would wait as long for a lost one.
    So only a server that is seen to answer, and has many documents to look at, is waited for.
    """
    try:
        with bucket._asking():
            collection.create_index(keys, **more)
    except Timeout:
        if not bucket.database.client.nodes:
            raise
        with bucket._asking():
            count = collection.estimated_document_count()
        if count <= _FEW:
            raise
        with bucket._asking(_BUILDING):
            collection.create_index(keys, **more)
