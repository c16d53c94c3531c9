"""Writing an object: all or nothing, and never over one that somebody else has just stored."""

# ruff: noqa: SLF001 - the storage's request method is shared within this package

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from storages.backends.s3 import conditions, multipart
from storages.backends.s3.chunks import ChunkedBody
from storages.backends.s3.encoding import encoded
from storages.backends.s3.faults import Conflict, code_of
from storages.backends.s3.reading import length_of
from storages.errors import AlreadyExists, PermissionDenied, StorageError, Unavailable
from storages.retry import repeat_creation, sleep
from storages.staging import BLOCK, Source, Spool
from storages.told import understood

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = ["copy_object", "write_object"]

#: The largest object that one PUT can store.
MOST_PUT = 5 * 1024 * 1024 * 1024
#: Two conditional writes that meet get 409, "ask again"; it is asked so often, so many seconds.
_CONFLICTS = 20
_PAUSE = 0.05

#: Upload parameters that a copy repeats; the others S3 copies along with the bytes.
_COPIED = (
    "ACL",
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWriteACP",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "SSEKMSEncryptionContext",
    "BucketKeyEnabled",
    "StorageClass",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "RequestPayer",
    "ExpectedBucketOwner",
)
#: What HEAD and GET tell of an object that a new upload of it is given again.
_KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
    "WebsiteRedirectLocation",
)


def write_object(storage: S3Storage, key: str, source: Source, *, overwrite: bool) -> None:
    """Store ``source`` under ``key``. Raises AlreadyExists unless ``overwrite``."""
    parameters = storage._get_write_parameters(key, source)
    with encoded(storage, source, parameters) as (body, given):
        _store(storage, key, body, given, create=not overwrite)


def _store(
    storage: S3Storage, key: str, body: Source, parameters: Mapping[str, Any], *, create: bool
) -> None:
    if not create:
        _send(storage, key, body, parameters, create=False)
    elif _is_decided_by_server(storage, key, body.size):
        _create(storage, key, body, parameters)
    else:
        with conditions.taking(storage, key):
            if storage._has(key):
                raise AlreadyExists
            _send(storage, key, body, parameters, create=False)


def _is_decided_by_server(storage: S3Storage, key: str, size: int) -> bool:
    """Whether the server can refuse to replace an object by an upload of ``size`` bytes."""
    if not conditions.honours(storage, "put", key):
        return False
    return size <= MOST_PUT or conditions.honours(storage, "complete", key)


def _create(storage: S3Storage, key: str, body: Source, parameters: Mapping[str, Any]) -> None:
    for attempt in range(1, _CONFLICTS + 1):
        try:
            body.seek(0)
            _send(storage, key, body, parameters, create=True)
        except Conflict:  # somebody else is writing that name just now
            if attempt == _CONFLICTS or not sleep(_PAUSE):
                raise
        else:
            return


def _send(
    storage: S3Storage, key: str, body: Source, parameters: Mapping[str, Any], *, create: bool
) -> None:
    condition = {"IfNoneMatch": "*"} if create else {}
    if body.size <= multipart.threshold(storage):
        data = body.read()
        digest = storage._digest(data)
        storage._request("put_object", key, Body=data, **digest, **condition, **parameters)
    elif create and body.size <= MOST_PUT and not conditions.honours(storage, "complete", key):
        # One request, however large, is refused as a whole; parts would replace what is there.
        put = _put_in_chunks if _signs_in_chunks(storage, key, parameters) else _put
        put(storage, key, body, {**condition, **parameters})
    else:
        multipart.upload(storage, key, body, parameters, create=create)


