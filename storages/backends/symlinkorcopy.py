"""A directory that links to files which are on this machine already, and copies all others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile

from storages.base import Source
from storages.local import LocalStorage
from storages.local_publish import WINDOWS
from storages.options import option

__all__ = ["SymlinkOrCopyStorage"]

# The file that the save() under way may link to.
_original: ContextVar[Path | None] = ContextVar("storages_symlink_original", default=None)


def _directories(value: Any) -> tuple[Path, ...]:
    """Return the directories of a search path, a path, or several paths; "" is none of them."""
    parts: Iterable[Any] = (value,) if isinstance(value, os.PathLike) else value
    if isinstance(value, str):
        # A drive's name ends with a colon.
        parts = value.split(os.pathsep) if WINDOWS else re.split(f"[:{os.pathsep}]", value)
    return tuple(Path(part).absolute() for part in parts if os.fspath(part))


class SymlinkOrCopyStorage(LocalStorage):
    """Saves a file that lies in one of the directories ``symlink_within`` as a link to it.

    Everything else is copied: uploads always, whatever they are called, and where the system or
    the filesystem has no symbolic links. What a link leads to stays its owner's: deleting the name
    removes the link, and writing to it replaces the link.
    """

    symlink_within: tuple[Path, ...] | None = option(
        settings=("SYMLINK_WITHIN",),
        type=(str, os.PathLike, list, tuple),
        convert=_directories,
        help="The directories whose files are linked to: a list, or one string with ':' between; "
        "without any, all is copied.",
    )

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        symlink_within: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        **given: Any,
    ) -> None:
        """Take the options; touch no disk."""
        super().__init__(location, base_url, symlink_within=symlink_within, **given)

    def _save(self, name: str, content: Any) -> str:
        token = _original.set(self._linkable(content))
        try:
            return super()._save(name, content)
        finally:
            _original.reset(token)

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        original = _original.get()
        # Looked at once more: this may be another file, written while that save is under way.
        if original is not None and _is_content(original, source):
            path = self._path(key)
            if self._publisher().symlink(original, path, overwrite=overwrite):
                return
        super()._write(key, source, overwrite=overwrite)

    def _linkable(self, content: Any) -> Path | None:
        """Return the file that ``content`` is read from, if links to it are allowed.

        Never decided by what the content calls itself: an upload named like a secret file in the
        process's own directory would become a link to that file.
        """
        file = content
        while isinstance(file, File):
            if isinstance(file, UploadedFile):
                return None
            file = file.file
        path = getattr(file, "name", None)
        if not isinstance(path, (str, os.PathLike)) or not self.symlink_within:
            return None
        # Whether it is the content's file is asked when the link is made.
        original = Path(os.path.realpath(path))
        allowed = any(_is_below(original, directory) for directory in self.symlink_within)
        # A link into the storage itself would be followed for ever, or break with its file.
        return None if not allowed or _is_below(original, Path(self.location)) else original


def _is_content(path: Path, source: Source) -> bool:
    try:
        return source.is_file(path.stat())
    except OSError:  # not there by that name, or out of reach: the content is copied
        return False


def _is_below(path: Path, directory: Path) -> bool:
    return path.is_relative_to(os.path.realpath(directory))
