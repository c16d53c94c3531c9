"""Storages that save, write, copy or delete wrongly, and the case that has to find it."""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

from django.core.files.base import ContentFile, File

from storages.base import BaseStorage, Source, Stat
from storages.errors import AlreadyExists
from storages.files import StorageFile
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_S02_same_name_twice")
class Replaces(MemoryStorage):
    """Overwrites by default, as others do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key, source, overwrite=True)


@found_by("test_C01_threads_saving_one_name")
class LooksBeforeItLeaps(MemoryStorage):
    """Asks whether the name is free, and then writes."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if not overwrite and key in self._files:
            raise AlreadyExists
        time.sleep(0.01)
        super()._write(key, source, overwrite=True)


@found_by("test_C02_forced_race")
class AsksTooEarly(MemoryStorage):
    """Asks whether the name is free when it chooses it, and never again."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        while BaseStorage.exists(self, name):
            name = f"{name}_"
        return name

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key, source, overwrite=True)


@found_by("test_S05_half_read_content_is_saved_from_the_start")
class GoesOnReading(MemoryStorage):
    """Saves content from where it stands."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read()))


@found_by("test_S10_failing_source_leaves_nothing")
class KeepsHalves(MemoryStorage):
    """Writes piece by piece under the final name."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        so_far = b""
        for chunk in source.chunks():
            so_far += chunk
            with ContentFile(so_far) as half:
                super()._write(key, _source(half), overwrite=overwrite or len(so_far) > len(chunk))


@found_by("test_S12_old_content_visible_until_replaced")
class DeletesFirst(MemoryStorage):
    """Deletes what it will replace as soon as it is opened."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        if mode == "wb":
            self.delete(name)
        return super()._open(name, mode)


@found_by("test_C06_readers_during_overwrites")
class LeavesGaps(MemoryStorage):
    """Deletes before it writes, so that readers find nothing in between."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if overwrite and key in self._files:
            del self._files[key]
            time.sleep(0.01)
        super()._write(key, source, overwrite=overwrite)


@found_by("test_S13_max_length")
class IgnoresMaxLength(MemoryStorage):
    """Does not care how long a name may be."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return super().get_available_name(name, None)


@found_by("test_S14_max_length_when_the_race_is_lost")
class ForgetsMaxLength(MemoryStorage):
    """Forgets how long a name may be when it chooses a second time, as Django's own does."""

    def _save(self, name: str, content: Any) -> str:
        try:
            self._put(name, _source(content), overwrite=False)
        except AlreadyExists:
            return super()._save(f"{name}_with_a_longer_name", content)
        return name


@found_by("test_S17_callers_file_stays_open_at_its_end")
class Closes(MemoryStorage):
    """Closes the caller's file."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        content.close()
        return saved


class _PublishingAfterExceptions(StorageFile):
    def abort(self) -> None:
        self.close()


class _PublishingWhatIsForgotten(StorageFile):
    def __del__(self) -> None:
        if not self._finished:
            self.close()


@found_by("test_W08_exception_publishes_nothing")
class PublishesAfterExceptions(MemoryStorage):
    """Stores what was written when the ``with`` block failed, as most storages do."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        return _PublishingAfterExceptions(self, name, mode)


@found_by("test_W09_forgotten_writer_publishes_nothing")
class PublishesWhatIsForgotten(MemoryStorage):
    """Stores what was written to a file that nobody closed."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        return _PublishingWhatIsForgotten(self, name, mode)


@found_by("test_W10_closing_twice")
class PublishesTwice(MemoryStorage):
    """Writes again at the second ``close()``."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        file = super()._open(name, mode)
        close = file.close
        written = bytearray()
        write = file.write

        def remember(data: Any) -> int:
            written.extend(data)
            return write(data)

        def close_again() -> None:
            close()
            if written:
                with ContentFile(bytes(written)) as content:
                    self._put(name, _source(content), overwrite=True)

        file.write, file.close = remember, close_again  # type: ignore[method-assign]
        return file


@found_by("test_Z08_refused_delete")
class SwallowsRefusals(MemoryStorage):
    """Says nothing when a file cannot be deleted, as an SFTP storage does."""

    def _delete(self, key: str) -> None:
        try:
            super()._delete(key)
        except OSError:
            return


@found_by("test_Z10_siblings_survive")
class DeletesByPrefix(MemoryStorage):
    """Deletes all whose names begin like the file's."""

    def _remove(self, key: str) -> None:
        super()._remove(key)
        for other in [other for other in self._files if other.startswith(key)]:
            del self._files[other]


@found_by("test_C07_one_storage_object_for_many_threads")
class KeepsState(MemoryStorage):
    """Has the name of the file that is saved in itself."""

    saving = ""

    def _save(self, name: str, content: Any) -> str:
        self.saving = name
        time.sleep(0.001)
        return super()._save(self.saving, content)


@found_by("test_B04_many_small_files")
class LeaksDescriptors(MemoryStorage):
    """Opens something for each file, and does not close it."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        os.open(os.devnull, os.O_RDONLY)
        super()._write(key, source, overwrite=overwrite)


@found_by("test_Y03_taken_target")
class CopiesOver(MemoryStorage):
    """Copies over a file that is there."""

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        self._files[target] = self._file(key)


@found_by("test_Y05_move")
class MovesHalfWay(MemoryStorage):
    """Copies where it should move."""

    def _move(self, key: str, target: str, *, overwrite: bool) -> Any:
        return super().copy(key, target, overwrite=overwrite)


@found_by("test_Y09_delete_many")
class DeletesTooMany(MemoryStorage):
    """Deletes the directory of each file."""

    def _remove_many(self, keys: list[str]) -> Any:
        for key in keys:
            for name in list(self._files):
                if name.startswith(key.rpartition("/")[0]):
                    del self._files[name]


@found_by("test_D01_collectstatic_clear")
class DeletesNothing(MemoryStorage):
    """Says that it deleted."""

    def _remove(self, key: str) -> None:
        self._stat(key)


@found_by("the model")
class LosesWhatWasThere(MemoryStorage):
    """Loses the first byte of a file that is appended to twice."""

    def _publish(self, key: str, source: Source, action: str, base: Stat | None) -> None:
        super()._publish(key, source, action, base)
        file = self._files[key]
        if action == "a" and base is not None and base.size > 100:
            content = file.content[1:]
            stat = dataclasses.replace(file.stat, size=len(content))
            self._files[key] = dataclasses.replace(file, content=content, stat=stat)


def _source(content: File[Any]) -> Source:
    return Source(content.file, content.size)
