"""Files that are stored compressed: what is compressed, and how it is read back.

A file of one of ``gzip_content_types`` is stored gzipped when that makes it smaller, always to the
same bytes. Its true length is kept in the object's metadata, so that ``size()`` and reading agree.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from storages.errors import Corrupt
from storages.readers import Reader, Stat
from storages.staging import BLOCK, Source, Spool

__all__ = ["GunzipReader", "encoded", "is_compressed", "true_size", "with_true_size"]

#: The name, among an object's metadata, of the length before compression.
SIZE = "uncompressed-size"
# django-s3-storage spells it so; some proxies drop header names with underscores.
_SIZES = (SIZE, "uncompressed_size")
_GZIP = 16 + zlib.MAX_WBITS
# The last bytes of a gzip file: its true length, modulo 2 ** 32.
TRAILER = 4


@contextmanager
def encoded(
    storage: Any, source: Source, parameters: Mapping[str, Any]
) -> Iterator[tuple[Source, dict[str, Any]]]:
    """Give what is to be sent instead of ``source``, and with which parameters.

    That is ``source`` itself unless ``storage`` compresses such files and it gets smaller.
    """
    unchanged = dict(parameters)
    if not source.size or not compresses(storage, parameters):
        yield source, unchanged
        return
    with Spool() as spool:
        if not _compress(source, spool):
            source.seek(0)
            yield source, unchanged
            return
        size = spool.tell()
        spool.seek(0)
        metadata = {**parameters.get("Metadata", {}), SIZE: str(source.size)}
        yield (
            Source(spool, size, content_type=source.content_type),
            {**parameters, "ContentEncoding": "gzip", "Metadata": metadata},
        )


def compresses(storage: Any, parameters: Mapping[str, Any]) -> bool:
    """Tell whether ``storage`` tries to compress an upload with these parameters."""
    if not storage.gzip or "ContentEncoding" in parameters:
        return False
    kind = str(parameters.get("ContentType", "")).partition(";")[0].strip().lower()
    return kind in {each.lower() for each in storage.gzip_content_types}


def _compress(source: Source, spool: Spool) -> bool:
    """Write ``source`` to ``spool``, compressed; False, soon, when that does not make it less.

    zlib writes no name and no time into the head: equal content gives equal bytes.
    """
    compressor = zlib.compressobj(wbits=_GZIP)
    for chunk in source.chunks():
        _write(spool, compressor.compress(chunk))
        if spool.tell() >= source.size:
            return False
    _write(spool, compressor.flush())
    return spool.tell() < source.size


def _write(spool: Spool, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[spool.write(view) :]


def is_compressed(answer: Mapping[str, Any]) -> bool:
    """Tell whether the object that S3 answered about is stored gzipped."""
    codings = str(answer.get("ContentEncoding") or "").lower().replace(" ", "").split(",")
    # Some servers keep the coding of the transfer.
    return [coding for coding in codings if coding != "aws-chunked"] == ["gzip"]


def true_size(answer: Mapping[str, Any]) -> int | None:
    """Return the length before compression, where the object's metadata tells it."""
    metadata = answer.get("Metadata") or {}
    for name in _SIZES:
        text = str(metadata.get(name, ""))
        if text.isascii() and text.isdigit():
            return int(text)
    return None


def with_true_size(
    stat: Stat, answer: Mapping[str, Any], read_trailer: Callable[[], bytes]
) -> Stat:
    """Return ``stat`` with the length before compression.

    Objects that others compressed have no such metadata; their last bytes, which ``read_trailer``
    fetches, tell it (for a single gzip member of less than 4 GiB, which is what they write).
    """
    size = true_size(answer)
    if size is None:
        trailer = read_trailer()
        if len(trailer) < TRAILER:
            return stat  # no gzip file, whatever its headers say; reading it will tell
        size = int.from_bytes(trailer[-TRAILER:], "little")
    return replace(stat, size=size)


class GunzipReader:
    """A :class:`~storages.readers.Reader` of what is compressed in another one's stream.

    ``stat`` tells the length before compression. ``reopen`` gives the compressed stream from its
    start again, of the very same version: seeking backwards needs it, forwards is reading on.
    """

    def __init__(self, stat: Stat, raw: Reader, reopen: Callable[[], Reader]) -> None:
        self.stat = stat
        self._raw = raw
        self._reopen = reopen
        self._buffer = memoryview(bytearray(BLOCK))
        self._begin()

    def _begin(self) -> None:
        self._unzip = zlib.decompressobj(_GZIP)
        self._input = b""
        self._position = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        data = self._next(len(buffer)) if len(buffer) else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        if offset < self._position:
            self._raw.close()
            self._raw = self._reopen()
            self._begin()
        scratch = memoryview(bytearray(min(BLOCK, max(1, offset - self._position))))
        while self._position < offset:
            if not self.readinto(scratch[: offset - self._position]):
                return

    def close(self) -> None:
        """Give back the compressed stream."""
        self._raw.close()

    def _next(self, wanted: int) -> bytes:
        while True:
            if self._unzip.eof:
                # Another member may follow; gzip files may be put end to end.
                self._input = self._unzip.unused_data or self._more()
                if not self._input:
                    return b""
                self._unzip = zlib.decompressobj(_GZIP)
            data = self._unzipped(self._input, wanted)
            self._input = self._unzip.unconsumed_tail
            if data:
                return data
            if self._unzip.eof or self._input:
                continue
            self._input = self._more()
            if not self._input:
                return b""  # broken off: the core asks again, and tells if it stays so

    def _unzipped(self, data: bytes, wanted: int) -> bytes:
        try:
            return self._unzip.decompress(data, wanted)
        except zlib.error as error:
            raise Corrupt(f"The object says that it is gzipped, but it is not: {error}.") from error

    def _more(self) -> bytes:
        count = self._raw.readinto(self._buffer)
        return bytes(self._buffer[:count])
