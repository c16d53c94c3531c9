"""Five hooks, and Django's whole storage API on them.

A backend describes its service in five methods (``_stat``, ``_open_read``, ``_write``, ``_remove``,
``_list``); everything that users see is made of them here, once: names are judged, errors become
ours, operations are retried and told about, uploads are staged, names are given out race-free.
"""

# ruff: noqa: ARG002 - the optional hooks' defaults do not use their arguments

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import django
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import Storage

from storages import events, names, options
from storages.aio import AsyncTwins
from storages.errors import (
    AlreadyExists,
    Changed,
    IsADirectory,
    NotADirectory,
    NotFound,
    NoURL,
    StorageError,
    Timeout,
    kind_of,
)
from storages.files import ChunkReader, Entry, Mode, Reader, Stat, StorageFile
from storages.redact import redacted
from storages.retry import NO_RETRY, Retry, remaining, sleep
from storages.staging import BLOCK, Source, is_temporary, staged

if TYPE_CHECKING:
    from typing_extensions import Self

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

# Django draws seven random characters; so many of them taken in a row means that the store lies.
_MOST_NAMES = 100


@dataclass
class _Saving:
    """A ``save()`` under way: whose, which names it has found taken, how long one may be."""

    storage: BaseStorage
    max_length: int | None = None
    taken: set[str] = field(default_factory=set)


_saving: ContextVar[_Saving | None] = ContextVar("storages_saving", default=None)


