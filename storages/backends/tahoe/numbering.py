"""Alternative names as the original made them: ``name_1.txt``, ``name_2.txt``, …."""

from __future__ import annotations

import posixpath
import unicodedata
from contextvars import ContextVar
from dataclasses import dataclass

from storages.base import BaseStorage
from storages.errors import NotADirectory, NotFound

__all__ = ["NumberedNames"]


@dataclass
class _Search:
    """A search for a free name: how many numbers were tried, and what the directory holds."""

    tried: int = 0
    begun: bool = False
    present: set[str] | None = None


_search: ContextVar[_Search | None] = ContextVar("storages_tahoe_search", default=None)


class NumberedNames(BaseStorage):
    """A storage that counts where others draw random characters."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that is free: ``name``, or else the first of ``name_1``, ``name_2``, ….

        The extension stays at the end. Where ``name`` is taken the directory is listed, once.
        """
        token = _search.set(_Search())
        try:
            return super().get_available_name(name, max_length)
        finally:
            _search.reset(token)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return ``file_root`` with the next number, and ``file_ext``."""
        search = _search.get() or _Search()
        search.begun = True
        return f"{file_root}_{search.tried + 1}{file_ext}"

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Tell whether ``name`` is free and not longer than ``max_length``."""
        search = _search.get()
        if search is not None and search.begun:
            # Here, and not where it is asked for: that is asked twice where a name is cut.
            search.tried += 1
            if search.present is None:
                search.present = self._names_beside(name)
            if unicodedata.normalize("NFC", posixpath.basename(name)) in search.present:
                return False
        return super().is_name_available(name, max_length=max_length)

    def _names_beside(self, name: str) -> set[str]:
        try:
            directories, files = self.listdir(posixpath.dirname(name))
        except (NotFound, NotADirectory):
            return set()
        return {*directories, *files}
