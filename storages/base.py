"""Five hooks, and Django's whole storage API on them.

A backend describes its service in five methods (``_stat``, ``_open_read``, ``_write``, ``_remove``,
``_list``); everything that users see is made of them here, once: names are judged, errors become
ours, operations are retried and told about, uploads are staged, names are given out race-free.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import chain
from typing import Any, TypeVar

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from storages import names, turns
from storages.aio import AsyncTwins
from storages.errors import (
    AlreadyExists,
    Changed,
    IsADirectory,
    NotADirectory,
    NotFound,
    StorageError,
    Unavailable,
)
from storages.files import Mode, StorageFile
from storages.readers import ChunkReader, Entry, Reader, Stat
from storages.retry import Retry, sleep
from storages.saving import SavingStorage
from storages.staging import BLOCK, Source, is_temporary, staged

__all__ = [
    "BaseStorage",
    "ChunkReader",
    "Entry",
    "Reader",
    "RemoteStorage",
    "Source",
    "Stat",
]

T = TypeVar("T")


class BaseStorage(AsyncTwins, SavingStorage):
    """A Django storage made of the hooks; see :class:`storages.hooks.Hooks` for those."""

    # ---------------------------------------------------------------- opening

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        """Open a file; see :class:`storages.files.StorageFile`.

        Modes are Python's: ``r w x a``, ``+``, ``b``; ``"r"`` is text. A missing file raises
        NotFound here, not at the first read. Writing, in any mode, publishes the whole file when
        it is closed; of two that update one file at once (``a``, ``r+``), the later to close gets
        Changed.
        """
        Mode.parse(mode)
        return StorageFile(self, names.file_name(name), mode)

    def _load_draft(self, key: str, action: str, draft: Any) -> Stat | None:
        """Copy what is to be changed (mode a or r+) into ``draft``; return its Stat, else None."""
        if action == "x" and self._stat_or_none(key) is not None:
            raise AlreadyExists(operation="open", name=key, storage=repr(self))
        if action in "wx":
            return None
        try:
            file = StorageFile(self, key, "rb")
        except NotFound:
            if action == "a":
                return None
            raise
        with file:
            while block := file.read(BLOCK):
                draft.write(block)
            return file.stat

    def _publish(self, key: str, source: Source, action: str, base: Stat | None) -> None:
        """Store what a writer has written; ``base`` is the version it began with."""
        if base is not None and base.version is not None:
            self._update(key, source, base.version)
        elif action == "a" and base is None:
            try:
                self._put(key, source, overwrite=False)
            except AlreadyExists as error:
                raise self._changed(key) from error
        else:
            self._put(key, source, overwrite=action != "x")

    def _update(self, key: str, source: Source, version: str) -> None:
        """Replace a file that must still be that version; raise Changed."""
        # Nobody else updates it between the look and the writing, on this machine.
        with turns.taking("update", key):
            now = self._stat_or_none(key)
            if now is None or now.version != version:
                raise self._changed(key)
            self._put(key, source, overwrite=True)

    def _changed(self, key: str) -> Changed:
        return Changed(
            "The file was changed by somebody else while it was being updated.",
            operation="write",
            name=key,
            storage=repr(self),
            hint="Open it again and repeat the change.",
        )

    # ---------------------------------------------------------------- reading

    def stat(self, name: str) -> Stat:
        """Return what the store tells about a file, in one request.

        Raises NotFound, and IsADirectory where directories are real.
        """
        key = names.directory_name(name)
        if not key:
            raise IsADirectory(operation="stat", name=str(name), storage=repr(self))
        return self._reading(lambda: self._call("stat", key, lambda: self._stat(key)))

    def _stat_or_none(self, key: str) -> Stat | None:
        try:
            return self.stat(key)
        except NotFound:
            return None

    def exists(self, name: str) -> bool:
        """Tell whether there is a file or directory of that name.

        ``""`` is the root. Raises Unavailable, PermissionDenied, … when the store cannot tell.
        """
        key = names.directory_name(name)
        if key:
            try:
                self.stat(key)
            except IsADirectory:
                return True
            except NotFound:
                # Where directories are real, a missing name has been told from one already.
                if self.real_directories:
                    return False
            else:
                return True
        return self._call("is_dir", key, lambda: self._is_dir(key))

    def size(self, name: str) -> int:
        """Return the file's length in bytes. Raises NotFound."""
        return self.stat(name).size

    def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last written: aware with ``USE_TZ``, else naive and local.

        Raises NotFound; NotImplementedError where the store keeps no times.
        """
        return self._time(self.stat(name).modified, "modified")

    def get_created_time(self, name: str) -> datetime:
        """Return when the file was created, or last written where the store tells no more."""
        stat = self.stat(name)
        return self._time(stat.created or stat.modified, "created")

    def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last read; NotImplementedError where the store does not tell."""
        return self._time(self.stat(name).accessed, "accessed")

    def _time(self, moment: datetime | None, kind: str) -> datetime:
        if moment is None:
            raise NotImplementedError(f"{type(self).__name__} keeps no {kind} times.")
        if settings.USE_TZ:
            return moment.astimezone(timezone.utc)
        return moment.astimezone().replace(tzinfo=None)

    @sensitive_variables()  # keys and capabilities
    def url(self, name: str | None) -> str:
        """Return the URL of a file, percent-encoded. Raises NoURL when files have none.

        Where the store has none, or ``STORAGES_SERVE`` says so, it is one of ``storages.views``, if
        the URLconf includes ``storages.urls``: a signed link, which expires.
        """
        from storages.signing import url_of

        key = names.url_name(name or "")
        return url_of(self, key, self._url_of)

    # ---------------------------------------------------------------- listing

    def _entries(self, key: str) -> Iterator[Entry]:
        """Yield a directory's entries, without our temporaries; raise NotFound at once."""

        def begin() -> tuple[Entry | None, Iterator[Entry]]:
            entries = iter(self._list(key))
            return next(entries, None), entries

        first, rest = self._call("list", key, begin)
        if first is None and key and not (self.real_directories or self.lists_missing_as_empty):
            raise NotFound(operation="list", name=key, storage=repr(self))
        return self._shown(key, first, rest)

    def _shown(self, key: str, first: Entry | None, rest: Iterator[Entry]) -> Iterator[Entry]:
        begun = () if first is None else (first,)
        for entry in chain(begun, self._rest("list", key, rest)):
            if entry.is_dir or not is_temporary(entry.name):
                yield entry

    def scandir(self, path: str = "") -> Iterator[Entry]:
        """Return an iterator over a directory's entries, with what the listing tells of each.

        Raises NotFound for a missing directory (some stores: yields nothing), at the call.
        """
        return self._entries(names.directory_name(path))

    def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the names of the directories and the names of the files in a directory."""
        return self._listed(lambda: self.scandir(path))

    def _listed(self, begin: Callable[[], Iterator[Entry]]) -> tuple[list[str], list[str]]:
        """Return the names of a listing's directories and files; begin anew if it breaks off."""
        attempt = 0
        while True:
            attempt += 1
            directories: list[str] = []
            files: list[str] = []
            entries = begin()  # which is repeated by itself
            try:
                for entry in entries:
                    (directories if entry.is_dir else files).append(entry.name)
            except Unavailable as error:
                pause = self.retry.pause(attempt, error)
                if pause is None or not sleep(pause):
                    raise
            else:
                return directories, files

    def walk(self, top: str = "") -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield ``(directory, its directories, its files)`` for ``top`` and all below, top down.

        As with ``os.walk``, removing names from the list of directories prunes the walk. A
        directory that is deleted meanwhile is passed over.
        """
        start = names.directory_name(top)
        waiting = [start]
        while waiting:
            key = waiting.pop()
            try:
                directories, files = self._listed(functools.partial(self._entries, key))
            except NotFound:
                if key == start:
                    raise
                continue
            yield key, directories, files
            waiting += [names.join(key, directory) for directory in reversed(directories)]

    def scantree(self, top: str = "") -> Iterator[tuple[str, Stat | None]]:
        """Yield the name of each file below ``top``, and what the listing tells of it.

        Stores without directories are asked once per page of their listing, however deep the names
        are. Raises NotFound for a missing directory (some stores: yields nothing).
        """
        start = names.directory_name(top)

        def begin() -> Any:
            files = iter(self._walk(start))
            return next(files, None), files

        if self._walk(start) is NotImplemented:
            yield from self._scanned(start)
            return
        file, rest = self._call("walk", start, begin)
        if file is None and start and not self.lists_missing_as_empty:
            raise NotFound(operation="walk", name=start, storage=repr(self))
        begun = () if file is None else (file,)
        for found in chain(begun, self._rest("walk", start, rest)):
            if not is_temporary(found[0].rpartition("/")[2]):
                yield found

    def _scanned(self, start: str) -> Iterator[tuple[str, Stat | None]]:
        waiting = [start]
        while waiting:
            key = waiting.pop()
            try:
                for entry in self._entries(key):
                    name = names.join(key, entry.name)
                    if entry.is_dir:
                        waiting.append(name)
                    else:
                        yield name, entry.stat
            except NotFound:
                if key == start:
                    raise

    # ------------------------------------------------- deleting, copying, moving

    def delete(self, name: str) -> None:
        """Delete a file, or an empty directory; a missing one is passed over.

        Raises DirectoryNotEmpty, PermissionDenied, …; ValueError for an empty name.
        """
        self._delete(self._deletable(name))

    def _deletable(self, name: str) -> str:
        key = names.directory_name(name) if name else ""
        if not key:
            raise ValueError("The name must be given to delete().")
        return key

    def _delete(self, key: str) -> None:
        try:
            self._call("remove", key, lambda: self._remove(key))
        except (NotFound, NotADirectory):
            return

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete files; missing ones are passed over.

        All names are judged before any is deleted. When some cannot be deleted the others still
        are, and the first error is raised.
        """
        keys = [self._deletable(name) for name in names]
        if not keys:
            return
        done = self._call("remove_many", keys[0], lambda: self._remove_many(keys))
        if done is not NotImplemented:
            return
        first: StorageError | None = None
        for key in keys:
            try:
                self._delete(key)
            except StorageError as error:
                first = first or error
        if first is not None:
            raise first

    def copy(self, name: str, target: str, *, overwrite: bool = False) -> str:
        """Copy a file within the storage; return the target's name.

        Raises NotFound, and AlreadyExists unless ``overwrite``. A failed copy leaves the target
        as it was.
        """
        return self._transfer("copy", name, target, overwrite=overwrite)

    def move(self, name: str, target: str, *, overwrite: bool = False) -> str:
        """Rename a file within the storage; return the target's name.

        Raises NotFound, and AlreadyExists unless ``overwrite``. Where the store cannot rename,
        the file is copied and then deleted.
        """
        return self._transfer("move", name, target, overwrite=overwrite)

    def _transfer(self, operation: str, name: str, target: str, *, overwrite: bool) -> str:
        key, to = names.file_name(name), names.file_name(target)
        if key == to:
            if not overwrite:
                raise AlreadyExists(operation=operation, name=to, storage=repr(self))
            self.stat(key)
            return to
        if self._let_store(operation, key, to, overwrite=overwrite) is NotImplemented:
            with StorageFile(self, key, "rb") as file, staged(file) as source:
                self._put(to, source, overwrite=overwrite)
            if operation == "move":
                self._delete(key)
        return to

    def _let_store(self, operation: str, key: str, to: str, *, overwrite: bool) -> Any:
        """Let the store copy or move; a repeated attempt may meet what the first one has done."""
        hook = self._copy if operation == "copy" else self._move
        attempts = 0

        def transfer() -> Any:
            nonlocal attempts
            attempts += 1
            return hook(key, to, overwrite=overwrite)

        try:
            return self._call(operation, key, transfer)
        except NotADirectory:
            # Below a file there is nothing to copy. Otherwise it was said of the target.
            self.stat(key)
            raise
        except AlreadyExists:
            if attempts == 1 or not self._same(key, to):
                raise
            if operation == "move":
                self._delete(key)
            return None
        except NotFound as error:
            if attempts == 1 or operation == "copy":
                raise
            raise Unavailable(
                "The answer to a first attempt was lost, and the file is not there any more.",
                operation=operation,
                name=key,
                storage=repr(self),
                hint=f"It may be {to!r} by now: look before you repeat it.",
            ) from error

    def _same(self, key: str, other: str) -> bool:
        """Tell whether two files have the same content; False where one is not there."""
        try:
            with StorageFile(self, key, "rb") as file, staged(file) as source:
                return self._holds(other, source)
        except NotFound:
            return False


class RemoteStorage(BaseStorage):
    """A storage behind a network: it tries again, and its files have no local path."""

    retry = Retry()

    def path(self, name: str) -> str:
        """Raise NotImplementedError: the files are not on this machine."""
        raise NotImplementedError(f"{type(self).__name__} does not support absolute paths.")
