"""Storages that lose files when a call fails, and the case of the stress that has to find it."""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile

from storages import names
from storages.base import Source
from storages.errors import StorageError
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_F30_saving")
class TakesAnythingForItsOwn(MemoryStorage):
    """Takes whatever has the name, when it tries again, for what it has written itself."""

    def _holds(self, key: str, source: Source, *, since: Any = None) -> bool:
        return True


@found_by("test_F30_saving")
class InventsTwins(MemoryStorage):
    """Saves a second time under another name when the answer to the first was lost."""

    def _holds(self, key: str, source: Source, *, since: Any = None) -> bool:
        return False


@found_by("test_F30_saving")
class ReservesNames(MemoryStorage):
    """Makes an empty file, so that nobody takes the name, and fills it afterwards."""

    def _save(self, name: str, content: Any) -> str:
        key = super()._save(name, ContentFile(b""))
        with self.open(key, "wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
        return key


@found_by("test_F31_writing")
class DeletesWhatItReplaces(MemoryStorage):
    """Replaces a file in two steps, as it does where the store cannot."""

    def _put(self, key: str, source: Source, *, overwrite: bool) -> None:
        if overwrite:
            self._delete(key)
        super()._put(key, source, overwrite=False)


@found_by("test_F32_copying_and_moving")
class MovesThroughMemory(MemoryStorage):
    """Reads a file, deletes it, and writes it under its new name."""

    def move(self, name: str, target: str, *, overwrite: bool = False) -> str:
        with self.open(name) as file:
            content = ContentFile(file.read())
        self.delete(name)
        return self.save(names.file_name(target), content)


@found_by("test_F33_deleting")
class DeletesInVain(MemoryStorage):
    """Says that a file was deleted when it was not."""

    def _delete(self, key: str) -> None:
        try:
            super()._delete(key)
        except StorageError:
            return


@found_by("test_F35_asking")
class KnowsNothing(MemoryStorage):
    """Says that a file does not exist when nobody answers."""

    def exists(self, name: str) -> bool:
        try:
            return super().exists(name)
        except ConnectionError:
            return False
