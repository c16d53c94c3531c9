"""Reading an object: one GET, which also tells what it is; ranges of that very version; checks."""

# ruff: noqa: SLF001 - the storage's request method is shared within this package

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from storages import retry
from storages.backends.s3 import encoding
from storages.backends.s3.faults import Request, code_of, translated
from storages.errors import AlreadyExists, Changed, Corrupt, StorageError, Timeout
from storages.libraries import library
from storages.readers import Reader, Stat
from storages.staging import BLOCK
from storages.told import understood

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = ["length_of", "listed", "open_object", "stat_of", "true_stat"]

#: An ETag that is the MD5 of what was stored, for most servers, in most cases.
_MD5 = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
#: Objects up to this size are compared with their MD5; larger ones mostly have none.
MOST_VERIFIED = 32 * 1024 * 1024
#: So much is taken from a stream at once, when it is read on and on: each time has its price.
MOST_AHEAD = 8 * BLOCK
#: So much of a stream that is not wanted any more is read, to keep its connection.
_DRAINED = BLOCK
#: Seconds to wait for it: it should be here already.
_PATIENCE = 0.1

#: Endpoints whose ETags turned out to be something else than an MD5.
_other_etags: set[str | None] = set()


def stat_of(answer: Mapping[str, Any], size: int) -> Stat:
    """Return what an answer (of GET, HEAD or a listing) tells of an object of ``size`` bytes."""
    modified = answer.get("LastModified")
    return Stat(
        size=size,
        modified=modified,
        created=modified,
        version=str(answer.get("ETag") or "").strip('"') or None,
        content_type=answer.get("ContentType"),
    )


def length_of(answer: Mapping[str, Any]) -> int:
    """Return the length that an answer tells. Raises StorageError when it tells none."""
    told: int | None = answer.get("ContentLength")
    if told is None:
        raise StorageError("The server does not tell the object's length.")
    return told


def listed(storage: S3Storage, found: Mapping[str, Any]) -> Stat:
    """Return what a listing tells of an object, with the MD5 of what is stored where it has one."""
    stat = stat_of(found, int(found["Size"]))
    if _MD5.fullmatch(stat.version or "") is None or _hides_md5(storage):
        return stat
    return replace(stat, checksum=f"md5:{stat.version}")


def _hides_md5(storage: S3Storage) -> bool:
    given = storage._get_write_parameters("")
    return (
        str(given.get("ServerSideEncryption") or "").startswith("aws:kms")
        or bool(given.get("SSECustomerAlgorithm"))
        or storage.effective_endpoint_url in _other_etags
    )


def true_stat(storage: S3Storage, key: str, answer: Mapping[str, Any]) -> Stat:
    """Return what HEAD's ``answer`` tells, with the length that reading gives."""
    stat = stat_of(answer, length_of(answer))
    if not _unpacks(storage, answer):
        return stat
    return encoding.with_true_size(
        stat, answer, lambda: _tail(storage, key, stat.size, stat.version)
    )


def open_object(storage: S3Storage, key: str, *, offset: int, version: str | None) -> Reader:
    """Begin to read ``key`` at ``offset``, and in ``version`` if one is given."""
    try:
        reader, answer = _get(storage, key, offset, version)
    except Changed as error:
        # A compressed file is longer than its object, so the offset may be beyond that.
        if code_of(error) != "InvalidRange":
            raise
        reader, answer = _get(storage, key, 0, version)
        if not _unpacks(storage, answer):
            reader.close()
            raise
    if not _unpacks(storage, answer):
        return reader
    return _unpacked(storage, key, reader, answer, offset)


def _unpacked(
    storage: S3Storage, key: str, raw: _Body, answer: Mapping[str, Any], offset: int
) -> Reader:
    version = raw.stat.version
    size = raw.stat.size

    def reopen() -> _Body:
        return _get(storage, key, 0, version)[0]

    try:
        stat = encoding.with_true_size(raw.stat, answer, lambda: _tail(storage, key, size, version))
        if raw.start:
            raw.close()
            raw = reopen()
        reader = encoding.GunzipReader(stat, raw, reopen)
        if offset:
            reader.seek(offset)
    except BaseException:
        raw.close()
        raise
    return reader


def _unpacks(storage: S3Storage, answer: Mapping[str, Any]) -> bool:
    """Whether the object was compressed by us (it says so), or by such a storage before us."""
    return encoding.is_compressed(answer) and (
        bool(storage.gzip) or encoding.true_size(answer) is not None
    )


def _tail(storage: S3Storage, key: str, size: int, version: str | None) -> bytes:
    body, _ = _get(storage, key, max(0, size - encoding.TRAILER), version)
    try:
        buffer = memoryview(bytearray(encoding.TRAILER))
        count = 0
        while moved := body.readinto(buffer[count:]):
            count += moved
        return bytes(buffer[:count])
    finally:
        body.close()


