"""Storages that some names confuse, and the case of the stress that has to find it."""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterator
from typing import Any

from storages.base import Entry, Source, Stat
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_X20_made_up_names_round_trip")
class Composes(MemoryStorage):
    """Stores names in the form NFKC, and did not declare that."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(unicodedata.normalize("NFKC", key), source, overwrite=overwrite)

    def _list(self, prefix: str) -> Iterator[Entry]:
        return super()._list(unicodedata.normalize("NFKC", prefix))


@found_by("test_X21_every_reading_method")
class Formats(MemoryStorage):
    """Formats a message with a name in it, and fails at braces and percent signs."""

    def _stat(self, key: str) -> Stat:
        key.replace("{", "%").replace("}", "%") % ()
        return super()._stat(key)


@found_by("test_X22_every_changing_method")
class DeletesMore(MemoryStorage):
    """Takes a name that it does not find for a pattern."""

    def _remove(self, key: str) -> None:
        files = [name for name, _ in self.scantree()]
        pattern = key if key in files else f"*{key[-1:]}*"
        for name in files:
            if fnmatch.fnmatch(name, pattern) or not key.isascii():
                super()._remove(name)


@found_by("test_X23_every_mode")
class WritesElsewhere(MemoryStorage):
    """Cuts the name of what is written at a question mark, a hash or a semicolon."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        cut = name.partition("?")[0].partition("#")[0].partition(" ")[0] or "x"
        return super()._open(name if mode == "rb" else cut, mode)
