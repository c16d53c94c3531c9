"""Storages that read, list or tell wrongly, and the case of the contract that has to find it."""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from storages import names
from storages.base import ChunkReader, Entry, Reader, Stat
from storages.errors import NotFound
from storages.files import StorageFile
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_S22_content_type")
class Guesses(MemoryStorage):
    """Lets the name decide the content type, whatever the caller says."""

    def _stat(self, key: str) -> Stat:
        return dataclasses.replace(super()._stat(key), content_type=names.content_type(key))


@found_by("test_R03_random_seeks")
class IgnoresRanges(MemoryStorage):
    """Sends a file from its start, wherever one wants to read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return super()._open_read(key, version=version)


@found_by("test_R09_two_handles_are_independent")
class SharesHandles(MemoryStorage):
    """Gives the same file object twice, as Django's storage in memory does."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        opened: dict[str, StorageFile] = self.__dict__.setdefault("_opened", {})
        if mode != "rb" or (name in opened and opened[name].closed):
            opened.pop(name, None)
        return opened.setdefault(name, super()._open(name, mode))


@found_by("test_R15_missing_file_fails_at_open")
class FailsLate(MemoryStorage):
    """Notices that a file is missing when it is read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        try:
            return super()._open_read(key, offset=offset, version=version)
        except NotFound:
            return ChunkReader(Stat(10), [])


@found_by("test_R17_one_operation")
class AsksFirst(MemoryStorage):
    """Asks for a file's size before it opens it."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        self.stat(name)
        return super()._open(name, mode)


@found_by("test_R18_overwritten_while_open")
class MixesVersions(MemoryStorage):
    """Goes on reading whatever has the name by now."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        whole = super()._open_read(key)
        stat = dataclasses.replace(whole.stat, version="always the same")

        def now() -> Iterator[bytes]:
            position = offset
            while piece := self._files[key].content[position : position + 1000]:
                yield piece
                position += len(piece)

        return ChunkReader(stat, now())


@found_by("test_R20_reading_changes_nothing")
class Touches(MemoryStorage):
    """Makes a new version of each file that is read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        reader = super()._open_read(key, offset=offset, version=version)
        file = self._files[key]
        stat = dataclasses.replace(file.stat, version=f"{file.stat.version}+")
        self._files[key] = dataclasses.replace(file, stat=stat)
        return reader


@found_by("test_Z04_directories_exist")
class KnowsNoDirectories(MemoryStorage):
    """Says that directories do not exist, so that ``collectstatic --clear`` does nothing."""

    def exists(self, name: str) -> bool:
        return name in self._files


@found_by("test_Z13_cannot_tell")
class SaysNo(MemoryStorage):
    """Says that a file does not exist when it cannot be asked, as an FTP storage does."""

    def exists(self, name: str) -> bool:
        try:
            return super().exists(name)
        except OSError:
            return False


@found_by("test_Z15_version_differs_with_the_content")
class CountsSizes(MemoryStorage):
    """Makes versions of sizes."""

    def _stat(self, key: str) -> Stat:
        stat = super()._stat(key)
        return dataclasses.replace(stat, version=str(stat.size))


@found_by("test_Z16_checksum")
class MiscalculatesChecksums(MemoryStorage):
    """Tells a checksum that is not the content's."""

    def _stat(self, key: str) -> Stat:
        return dataclasses.replace(super()._stat(key), checksum="sha256:00")


@found_by("test_L02_L03_around_a_page")
class ListsOnePage(MemoryStorage):
    """Lists the first thousand entries, as an S3 storage did."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        return iter(list(super()._list(prefix))[:1000])


@found_by("test_L04_nothing_but_the_users_files")
class ListsMore(MemoryStorage):
    """Shows a marker for each directory."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        yield from super()._list(prefix)
        yield Entry(".keep")


@found_by("test_L05_missing_directory")
class ListsMissing(MemoryStorage):
    """Lists missing directories as empty, and did not declare that."""

    lists_missing_as_empty = True


@found_by("test_L09_walk_pruned")
class WalksOn(MemoryStorage):
    """Walks into directories that were removed from the list."""

    def walk(self, top: str = "") -> Iterator[tuple[str, list[str], list[str]]]:
        return iter(list(super().walk(top)))


@found_by("test_T01_aware_and_recent")
class NaiveTimes(MemoryStorage):
    """Tells naive times."""

    def _time(self, moment: Any, kind: str) -> Any:
        return super()._time(moment, kind).replace(tzinfo=None)


@found_by("test_T02_naive_and_local")
class TimesOfAnotherZone(MemoryStorage):
    """Tells UTC where local time is asked for, as Django's storage in memory does."""

    def _time(self, moment: Any, kind: str) -> Any:
        return moment.replace(tzinfo=None) if super()._time(moment, kind).tzinfo is None else moment
