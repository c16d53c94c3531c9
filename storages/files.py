"""The file objects that ``storage.open()`` returns.

A reader is one stream that the store has already begun to send: the first ``read`` continues it, a
seek drops it and asks for the new place, with the version pinned, so that a reader never gets half
of two files. A writer is a scratch file that is published, whole, when it is closed; leaving its
``with`` block by an exception, or losing it, publishes nothing.
"""

# ruff: noqa: SLF001 - the file objects are the other half of the core in base.py

from __future__ import annotations

import io
import os
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import sync_to_async
from django.core.files.base import File

from storages.readers import RangeReader, Stat
from storages.staging import BLOCK, Spool, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer, Self

    from storages.base import BaseStorage

__all__ = ["Mode", "StorageFile"]

# What is asked of the store at once, at most: a gigabyte per second comes in larger blocks.
_READ_AHEAD = 2 * BLOCK


@dataclass(frozen=True)
class Mode:
    """A mode of ``open()``: one of r, w, x, a; perhaps +; b or t (the default, as in Python)."""

    text: str
    action: str
    updating: bool
    binary: bool

    @classmethod
    def parse(cls, mode: str) -> Mode:
        """Return what ``mode`` says; raise ValueError when it says nothing sensible."""
        letters = set(mode)
        actions = letters & set("rwxa")
        if (
            len(letters) != len(mode)
            or letters - set("rwxabt+")
            or len(actions) != 1
            or {"b", "t"} <= letters
        ):
            raise ValueError(
                f"Invalid mode: {mode!r}. One of r, w, x, a, then perhaps + and b or t."
            )
        return cls(mode, actions.pop(), "+" in letters, "b" in letters)

    @property
    def writes(self) -> bool:
        """Whether the file can be written to."""
        return self.updating or self.action != "r"

    @property
    def reads(self) -> bool:
        """Whether the file can be read from."""
        return self.updating or self.action == "r"


class Draft(Spool):
    """What a writer has written so far.

    ``appending``: everything is written at the end, wherever the position is, as mode ``a`` wants.
    ``abandoned``: nobody will read it, so that what buffers still flush into it is dropped.
    """

    def __init__(self, *, appending: bool = False) -> None:
        super().__init__()
        self.appending = appending
        self.abandoned = False

    def write(self, data: Buffer) -> int:
        """Write ``data``; return its length in bytes."""
        if self.abandoned:
            return memoryview(data).nbytes
        if self.appending:
            self.seek(0, os.SEEK_END)
        return super().write(data)