def _get(
    storage: S3Storage, key: str, offset: int, version: str | None
) -> tuple[_Body, Mapping[str, Any]]:
    asked: dict[str, str] = {}
    if offset:
        # Not for the whole: a range has no checksum that botocore could verify.
        asked["Range"] = f"bytes={offset}-"
    if version:
        asked["IfMatch"] = f'"{version}"'
    try:
        answer = storage._request("get_object", key, **asked, **storage._read_parameters(key))
    except AlreadyExists as error:  # what a failed condition means to a writer
        raise Changed from error
    stream = answer["Body"]
    try:
        start, size = _extent(answer, offset)
        body = _Body(storage, key, stream, stat_of(answer, size), start)
        if start == 0 and not _is_verified(stream) and _has_md5(storage, body.stat, answer):
            body.verify(lambda digest: _check(storage, key, body.stat, digest))
        body.skip(offset - start)
    except BaseException:
        stream.close()
        raise
    return body, answer


def _extent(answer: Mapping[str, Any], offset: int) -> tuple[int, int]:
    """Return where the stream starts, and the size of the object."""
    found = _RANGE.fullmatch(answer.get("ContentRange") or "")
    if found is None:
        # A server that knows no ranges sends all of it.
        return 0, length_of(answer)
    start, size = int(found[1]), int(found[2])
    if start > offset:
        raise Corrupt(f"Asked for bytes from {offset}, the server sends them from {start}.")
    return start, size


def _is_verified(stream: Any) -> bool:
    """Whether botocore compares the bytes with a checksum that the server sent: MD5 is slower."""
    return isinstance(stream, library("botocore.httpchecksum", "s3").StreamingChecksumBody)


def _has_md5(storage: S3Storage, stat: Stat, answer: Mapping[str, Any]) -> bool:
    return (
        0 < stat.size <= MOST_VERIFIED
        and _MD5.fullmatch(stat.version or "") is not None
        and not str(answer.get("ServerSideEncryption") or "").startswith("aws:kms")
        and not answer.get("SSECustomerAlgorithm")
        and storage.effective_endpoint_url not in _other_etags
    )


def _check(storage: S3Storage, key: str, stat: Stat, digest: str) -> None:
    """Compare what was read with the ETag; raise Corrupt when it is not what was stored.

    Not every ETag is an MD5. Bytes that come the same a second time are what the server has.
    """
    if digest == stat.version:
        return
    body, _ = _get(storage, key, 0, stat.version)
    again = hashlib.md5(usedforsecurity=False)
    body.verify(None)
    buffer = memoryview(bytearray(BLOCK))
    try:
        while count := body.readinto(buffer):
            again.update(buffer[:count])
    finally:
        body.close()
    if again.hexdigest() != digest:
        raise Corrupt(f"The MD5 of what was read is {digest}, that of the object {stat.version}.")
    _other_etags.add(storage.effective_endpoint_url)


class _Body:
    """The stream of one answer: bounded by the deadline, verified at its end."""

    def __init__(self, storage: S3Storage, key: str, stream: Any, stat: Stat, start: int) -> None:
        self.stat = stat
        self.start = start
        self._stream = stream
        self._left = stat.size - start
        self._ahead = memoryview(b"")
        self._block = BLOCK
        self._request = Request(storage, "get_object", storage.current_bucket, key)
        self._md5: Any = None
        self._check: Callable[[str], None] | None = None

    def verify(self, check: Callable[[str], None] | None) -> None:
        """Call ``check`` with the MD5 of the whole when it has been read; None: do not."""
        self._md5 = hashlib.md5(usedforsecurity=False) if check else None
        self._check = check

    def skip(self, count: int) -> None:
        """Read and drop ``count`` bytes."""
        scratch = memoryview(bytearray(min(BLOCK, count)))
        while count:
            dropped = self.readinto(scratch[:count])
            if not dropped:
                return
            count -= dropped

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        if not self._ahead:
            self._fill(wanted)
        count = min(wanted, len(self._ahead))
        buffer[:count] = self._ahead[:count]
        self._ahead = self._ahead[count:]
        self._left -= count
        if not self._left:
            self._finish()
        return count

    def _fill(self, wanted: int) -> None:
        """Take more from the stream than is wanted, once a good deal of it has been."""
        size = max(wanted, self._block)
        self._block = min(2 * self._block, MOST_AHEAD)
        if retry.remaining() == 0:
            raise Timeout("The deadline has passed.")
        with understood(), translated(self._request):
            data = self._stream.read(min(size, self._left))
        if self._md5 is not None:
            self._md5.update(data)
        self._ahead = memoryview(data)

    def close(self) -> None:
        """Give the connection back, if that is cheaper than a new one; else close it."""
        self._check = None
        if 0 < self._left <= _DRAINED and retry.remaining() is None:
            try:
                self._wait_at_most(_PATIENCE)
                self.skip(self._left)
            except OSError:
                self._left = 0  # the rest was not wanted anyway
        self._stream.close()

    def _finish(self) -> None:
        with understood(), translated(self._request):
            self._stream.read(1)  # botocore compares length and checksum only at the very end
        if self._md5 is not None and self._check is not None:
            self._check(self._md5.hexdigest())

    def _wait_at_most(self, seconds: float) -> None:
        raw = getattr(self._stream, "_raw_stream", None)
        response = getattr(raw, "_fp", None)
        if response is not None and not response.isclosed():
            response.incoming.wait_at_most(seconds)
