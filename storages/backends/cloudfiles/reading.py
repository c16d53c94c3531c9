"""What Swift tells about an object, and whether what is read is what was stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from storages import told
from storages.errors import Corrupt, StorageError
from storages.http import Answer
from storages.http.digests import Digest
from storages.readers import Reader, Stat

__all__ = [
    "SEGMENT_SIZE",
    "Segments",
    "is_large",
    "is_marker",
    "length_of",
    "listed",
    "segment_size",
    "stat_of",
]

#: Our manifests tell how the content was cut: their ETag is the MD5 of the segments' MD5s.
SEGMENT_SIZE = "X-Object-Meta-Segment-Size"

_MD5 = re.compile(r"[0-9a-f]{32}")
#: The types that the tools of the trade give to an object that stands for a directory.
_DIRECTORY = frozenset({"application/directory", "text/directory"})


def is_large(answer: Answer) -> bool:
    """Tell whether an object is made of others: an SLO or a DLO."""
    headers = answer.headers
    return "X-Static-Large-Object" in headers or "X-Object-Manifest" in headers


def is_marker(content_type: str | None, size: int) -> bool:
    """Tell whether an object stands for a directory."""
    return size == 0 and (content_type or "").partition(";")[0].strip() in _DIRECTORY


def length_of(answer: Answer) -> int:
    """Return an object's length, from the answer to HEAD.

    Raises StorageError when the server does not tell it: of a DLO with very many segments.
    """
    if answer.length is None:
        raise StorageError("The server does not tell the file's length.")
    return answer.length


def stat_of(answer: Answer, size: int) -> Stat:
    """Return what the answer to a GET or HEAD tells of an object of ``size`` bytes."""
    etag = answer.etag
    is_md5 = etag is not None and _MD5.fullmatch(etag) is not None and not is_large(answer)
    modified = _modified(answer)
    return Stat(
        size=size,
        modified=modified,
        created=modified,
        version=etag or answer.headers.get("X-Timestamp"),
        checksum=f"md5:{etag}" if is_md5 else None,
        content_type=answer.headers.get("Content-Type"),
    )


def _modified(answer: Answer) -> datetime | None:
    """Return when it was stored; Last-Modified is rounded, up to a second in the future."""
    try:
        return datetime.fromtimestamp(float(answer.headers["X-Timestamp"]), tz=timezone.utc)
    except (KeyError, OverflowError, ValueError):
        return answer.modified


def listed(found: Mapping[str, Any]) -> Stat | None:
    """Return what a listing tells of an object; None where that may be wrong."""
    size = told.length(found["bytes"])
    if size == 0:
        return None  # a DLO is listed as an empty object
    moment = datetime.fromisoformat(found["last_modified"].replace("Z", "+00:00"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    slo_etag = str(found.get("slo_etag") or "").strip('"')
    etag = slo_etag or str(found.get("hash") or "") or None
    return Stat(
        size=size,
        modified=moment,
        created=moment,
        version=etag,
        checksum=f"md5:{etag}" if etag and not slo_etag and _MD5.fullmatch(etag) else None,
        content_type=told.text(found.get("content_type")),
    )


def segment_size(answer: Answer) -> int | None:
    """Return how a large object of ours was cut; None: it is not one."""
    value = answer.headers.get(SEGMENT_SIZE, "")
    if "X-Static-Large-Object" not in answer.headers:
        return None
    return told.number(value) or None


class Segments:
    """A reader of a whole large object that compares the MD5 of its MD5s at the end."""

    def __init__(self, reader: Reader, size: int, etag: str) -> None:
        self.stat = reader.stat
        self._reader = reader
        self._size = size
        self._etag = etag
        self._left = reader.stat.size
        self._begin()
        self._whole = hashlib.md5(usedforsecurity=False)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        count = self._reader.readinto(buffer)
        rest = buffer[:count]
        self._left -= count
        while rest:
            part, rest = rest[: self._room], rest[self._room :]
            self._segment.update(part)
            self._room -= len(part)
            if not self._room:
                self._end()
        if count and not self._left:
            if self._room < self._size:
                self._end()
            if self._whole.hexdigest() != self._etag:
                raise Corrupt("The MD5 of the segments that were read is not that of the file.")
        return count

    def close(self) -> None:
        """Give back the stream."""
        self._reader.close()

    def _begin(self) -> None:
        self._segment = Digest("md5", self._size)
        self._room = self._size

    def _end(self) -> None:
        self._whole.update(self._segment.hexdigest().encode())
        self._begin()