class BaseStorage(AsyncTwins, Storage):
    """A Django storage made of five hooks.

    The hooks get a ``key``: a judged, relative POSIX name (``""`` for the root, in ``_list`` and
    ``_is_dir`` only). They raise their client library's exceptions, which ``errors`` translates, or
    ours. They may be called from any thread.
    """

    #: Exceptions of the client library -> ours; the most specific class wins.
    errors: ClassVar[Mapping[type[BaseException], type[StorageError]]] = {}
    #: How failed operations are repeated.
    retry: Retry = NO_RETRY
    #: Whether directories exist by themselves, so that ``_list`` raises NotFound for a missing one.
    #: Without, a directory is there as long as a name begins with it.
    real_directories: ClassVar[bool] = False
    #: Whether listing a missing directory gives nothing instead of raising NotFound.
    lists_missing_as_empty: ClassVar[bool] = False
    #: Whether saving a name again replaces the file, instead of choosing another name.
    overwrites: bool = False

    def __init__(self, **given: Any) -> None:
        """Take the options that the class declares; no I/O."""
        self.given = given
        options.take(self, given)

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        """Return what the store tells about the file. Raises NotFound, IsADirectory."""
        raise NotImplementedError

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        """Begin to read the file at ``offset``; one request, which also yields the Stat.

        With ``version``, read that very version or raise Changed. Raises NotFound, IsADirectory.
        """
        raise NotImplementedError

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        """Store ``source`` under ``key``, all or nothing, with any directories it needs.

        Raises AlreadyExists, having changed nothing, when the name is taken and ``overwrite`` is
        False; the store itself must decide that, so that no race can lose a file.
        """
        raise NotImplementedError

    def _remove(self, key: str) -> None:
        """Delete the file, or the empty directory. Raises NotFound, DirectoryNotEmpty."""
        raise NotImplementedError

    def _list(self, prefix: str) -> Iterator[Entry]:
        """Yield the direct children of the directory ``prefix``. Raises NotFound."""
        raise NotImplementedError

    # Optional hooks: NotImplemented lets the core do it with the five.

    def _is_dir(self, key: str) -> bool:
        """Tell whether ``key`` is a directory (the root: whether the store can be reached)."""
        try:
            entry = next(iter(self._list(key)), None)
        except (NotFound, NotADirectory):
            return False
        return not key or entry is not None

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        """Copy within the store, as ``_write`` would; or return NotImplemented."""
        return NotImplemented

    def _move(self, key: str, target: str, *, overwrite: bool) -> Any:
        """Rename within the store, in one step; or return NotImplemented."""
        return NotImplemented

    def _remove_many(self, keys: list[str]) -> Any:
        """Delete the files, passing over missing ones; or return NotImplemented."""
        return NotImplemented

    def _url(self, key: str) -> str:
        """Return the URL of the file; the core has judged ``key``."""
        raise NoURL

    def close(self) -> None:
        """Give back connections; the storage opens new ones when it is used again."""

    # ------------------------------------------------- the one way to a hook

    def _call(
        self, operation: str, key: str, hook: Callable[[], T], source: Source | None = None
    ) -> T:
        """Call a hook: translate its errors, repeat it as ``retry`` says, tell about it."""
        attempt = 0
        while True:
            attempt += 1
            started = time.perf_counter()
            error: BaseException | None = None
            try:
                if remaining() == 0:
                    raise Timeout("The deadline has passed.")  # noqa: TRY301 - translated below
                with self._translating(operation, key):
                    return hook()
            except BaseException as caught:
                error = caught
                # What the caller's own content raised is the caller's, not the store's.
                if source is not None and source.failure is not None:
                    raise source.failure  # noqa: B904 - raised as it was
                pause = (
                    self.retry.pause(attempt, caught) if isinstance(caught, StorageError) else None
                )
                if pause is None or not sleep(pause):
                    raise
            finally:
                took = time.perf_counter() - started
                events.emit(self, events.Operation(operation, key, took, attempt, error))

    @contextmanager
    def _translating(self, operation: str, key: str) -> Iterator[None]:
        """Turn the store's exceptions into ours, which say where and show no secret."""
        try:
            yield
        except StorageError as error:
            error.locate(operation, key, repr(self))
            raise
        except Exception as error:
            kind = kind_of(error, self.errors)
            if kind is None:
                raise
            text = (isinstance(error, OSError) and error.strerror) or str(error)
            shown = redacted(text, self)
            ours = kind(shown, operation=operation, name=key, storage=repr(self))
            if redacted(str(error), self) != str(error):
                # A traceback shows the cause as well.
                raise ours from OSError(f"{type(error).__name__}: {shown}")
            raise ours from error

    def _progress(self, key: str, direction: str) -> Callable[[int], None]:
        return lambda count: events.emit_transfer(self, key, direction, count)

    # ------------------------------------------------------------------ names

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that is free: ``name``, or one made of it with seven random characters.

        An overwriting storage returns ``name`` whether it is free or not. Raises
        SuspiciousFileOperation when ``max_length`` leaves no room for a name.
        """
        name = names.file_name(name)
        if self.overwrites and (max_length is None or len(name) <= max_length):
            return name
        directory, base = os.path.split(name)
        suffixes = PurePosixPath(base).suffixes
        # Django 5.1 began to keep all suffixes: x.tar.gz -> x_abc1234.tar.gz.
        kept = suffixes if django.VERSION >= (5, 1) else suffixes[-1:]
        extension = "".join(kept)
        root = base.removesuffix(extension)
        while not self.is_name_available(name, max_length=max_length):
            name = names.join(directory, self.get_alternative_name(root, extension))
            if max_length is None:
                continue
            excess = len(name) - max_length
            if excess > 0:
                root = root[:-excess]
                if not root:
                    raise SuspiciousFileOperation(
                        f"No name for {base!r} fits into {max_length} characters. Give the "
                        f"field's max_length more room, or the file a shorter directory."
                    )
                name = names.join(directory, self.get_alternative_name(root, extension))
        return name

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Tell whether ``name`` is free and not longer than ``max_length``.

        Within ``save()`` a name counts as free until the store has refused to create it: that
        costs no request, and no other writer can take it in between.
        """
        if max_length is not None and len(name) > max_length:
            return False
        saving = _saving.get()
        if saving is not None and saving.storage is self and not self.overwrites:
            return name not in saving.taken
        return not self.exists(name)

    # ---------------------------------------------------------------- writing

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store ``content`` under ``name``, or another name made of it; return the name.

        All or nothing: a file of that name is never lost or half replaced, whoever saves at the
        same time. ``content`` is a Django File or any object with ``read``; it is read from its
        start where it can seek, left open, and stands at its end afterwards. What it raises is
        raised unchanged. ``max_length`` bounds the name that is returned.
        """
        if name is None:
            name = content.name
        name = names.file_name(name)
        if not hasattr(content, "chunks"):
            content = File(content, name)
        token = _saving.set(_Saving(self, max_length))
        try:
            return super().save(name, content, max_length)
        finally:
            _saving.reset(token)

    def _save(self, name: str, content: Any) -> str:
        """Store ``content``; Django's manifest storages call this without ``save()``."""
        key = wanted = names.file_name(name)
        overwrite = self.overwrites
        with self._saving() as saving, staged(content, self._progress(key, "write")) as source:
            for _ in range(_MOST_NAMES):
                try:
                    self._put(key, source, overwrite=overwrite)
                except AlreadyExists:
                    if overwrite:
                        raise
                    saving.taken.add(key)
                else:
                    return key
                key = names.file_name(self.get_available_name(wanted, saving.max_length))
                # A subclass that answers with a taken name wants that file replaced.
                overwrite = key in saving.taken
        raise AlreadyExists(
            f"{_MOST_NAMES} names in a row were taken.", operation="save", name=wanted
        ).locate("save", wanted, repr(self))

    @contextmanager
    def _saving(self) -> Iterator[_Saving]:
        """Give the ``save()`` that called, or begin one."""
        current = _saving.get()
        if current is not None and current.storage is self:
            yield current
            return
        current = _Saving(self)
        token = _saving.set(current)
        try:
            yield current
        finally:
            _saving.reset(token)

    def _put(self, key: str, source: Source, *, overwrite: bool) -> None:
        attempts = 0

        def write() -> None:
            nonlocal attempts
            attempts += 1
            source.seek(0)
            self._write(key, source, overwrite=overwrite)

        try:
            self._call("write", key, write, source)
        except AlreadyExists:
            # A repeated create may meet its own first attempt, whose answer was lost.
            if attempts == 1 or not self._holds(key, source):
                raise

    def _holds(self, key: str, source: Source) -> bool:
        """Tell whether the file's content is what ``source`` has."""
        with StorageFile(self, key, "rb") as stored:
            if stored.size != source.size:
                return False
            return all(stored.read(len(chunk)) == chunk for chunk in source.chunks())

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        """Open a file; see :class:`storages.files.StorageFile`.

        Modes are Python's: ``r w x a``, ``+``, ``b``; ``"r"`` is text. A missing file raises
        NotFound here, not at the first read. Writing, in any mode, publishes the whole file when
        it is closed.
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
            now = self._stat_or_none(key)
            if now is None or now.version != base.version:
                raise Changed(
                    "The file was changed by somebody else while it was being updated.",
                    operation="write",
                    name=key,
                    storage=repr(self),
                    hint="Open it again and repeat the change.",
                )
        # Nothing may have appeared meanwhile under a name that x or a new a-file wants to create.
        create = action == "x" or (action == "a" and base is None)
        self._put(key, source, overwrite=not create)

    # ---------------------------------------------------------------- reading

    def _open_reader(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        """Call ``_open_read``, for a version that must be what is read."""

        def open_read() -> Reader:
            reader = self._open_read(key, offset=offset, version=version)
            if version is not None and reader.stat.version != version:
                reader.close()
                raise Changed
            return reader

        return self._reading(lambda: self._call("open_read", key, open_read))

    def _reading(self, read: Callable[[], T]) -> T:
        """A file below a file is simply not there, as far as reading goes."""
        try:
            return read()
        except NotADirectory as error:
            raise NotFound().locate(error.operation, error.name, error.storage) from error

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

    def url(self, name: str | None) -> str:
        """Return the URL of a file, percent-encoded. Raises NoURL when files have none."""
        return self._url(names.url_name(name or ""))

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
        entry = first
        while entry is not None:
            if entry.is_dir or not is_temporary(entry.name):
                yield entry
            with self._translating("list", key):
                entry = next(rest, None)

    def scandir(self, path: str = "") -> Iterator[Entry]:
        """Return an iterator over a directory's entries, with what the listing tells of each.

        Raises NotFound for a missing directory (some stores: yields nothing), at the call.
        """
        return self._entries(names.directory_name(path))

    def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the names of the directories and the names of the files in a directory."""
        directories: list[str] = []
        files: list[str] = []
        for entry in self.scandir(path):
            (directories if entry.is_dir else files).append(entry.name)
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
            directories: list[str] = []
            files: list[str] = []
            try:
                for entry in self._entries(key):
                    (directories if entry.is_dir else files).append(entry.name)
            except NotFound:
                if key == start:
                    raise
                continue
            yield key, directories, files
            waiting += [names.join(key, directory) for directory in reversed(directories)]

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
            except StorageError as error:  # noqa: PERF203 - the others are still deleted
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
        hook = self._copy if operation == "copy" else self._move
        done = self._reading(
            lambda: self._call(operation, key, lambda: hook(key, to, overwrite=overwrite))
        )
        if done is NotImplemented:
            with StorageFile(self, key, "rb") as file, staged(file) as source:
                self._put(to, source, overwrite=overwrite)
            if operation == "move":
                self._delete(key)
        return to

    # ------------------------------------------------------------- life cycle

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration needs to make the storage again: never a secret.

        Only what the constructor was given is recorded; secrets among it are left to the settings.
        """
        declared = options.options_of(type(self))
        kind = type(self)
        return (
            f"{kind.__module__}.{kind.__qualname__}",
            [],
            {n: v for n, v in self.given.items() if n not in declared or not declared[n].secret},
        )

    def __repr__(self) -> str:
        _, _, given = self.deconstruct()
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{type(self).__name__}({shown})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RemoteStorage(BaseStorage):
    """A storage behind a network: it tries again, and its files have no local path."""

    retry = Retry()

    def path(self, name: str) -> str:
        """Raise NotImplementedError: the files are not on this machine."""
        raise NotImplementedError(f"{type(self).__name__} does not support absolute paths.")
