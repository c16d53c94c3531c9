"""Storages that make something else of a name, and the case of the contract that has to find it."""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

from storages.base import Entry, Reader, Source, Stat
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_N01_odd_names_round_trip")
class Quotes(MemoryStorage):
    """Stores names percent-encoded, and returns them so."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(quote(name), content)


@found_by("test_N04_names_that_differ_in_case")
class FoldsCase(MemoryStorage):
    """Takes names in lower case, and did not declare that."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key.lower(), source, overwrite=overwrite)

    def _stat(self, key: str) -> Stat:
        return super()._stat(key.lower())

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return super()._open_read(key.lower(), offset=offset, version=version)


@found_by("test_N05_unicode_forms")
class Normalises(MemoryStorage):
    """Turns names to NFC, as some file systems do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(unicodedata.normalize("NFC", key), source, overwrite=overwrite)

    def _stat(self, key: str) -> Stat:
        return super()._stat(unicodedata.normalize("NFC", key))


@found_by("test_N06_spaces_at_the_end_count")
class Strips(MemoryStorage):
    """Loses the spaces at the end of a name, as some services do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key.rstrip(), source, overwrite=overwrite)


@found_by("test_N07_listing_does_not_leak_siblings")
class ListsByPrefix(MemoryStorage):
    """Lists whatever begins with the directory's name."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        found = {key[len(prefix) :].lstrip("/") for key in self._files if key.startswith(prefix)}
        entries = {(rest.partition("/")[0], "/" in rest) for rest in found}
        return iter([Entry(name, is_dir=is_dir) for name, is_dir in sorted(entries)])


@found_by("test_N12_metacharacters_match_literally")
class ListsByPattern(MemoryStorage):
    """Takes a directory's name for a pattern."""

    def _is_dir(self, key: str) -> bool:
        return not key or any(fnmatch.fnmatch(name, f"{key}/*") for name in self._files)


@found_by("test_U02_every_odd_name")
class UrlsUnquoted(MemoryStorage):
    """Puts names into URLs as they are."""

    def _url_of(self, key: str) -> str:
        return f"{self.base_url}{key}"


@found_by("test_U03_name_cannot_leave_the_base")
class UrlsAnywhere(MemoryStorage):
    """Joins names to the base URL without judging them."""

    def url(self, name: str | None) -> str:
        return urljoin(str(self.base_url), name)


@found_by("test_X01_traversal")
class HasAnUnguardedMethod(MemoryStorage):
    """Has a public method that does not judge the name."""

    def first_bytes(self, name: str, count: int = 10) -> bytes:
        """Return the first bytes of a file, or nothing."""
        file = self._files.get(name)
        return file.content[:count] if file else b""


@found_by("test_D08_path")
class HasPaths(MemoryStorage):
    """Gives paths where no files are."""

    def path(self, name: str) -> str:
        return f"/nowhere/{name}"