class StorageFile(File):  # type: ignore[type-arg]
    """A file of a storage, open for reading or writing; a Django ``File``.

    ``name`` is the stored name, ``mode`` the one it was opened with. A reader's ``stat`` and
    ``size`` come from the store's answer to ``open()``. Text is UTF-8, without newline translation.

    A file that is dropped without being closed gives a ResourceWarning; what was written to it is
    then lost, as it is after an exception in its ``with`` block.
    """

    def __init__(self, storage: BaseStorage, name: str, mode: str) -> None:
        self._storage = storage
        self._parsed = Mode.parse(mode)
        self._raw: RangeReader | Draft | None = None
        self._base: Stat | None = None
        self._dirty = False
        self._finished = True
        super().__init__(None, name)
        self.mode = mode
        self._start()

    def _start(self) -> None:
        mode, storage, name = self._parsed, self._storage, cast("str", self.name)
        if not mode.writes:
            self._raw = RangeReader(storage, name, storage._open_reader(name))
            buffered: Any = io.BufferedReader(self._raw, _READ_AHEAD)
        else:
            self._raw = Draft(appending=mode.action == "a")
            try:
                self._base = storage._load_draft(name, mode.action, self._raw)
            except BaseException:
                self._raw.close()
                raise
            self._dirty = self._base is None
            if mode.action != "a":
                self._raw.seek(0)
            kind: Any = io.BufferedRandom if mode.reads else io.BufferedWriter
            buffered = kind(self._raw, BLOCK)
        self.file = (
            buffered if mode.binary else io.TextIOWrapper(buffered, encoding="utf-8", newline="")
        )
        self._finished = False

    @property
    def stat(self) -> Stat:
        """What the store told of the file when it was opened for reading."""
        if isinstance(self._raw, RangeReader):
            return self._raw.stat
        raise io.UnsupportedOperation("A file that is being written has no stat.")

    @property
    def size(self) -> int:
        """The length in bytes, a reader's as stored and a writer's as written so far."""
        if isinstance(self._raw, RangeReader):
            return self._raw.stat.size
        if self.closed:
            return self._storage.size(cast("str", self.name))
        self._flush()
        raw = cast("Draft", self._raw)
        position = raw.tell()
        end = raw.seek(0, os.SEEK_END)
        raw.seek(position)
        return end

    @size.setter
    def size(self, value: int) -> None:  # noqa: ARG002
        raise AttributeError("A stored file's size cannot be set.")

    def __len__(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        """Write bytes (always) or str (in text mode); return how many characters or bytes."""
        target: Any = self.file
        if not self._parsed.writes:
            raise io.UnsupportedOperation("not writable")
        self._dirty = True
        if isinstance(target, io.TextIOWrapper) and not isinstance(data, str):
            target.flush()
            target = target.buffer
        count: int = target.write(data)
        return count

    def writelines(self, lines: Iterable[Any]) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def truncate(self, size: int | None = None) -> int:
        """Cut the file at ``size`` bytes (default: the position); return the new size."""
        self._dirty = True
        count: int = cast("Any", self.file).truncate(size)
        return count

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> StorageFile:  # noqa: ARG002
        """Rewind an open file, or open a closed one again; in another ``mode`` if one is given.

        As with Django's files, ``with file.open() as f`` closes it at the end.
        """
        wanted = Mode.parse(mode or self.mode or "rb")
        if not self.closed and wanted.text == self._parsed.text:
            self.seek(0)
            return self
        self.close()
        self._parsed = wanted
        self.mode = wanted.text
        self._start()
        return self

    def close(self) -> None:
        """Close the file; one that was written to is published now, whole.

        When publishing fails its error is raised, the old file is as it was, and ``close()`` may
        be called again to try once more.
        """
        if self._finished:
            return
        if self._parsed.writes and self._dirty:
            self._flush()
            self._publish()
        self._discard()

    def abort(self) -> None:
        """Close the file without publishing what was written."""
        self._discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self._discard()
            raise

    def __del__(self) -> None:
        if getattr(self, "_finished", True):
            return
        # A reader's stream may still be in use, as in `storage.open(name).read()`: Django's proxy
        # hands out the stream's own method. It is given back when nothing refers to it any more.
        if self._parsed.writes:
            self._discard()
        warnings.warn(f"unclosed file {self!r}", ResourceWarning, source=self, stacklevel=2)

    def _flush(self) -> None:
        cast("Any", self.file).flush()

    def _publish(self) -> None:
        raw = cast("Draft", self._raw)
        name = cast("str", self.name)
        position = raw.tell()
        with staged(raw, self._storage._progress(name, "write")) as source:
            self._storage._publish(name, source, self._parsed.action, self._base)
        raw.seek(position)

    def _discard(self) -> None:
        self._finished = True
        if isinstance(self._raw, Draft):
            self._raw.abandoned = True
        cast("Any", self.file).close()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._finished

    async def aread(self, size: int = -1) -> Any:
        """Read as ``read`` does, without blocking the event loop."""
        return await self._async(self.read)(size)

    async def achunks(self, chunk_size: int | None = None) -> AsyncIterator[Any]:
        """Yield the file from its start as ``chunks`` does, without blocking the event loop."""
        await self._async(self.seek)(0)
        while data := await self._async(self.read)(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield data

    async def awrite(self, data: Any) -> int:
        """Write as ``write`` does, without blocking the event loop."""
        count: int = await self._async(self.write)(data)
        return count

    async def aclose(self) -> None:
        """Close, and publish, as ``close`` does, without blocking the event loop."""
        await self._async(self.close)()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._async(self.__exit__)(exc_type, exc_value, traceback)

    def _async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        sensitive: bool = self._storage.thread_sensitive
        return sync_to_async(function, thread_sensitive=sensitive)
