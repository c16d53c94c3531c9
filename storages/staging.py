"""Content on its way into a store: staged once, so that it can be sent again.

A hook that writes gets a :class:`Source`: binary, of known length, readable as often as needed.
Content that already is such a file is used in place; anything else (text, a socket, a generator of
chunks) is first copied to a :class:`Spool`, in memory up to ``FILE_UPLOAD_MAX_MEMORY_SIZE`` bytes
and on disk beyond.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.utils import FileProxyMixin

from storages.errors import SourceChanged, StorageError, kind_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from typing_extensions import Buffer

__all__ = ["BLOCK", "Source", "Spool", "is_temporary", "staged", "temporary_name"]

#: Bytes moved at a time where nothing else decides.
BLOCK = 64 * 1024

_TEMPORARY = re.compile(r"\.storages-[0-9a-f]{16}\.tmp")


def temporary_name() -> str:
    """Return a new base name for a file that is being written, never shown to users."""
    return f".storages-{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Tell whether a base name is one that :func:`temporary_name` could have returned."""
    return _TEMPORARY.fullmatch(name) is not None


class Spool(io.RawIOBase):
    """A binary scratch file: in memory up to ``limit`` bytes, on disk beyond.

    ``limit`` defaults to ``FILE_UPLOAD_MAX_MEMORY_SIZE``; the file on disk lies in
    ``FILE_UPLOAD_TEMP_DIR``, has no name and vanishes when closed, also when the process dies.
    Raises StorageFull when that disk is full.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._file: BinaryIO = io.BytesIO()
        self._limit: int = settings.FILE_UPLOAD_MAX_MEMORY_SIZE if limit is None else limit
        self._on_disk = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill ``buffer``; return how many bytes came, 0 at the end."""
        return cast("io.BytesIO", self._file).readinto(buffer)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes (all that are left when negative or None), without a copy."""
        return self._file.read(-1 if size is None else size)

    def write(self, data: Buffer) -> int:
        """Write ``data``; return how many bytes were taken (all, unless the disk is short)."""
        view = memoryview(data)
        if not self._on_disk and self._file.tell() + view.nbytes > self._limit:
            with _staging_errors():
                self._move_to_disk()
        with _staging_errors():
            return self._file.write(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cut the file at ``size`` (default: the position); return the new size."""
        with _staging_errors():
            return self._file.truncate(size)

    def close(self) -> None:
        """Close the file; its content is gone."""
        if not self.closed:
            self._file.close()
        super().close()

    def _move_to_disk(self) -> None:
        # Unbuffered: the core's buffers already collect small writes.
        disk = cast(
            "BinaryIO",
            tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR, buffering=0),  # noqa: SIM115
        )
        memory = cast("io.BytesIO", self._file)
        position = memory.tell()
        with memory.getbuffer() as content:
            _write_all(disk, content)
        disk.seek(position)
        memory.close()
        self._file, self._on_disk = disk, True


def _write_all(file: BinaryIO, view: memoryview) -> None:
    while view:
        view = view[file.write(view) :]


