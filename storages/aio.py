"""The async twins of the storage methods.

Django has no async storage API of its own. Each twin runs the method in a worker thread, so that
the event loop goes on; storages work from any thread. One whose work belongs to the caller's
thread (Django's database connections do) says so with ``thread_sensitive``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import sync_to_async

if TYPE_CHECKING:
    from storages.base import BaseStorage
    from storages.files import StorageFile
    from storages.readers import Entry, Stat

T = TypeVar("T")

__all__ = ["AsyncTwins"]


class AsyncTwins:
    """``aopen``, ``asave``, ``aexists``, …: each does what the method without ``a`` does."""

    #: Whether the twins share one thread, as Django's ORM needs.
    thread_sensitive: bool = False

    async def _run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        run = sync_to_async(function, thread_sensitive=self.thread_sensitive)
        return await run(*args, **kwargs)

    @property
    def _sync(self) -> BaseStorage:
        return cast("BaseStorage", self)

    async def aopen(self, name: str, mode: str = "rb") -> StorageFile:
        """Open a file; the file has ``aread``, ``achunks``, ``awrite``, ``aclose``."""
        return cast("StorageFile", await self._run(self._sync.open, name, mode))

    async def asave(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Save a file; return its name."""
        return await self._run(self._sync.save, name, content, max_length)

    async def adelete(self, name: str) -> None:
        """Delete a file."""
        await self._run(self._sync.delete, name)

    async def adelete_many(self, names: Iterable[str]) -> None:
        """Delete files."""
        await self._run(self._sync.delete_many, names)

    async def aexists(self, name: str) -> bool:
        """Tell whether a file or directory exists."""
        return await self._run(self._sync.exists, name)

    async def alistdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the names of the directories and of the files in a directory."""
        return await self._run(self._sync.listdir, path)

    async def ascandir(self, path: str = "") -> list[Entry]:
        """Return the entries of a directory, all of them."""
        return await self._run(lambda: list(self._sync.scandir(path)))

    async def ascantree(self, top: str = "") -> list[tuple[str, Stat | None]]:
        """Return the names of all files below a directory, with what the listing tells."""
        return await self._run(lambda: list(self._sync.scantree(top)))

    async def astat(self, name: str) -> Stat:
        """Return what the store tells about a file."""
        return await self._run(self._sync.stat, name)

    async def asize(self, name: str) -> int:
        """Return a file's length in bytes."""
        return await self._run(self._sync.size, name)

    async def aurl(self, name: str) -> str:
        """Return a file's URL."""
        return await self._run(self._sync.url, name)

    async def aget_modified_time(self, name: str) -> datetime:
        """Return when a file was last written."""
        return await self._run(self._sync.get_modified_time, name)

    async def aget_created_time(self, name: str) -> datetime:
        """Return when a file was created."""
        return await self._run(self._sync.get_created_time, name)

    async def aget_accessed_time(self, name: str) -> datetime:
        """Return when a file was last read."""
        return await self._run(self._sync.get_accessed_time, name)

    async def acopy(self, name: str, target: str, *, overwrite: bool = False) -> str:
        """Copy a file within the storage; return the target's name."""
        return await self._run(self._sync.copy, name, target, overwrite=overwrite)

    async def amove(self, name: str, target: str, *, overwrite: bool = False) -> str:
        """Rename a file within the storage; return the target's name."""
        return await self._run(self._sync.move, name, target, overwrite=overwrite)