def _signs_in_chunks(storage: S3Storage, key: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the signature covers the body, which then need not be hashed before it is sent."""
    return (
        storage._signs_bodies
        and not storage._adds_checksums
        and not any(name.startswith("Checksum") for name in parameters)
        and conditions.takes_chunks(storage, key)
    )


def _put(storage: S3Storage, key: str, body: Source, parameters: Mapping[str, Any]) -> None:
    storage._request("put_object", key, Body=body, **parameters)


def _put_in_chunks(
    storage: S3Storage, key: str, body: Source, parameters: Mapping[str, Any]
) -> None:
    try:
        storage._request("put_object", key, Body=ChunkedBody(body), **parameters)
    except PermissionDenied as error:
        if code_of(error) != "SignatureDoesNotMatch":
            raise
        # Not the keys: with them this server has taken a body in chunks before.
        raise Unavailable("The server says that the content was damaged on its way.") from error


def copy_object(storage: S3Storage, key: str, target: str, *, overwrite: bool) -> None:
    """Copy ``key`` to ``target`` within S3. Raises NotFound, and AlreadyExists unless overwrite."""
    repeat_creation(
        storage.retry,
        partial(_copy_once, storage, key, target, overwrite=overwrite),
        partial(_is_copy, storage, key, target),
    )


def _is_copy(storage: S3Storage, key: str, target: str) -> bool:
    one, other = storage._head(key), storage._head(target)
    return all(one.get(fact) == other.get(fact) for fact in ("ContentLength", "ETag"))


def _copy_once(storage: S3Storage, key: str, target: str, *, overwrite: bool) -> None:
    if overwrite:
        _copy(storage, key, target, create=False)
    elif conditions.honours(storage, "copy", target):
        _copy(storage, key, target, create=True)
    elif conditions.honours(storage, "put", target) and _copy_through(storage, key, target):
        return
    else:
        with conditions.taking(storage, target):
            if storage._has(target):
                raise AlreadyExists
            _copy(storage, key, target, create=False)


def _copy(storage: S3Storage, key: str, target: str, *, create: bool) -> None:
    given = storage._get_write_parameters(target)
    parameters = {name: given[name] for name in _COPIED if name in given}
    origin: dict[str, Any] = {"CopySource": {"Bucket": storage.current_bucket, "Key": key}}
    for name in ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"):
        if name in given:
            origin[f"CopySource{name}"] = given[name]
    condition = {"IfNoneMatch": "*"} if create else {}
    try:
        storage._request("copy_object", target, **origin, **parameters, **condition)
    except StorageError as error:
        if code_of(error) not in {"InvalidRequest", "EntityTooLarge"}:
            raise
        # S3 copies at most 5 GB in one request.
        answer = storage._request("head_object", key, **storage._read_parameters(key))
        size = length_of(answer)
        if size <= multipart.MOST_COPY:
            raise
        if not _has_plain_metadata(answer):
            msg = "It is too large for one request, and its metadata is not ASCII."
            raise StorageError(msg) from error
        multipart.copy(
            storage,
            target,
            {**origin, "CopySourceIfMatch": answer["ETag"]},
            size=size,
            parameters={**_kept(answer), **parameters},
            create=create,
        )


def _copy_through(storage: S3Storage, key: str, target: str) -> bool:
    """Read the object and create the copy: slower, but the server decides whether it may.

    False, having done nothing, when it is too large for one PUT, or has metadata that boto3 does
    not send.
    """
    answer = storage._request("get_object", key, **storage._read_parameters(key))
    stream = answer["Body"]
    try:
        if length_of(answer) > MOST_PUT or not _has_plain_metadata(answer):
            return False
        given = storage._get_write_parameters(target)
        parameters = {**{n: given[n] for n in _COPIED if n in given}, **_kept(answer)}
        with Spool() as spool:
            with understood(), storage._translated("get_object", key):
                while block := memoryview(stream.read(BLOCK)):
                    while block:
                        block = block[spool.write(block) :]
            size = spool.tell()
            spool.seek(0)
            _create(storage, target, Source(spool, size), parameters)
    finally:
        stream.close()
    return True


def _has_plain_metadata(answer: Mapping[str, Any]) -> bool:
    """Tell whether boto3 sends it: whatever another program has stored is told, but not taken."""
    return all(f"{name}{value}".isascii() for name, value in answer.get("Metadata", {}).items())


def _kept(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in _KEPT if answer.get(name)}
