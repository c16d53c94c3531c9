"""The storage: what its hooks ask of trackers and of storage nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from storages import names, retry, turns
from storages.backends.mogilefs.cluster import fid_of, paths_of, stat_of
from storages.backends.mogilefs.listing import keys
from storages.backends.mogilefs.once import once
from storages.backends.mogilefs.reading import CopiesReader
from storages.backends.mogilefs.refusals import UNKNOWN_COMMAND, code_of, is_long, too_long
from storages.backends.mogilefs.uploading import MogileFSUploads
from storages.errors import AlreadyExists, Changed, NotFound, NoURL, StorageError, Unavailable
from storages.readers import Entry, Reader, Stat
from storages.staging import Source, temporary_name

__all__ = ["MogileFSStorage"]

#: Of so many copies the tracker is asked to tell.
_COPIES = 10
#: How often what the tracker tells of a file is asked for, when it does not fit together.
_LOOKS = 3
#: From this size on it is cheaper to ask whether a name is taken than to send content in vain.
_ASKED_FIRST = 1024 * 1024


class MogileFSStorage(MogileFSUploads):
    """Files in a domain of a MogileFS cluster; a file whose name is taken gets another name.

    ``base_url`` may be given by position.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.mogilefs"

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        try:
            return stat_of(self._tracker("file_info", {"key": key}))
        except StorageError as error:
            if code_of(error) != UNKNOWN_COMMAND:
                raise
        return self._stat_of_copy(key)

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        stat, paths = self._copies(key, version)

        def open_copy(path: str, start: int) -> Reader:
            return self._open_range(
                path, stat=lambda _answer, _size: stat, offset=start, size=stat.size
            )

        return CopiesReader(stat, paths, open_copy, self._cluster.copy_failed, offset)

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if overwrite and (not is_long(key) or self._is_stored(key)):
            # The key that is told at the end counts, and its old content goes.
            self._store(key, key, source)
            return
        if not overwrite and source.size >= _ASKED_FIRST and self._is_stored(key):
            raise AlreadyExists
        # Only rename refuses a key that is there.
        private = temporary_name()
        fid = self._store(key, private, source)
        try:
            self._rename(private, key, fid)
        except NotFound as error:
            raise Unavailable("What was just stored is gone: somebody has deleted it.") from error
        except BaseException as error:
            self._forget(private)
            if overwrite and isinstance(error, AlreadyExists):  # since we asked
                self._store(key, key, source)
                return
            raise

    def _remove(self, key: str) -> None:
        with self._only_one(key):
            self._tracker("delete", {"key": key})

    def _list(self, prefix: str) -> Iterator[Entry]:
        start = f"{prefix}/" if prefix else ""
        # In a database with a collation those of one directory need not follow one another.
        directories: set[str] = set()
        for key, _ in self._walk(prefix):
            name, inside, _ = key[len(start) :].partition("/")
            if not inside:
                yield Entry(name)
            elif name not in directories:
                directories.add(name)
                yield Entry(name, is_dir=True)

    def _walk(self, prefix: str) -> Iterator[tuple[str, None]]:
        for key in keys(self._page, f"{prefix}/" if prefix else ""):
            if _is_name(key):
                yield key, None

    def _page(self, command: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Ask for a page; what follows the first one is asked for again here, or by nobody."""
        policy = self.retry if arguments["after"] else retry.NO_RETRY
        return retry.repeat(policy, lambda: self._tracker(command, arguments))

    def _is_dir(self, key: str) -> bool:
        found = keys(self._tracker, f"{key}/" if key else "", first=1)
        return any(_is_name(name) for name in found) or not key

    def _move(self, key: str, target: str, *, overwrite: bool) -> Any:
        try:
            with self._only_one(key):
                return self._rename(key, target, str(self._stat(key).version))
        except AlreadyExists:
            if overwrite:
                return NotImplemented
            raise

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    # ------------------------------------------------------------ for the view

    def get_mogile_copies(self, name: str) -> tuple[Stat, list[str]]:
        """Return what the tracker knows of the file, and the URLs of that very file's copies.

        The best URL comes first; of an empty file there is none. Two commands. Raises NotFound, and
        Unavailable when no storage node that has the file can be reached.
        """
        key = names.file_name(name)
        return self._call("get_paths", key, lambda: self._copies(key, None, verified=True))

    def get_mogile_paths(self, name: str) -> list[str]:
        """Return the URLs of the file's copies on storage nodes, the best first.

        No URL: there is no file of that name. Raises Unavailable when there is one, but no storage
        node that has it can be reached.
        """
        key = names.file_name(name)
        return self._call("get_paths", key, lambda: self._paths(key))

    def _paths(self, key: str) -> list[str]:
        try:
            found = paths_of(self._tracker("get_paths", {"key": key, "pathcount": _COPIES}))
        except NotFound:
            return []
        if not found:
            raise _unreachable()
        return self._cluster.best_first(found)

    # ---------------------------------------------------------------- reading

    def _copies(
        self, key: str, version: str | None, *, verified: bool = False
    ) -> tuple[Stat, list[str]]:
        """Return what the tracker knows of the file, and the URLs of that very file's copies.

        ``verified``: of those that the tracker has looked at.
        """
        for look in range(_LOOKS):
            stat = self._stat(key)
            if version is not None and stat.version != version:
                raise Changed
            if not stat.size:
                return stat, []
            told = self._tracker(
                # At first what the tracker has in memory will do, which may be old: the number of
                # the file shows it, its length and checksum are compared here.
                "get_paths",
                {"key": key, "pathcount": _COPIES, "noverify": 0 if look or verified else 1},
            )
            paths = [path for path in paths_of(told) if fid_of(path) == stat.version]
            if paths:
                return stat, self._cluster.best_first(paths)
        raise _unreachable()

    def _stat_of_copy(self, key: str) -> Stat:
        """Ask a storage node: old trackers do not tell a file's length."""
        paths = self._paths(key)
        if not paths:
            raise NotFound
        for path in paths:
            try:
                length = self._ask("HEAD", path).length
            except StorageError as error:
                self._cluster.copy_failed(path, error)
            else:
                if length is not None:
                    return Stat(length, version=fid_of(path))
        raise _unreachable()

    # ---------------------------------------------------------------- writing

    def _rename(self, key: str, target: str, fid: str) -> None:
        """Give the file of that number another key. Raises AlreadyExists, NotFound."""
        arguments = {"from_key": key, "to_key": target}

        def is_done() -> bool:
            try:
                found = self._stat(target).version
            except NotFound:
                return False
            if found != fid:
                # Each rename that is refused may cost somebody a connection.
                raise AlreadyExists
            return True

        try:
            once(
                self.retry,
                lambda: self._tracker("rename", arguments, again=False),
                is_done,
            )
        except AlreadyExists as error:
            if is_long(target) and not self._is_stored(target):
                raise too_long(target, "A file has what the database keeps of it.") from error
            raise
        # MySQL cuts what is too long, unless it is told to be strict.
        if is_long(target) and (kept := self._key_of(fid)) not in {None, target}:
            self._rename(str(kept), key, fid)
            raise too_long(target, "The trackers' database cuts names.")

    def _key_of(self, fid: str) -> str | None:
        """Return the key under which a file is kept; None: the tracker does not tell."""
        try:
            told = self._tracker("list_fids", {"from": int(fid) - 1, "to": 1})
        except Unavailable:
            raise
        except StorageError:  # an old tracker does not know the command
            return None
        return told.get("fid_1_key") if told.get("fid_1_fid") == fid else None

    def _only_one(self, key: str) -> AbstractContextManager[None]:
        """Let nobody else on this machine rename or delete the file meanwhile.

        A tracker looks for the number of the key's file, and then renames or deletes whatever has
        that number: who has just been told that the file has another name would lose it.
        """
        return turns.taking("mogilefs", str(self.domain), key)


def _unreachable() -> StorageError:
    return Unavailable("No storage node that has the file can be reached.")


def _is_name(key: str) -> bool:
    """Tell whether a key, of which MogileFS allows any, is a name that a file may have."""
    try:
        return names.file_name(key) == key
    except SuspiciousFileOperation:
        return False
