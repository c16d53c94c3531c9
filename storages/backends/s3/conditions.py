"""What a server does when a write may only create: refuse, or replace all the same.

Amazon refuses (``If-None-Match: *``), and so a name can be taken in one request and no upload is
lost. Other servers do, or say that they do not know the condition, or pass over it in silence,
which nobody notices before a file is gone. So a server that is not Amazon's is tried out, once per
process, on a scratch object. Where it does not refuse, it is asked first whether the name is free.
"""

# ruff: noqa: SLF001 - the storage's request method is shared within this package

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from storages import names
from storages.backends.s3 import multipart
from storages.backends.s3.chunks import ChunkedBody
from storages.backends.s3.client import is_aws
from storages.backends.s3.faults import NotSupported
from storages.backends.s3.recent import Recent
from storages.errors import AlreadyExists, PermissionDenied, StorageError, Unavailable
from storages.events import logger
from storages.retry import repeat
from storages.staging import Source, temporary_name

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = ["Kind", "forget", "honours", "takes_chunks", "taking"]

#: A request that may be told not to replace; or a body that is signed in chunks.
Kind: TypeAlias = Literal["put", "complete", "copy", "chunks"]

_learned: Recent[tuple[str, str, Kind], bool] = Recent(4096)
_learning = threading.RLock()
#: Saves of one name in this process take turns where the server does not see to it.
_turns = [threading.RLock() for _ in range(64)]


def honours(storage: S3Storage, kind: Kind, key: str) -> bool:
    """Tell whether the server refuses to replace an object when asked to.

    ``key`` is about to be written; a scratch object beside it shows what the server does. That the
    server cannot be reached is no answer: it raises Unavailable.
    """
    declared = storage.conditional_writes
    if declared is False or (declared and kind == "put"):
        return declared  # many servers know the condition on PUT and pass over the others
    if is_aws(storage.client.meta.endpoint_url):
        return kind != "copy" or _knows_copy(storage)
    return _learn(storage, kind, key)


def takes_chunks(storage: S3Storage, key: str) -> bool:
    """Tell whether the server understands a :class:`ChunkedBody`, as ``honours`` does."""
    return _learn(storage, "chunks", key)


def _learn(storage: S3Storage, kind: Kind, key: str) -> bool:
    place = (storage.client.meta.endpoint_url, storage.current_bucket, kind)
    known = _learned.get(place)
    if known is None:
        with _learning:
            known = _learned.get(place)
            if known is None:
                known = _try(storage, kind, key)
                if known is None:
                    return False
                _learned.put(place, known)
    return known


def forget() -> None:
    """Try every server out again."""
    _learned.clear()


@contextmanager
def taking(storage: S3Storage, key: str) -> Iterator[None]:
    """Let one thread at a time of this process ask whether ``key`` is free, and take it."""
    with _turns[hash((storage.current_bucket, key)) % len(_turns)]:
        yield


def _knows_copy(storage: S3Storage) -> bool:
    """The condition on copies is younger than some versions of boto3 that work."""
    operation = storage.client.meta.service_model.operation_model("CopyObject")
    return "IfNoneMatch" in operation.input_shape.members


def _try(storage: S3Storage, kind: Kind, beside: str) -> bool | None:
    if kind == "copy" and not _knows_copy(storage):
        return False
    # A temporary's name: should this process die here, no user gets to see it.
    directory = beside.rpartition("/")[0]
    key = names.join(directory, temporary_name())
    parameters = storage._get_write_parameters(key)
    put = {"Body": b"", **parameters}
    tries: dict[Kind, Callable[[], bool | None]] = {
        "put": lambda: _put(storage, key, put),
        "complete": lambda: _complete(storage, key, parameters),
        "copy": lambda: _copy(storage, key),
        "chunks": lambda: _chunks(storage, key, parameters),
    }
    can: bool | None = False
    try:
        repeat(storage.retry, lambda: storage._request("put_object", key, **put))
        try:
            can = repeat(storage.retry, tries[kind])
        finally:
            repeat(storage.retry, lambda: storage._request("delete_object", key))
    except AlreadyExists:
        return True
    except PermissionDenied as error:
        # What is about to be written may be allowed all the same; next time may be different.
        logger.warning(
            "A scratch object beside %r could not be written and deleted, so whether the server of "
            "%r refuses to replace objects is not known: %s AWS_S3_CONDITIONAL_WRITES can say it.",
            beside,
            storage,
            error,
        )
        return None
    except NotSupported:
        return False
    except Unavailable:
        raise
    except StorageError as error:
        logger.warning(
            "The server of %r answers a conditional %s with: %s From now on it is asked whether a "
            "name is free, which another process may take meanwhile.",
            storage,
            kind,
            error,
        )
    return bool(can)


def _put(storage: S3Storage, key: str, put: dict[str, object]) -> None:
    storage._request("put_object", key, IfNoneMatch="*", **put)


def _copy(storage: S3Storage, key: str) -> None:
    # Onto itself; S3 wants something about it to change.
    storage._request(
        "copy_object",
        key,
        CopySource={"Bucket": storage.current_bucket, "Key": key},
        MetadataDirective="REPLACE",
        IfNoneMatch="*",
    )


def _complete(storage: S3Storage, key: str, parameters: dict[str, object]) -> None:
    begun = storage._request("create_multipart_upload", key, **parameters)
    upload = {"UploadId": begun["UploadId"]}
    try:
        part = storage._request("upload_part", key, PartNumber=1, Body=b"x", **upload)
        storage._request(
            "complete_multipart_upload",
            key,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
            IfNoneMatch="*",
            **upload,
        )
    except BaseException:
        multipart.abort(storage, key, begun["UploadId"])
        raise


def _chunks(storage: S3Storage, key: str, parameters: dict[str, object]) -> bool:
    content = b"x"
    body = ChunkedBody(Source(io.BytesIO(content), len(content)))
    try:
        answer = storage._request("put_object", key, Body=body, **parameters)
    except Unavailable:
        raise
    except StorageError:
        return False
    # A server that does not know the chunks' frames would store them.
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return bool(answer.get("ETag", "").strip('"') == digest)
