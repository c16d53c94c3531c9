"""Storages that lose a race, and the case of the stress that has to find it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from storages.base import ChunkReader, Entry, Reader, Source
from storages.errors import AlreadyExists
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by

#: Seconds between two steps that should be one.
GAP = 0.003


@found_by("test_C20_same_name_saves")
class TakesTheNameLater(MemoryStorage):
    """Looks whether the name is free when the content comes, and takes it at the end."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if not overwrite and key in self._files:
            raise AlreadyExists
        time.sleep(GAP)
        super()._write(key, source, overwrite=True)


@found_by("test_C21_deletes")
class DeletesOnce(MemoryStorage):
    """Looks whether there is a file, and complains when another was faster to delete it."""

    def _delete(self, key: str) -> None:
        if self._stat_or_none(key) is not None:
            time.sleep(GAP)
            self._call("remove", key, lambda: self._remove(key))


@found_by("test_C22_exclusive_creation")
class CreatesByLooking(MemoryStorage):
    """Has mode x look first, and then replace."""

    def _publish(self, key: str, source: Source, action: str, base: Any) -> None:
        super()._publish(key, source, "w" if action == "x" else action, base)


@found_by("test_C23_overwrite_against_read")
class ReadsOn(MemoryStorage):
    """Tells the size of the file that is there, and reads the one that is there next."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        stat = self._stat(key)

        def content() -> Iterator[bytes]:
            time.sleep(5 * GAP)
            yield self._files[key].content[offset:]

        same = dataclasses.replace(stat, version="always the same")
        return ChunkReader(same, content())


@found_by("test_C24_move_against_list")
class MovesThroughNowhere(MemoryStorage):
    """Takes the old name away before it gives the new one."""

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        if target in self._files and not overwrite:
            raise AlreadyExists
        file = self._file(key)
        del self._files[key]
        time.sleep(5 * GAP)
        self._files[target] = file


@found_by("test_C24_moves_onto_one_target")
class MovesOver(MemoryStorage):
    """Looks whether the target is free, and then replaces it."""

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        if target in self._files and not overwrite:
            raise AlreadyExists
        time.sleep(GAP)
        super()._move(key, target, overwrite=True)


@found_by("test_C27_appends")
class UpdatesAtOnce(MemoryStorage):
    """Looks whether the file is as it was, and then replaces it, as all storages here once did."""

    def _update(self, key: str, source: Source, version: str) -> None:
        if self._stat(key).version != version:
            raise self._changed(key)
        self._put(key, source, overwrite=True)


@found_by("test_C29_listing_during_changes")
class LooksAtEachEntry(MemoryStorage):
    """Asks about each file that it has listed, and fails when one is gone by then."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key, source, overwrite=overwrite)
        time.sleep(GAP)

    def _list(self, prefix: str) -> Iterator[Entry]:
        time.sleep(GAP / 2)
        entries = list(super()._list(prefix))
        time.sleep(GAP)
        for entry in entries:
            if not entry.is_dir:
                self._stat(f"{prefix}/{entry.name}")
            yield entry