@contextmanager
def _staging_errors() -> Iterator[None]:
    """A full or failing staging disk is ours to report, as StorageFull or StorageError."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        kind = kind_of(error, {}) or StorageError
        raise kind(
            f"Staging the content failed: {error.strerror or error}.",
            operation="stage",
            hint="Make room in FILE_UPLOAD_TEMP_DIR.",
        ) from error


class Source:
    """What a storage is to write: a binary file, of known length, readable any number of times.

    ``size`` is its true length in bytes, ``content_type`` what the caller declared (or None),
    ``path`` the file of an upload that Django has already put on disk (or None). A storage may set
    ``cache_control``, the header for stores that keep headers, before it is written.

    Reading checks the promise: content that ends early or goes on past ``size`` raises
    SourceChanged. An exception of the caller's own object is kept in ``failure``, so that the
    storage can hand it on as it was instead of taking it for the store's.
    """

    def __init__(
        self,
        file: Any,
        size: int,
        *,
        content_type: str | None = None,
        path: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.size = size
        self.content_type = content_type
        self.path = path
        self.cache_control: str | None = None
        self.failure: BaseException | None = None
        self._file = file
        self._progress = progress
        self._position = 0
        self._told = 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` bytes from the start, the position or the end; return the new one."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        with self._watched():
            self._file.seek(base + offset)
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes (all that are left when negative or None)."""
        left = max(0, self.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        blocks = []
        while wanted:
            with self._watched():
                block: bytes = self._file.read(wanted)
            if not block:
                self._broken(f"The content ended after {self._position} of {self.size} bytes.")
            blocks.append(block)
            wanted -= len(block)
            self._position += len(block)
        if self._position == self.size and blocks:
            with self._watched():
                more = self._file.read(1)
            if more:
                self._broken(f"The content is longer than {self.size} bytes.")
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        # What is read a second time, to sign it or to send it again, has been told already.
        if self._progress is not None and self._position > self._told:
            self._progress(self._position - self._told)
            self._told = self._position
        return data

    def chunks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Yield the whole content from the start, ``size`` bytes at a time."""
        self.seek(0)
        while block := self.read(size):
            yield block

    def is_file(self, status: os.stat_result) -> bool:
        """Tell whether the content is, byte for byte, the file on disk that ``status`` is of."""
        file = getattr(self._file, "file", self._file)  # tempfile wraps what it opens
        raw = getattr(file, "raw", file)
        # Other files with a descriptor (gzip's) give other bytes than that file has.
        return isinstance(raw, io.FileIO) and os.path.samestat(os.fstat(raw.fileno()), status)

    def restart(self, progress: Callable[[int], None] | None = None) -> None:
        """Begin anew, telling ``progress`` from now on."""
        self.seek(0)
        self._progress = progress
        self._told = 0

    def _broken(self, message: str) -> None:
        self.failure = SourceChanged(message)
        raise self.failure

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.failure = error
            raise


def _declared_type(content: Any) -> str | None:
    """Return the type that comes with an upload; None for one that no header can hold.

    Browsers send it, so anything may be there.
    """
    declared = getattr(content, "content_type", None)
    if not isinstance(declared, str) or not (declared.isascii() and declared.isprintable()):
        return None
    return declared.strip() or None


@contextmanager
def staged(content: Any, progress: Callable[[int], None] | None = None) -> Iterator[Source]:
    """Give ``content`` (a Django File, or any object with ``read``) as a :class:`Source`.

    The caller's file is read from its start where it can seek, is left open, and stands at its
    end afterwards. Text is encoded as UTF-8. A Source is given as it is, at its start.
    """
    if isinstance(content, Source):  # by a storage that had to look at it before it named it
        content.restart(progress)
        yield content
        return
    content_type = _declared_type(content)
    file = _binary_file(content)
    if file is not None:
        size = file.seek(0, os.SEEK_END)
        if size is None:
            size = file.tell()
        file.seek(0)
        temporary_path = getattr(content, "temporary_file_path", None)
        path = temporary_path() if callable(temporary_path) else None
        yield Source(file, size, content_type=content_type, path=path, progress=progress)
        # Every other way of reading content leaves it there, whatever the hook did.
        if not file.closed:
            file.seek(0, os.SEEK_END)
        return
    with Spool() as spool:
        for chunk in _chunks(content):
            data = chunk.encode() if isinstance(chunk, str) else chunk
            _write_all(cast("BinaryIO", spool), memoryview(data))
        size = spool.tell()
        spool.seek(0)
        yield Source(spool, size, content_type=content_type, progress=progress)


def _chunks(content: Any) -> Iterator[Any]:
    if hasattr(content, "chunks"):
        yield from content.chunks()
        return
    if _can_seek(content):
        content.seek(0)
    while chunk := content.read(BLOCK):
        yield chunk


def _binary_file(content: Any) -> Any:
    """Return the seekable binary file that ``content`` is or wraps, or None.

    A wrapper with ``chunks`` or ``read`` of its own may change what it hands out; its chunks count.
    """
    own = {File.chunks, InMemoryUploadedFile.chunks}
    while isinstance(content, File):
        kind = type(content)
        if kind.chunks not in own or kind.read is not FileProxyMixin.read:
            return None
        content = content.file
    if not _can_seek(content) or not hasattr(content, "closed"):
        return None
    return content if content.read(0) == b"" else None


def _can_seek(content: Any) -> bool:
    seekable = getattr(content, "seekable", None)
    return hasattr(content, "seek") and bool(callable(seekable) and seekable())
