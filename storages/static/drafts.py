"""Content that is going to be stored: a file on this machine, and whether the store has it."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storages.errors import SourceChanged
from storages.readers import Stat
from storages.staging import Source, staged

if TYPE_CHECKING:
    from storages.static.mixins import StaticFilesMixin

__all__ = ["HASH", "Draft", "digest_of", "is_stored", "local_path"]

#: So much of the MD5 of a file's content Django puts into its name.
HASH = re.compile(r"\.([0-9a-f]{12})(?:\.[^.]*)?$")


@dataclass(frozen=True, slots=True)
class Draft:
    """A file on this machine; ``made``: by this run, so that its time says nothing."""

    path: str
    size: int
    time: int
    made: bool = False

    @classmethod
    def of(cls, path: str, *, made: bool = False) -> Draft:
        """Return the draft that the file at ``path`` is now."""
        found = Path(path).stat()
        return cls(path, found.st_size, found.st_mtime_ns, made)

    @property
    def modified(self) -> datetime:
        """When the file was written."""
        return datetime.fromtimestamp(self.time // 10**9, tz=timezone.utc)

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Give the content; raise SourceChanged when it is not what it was."""
        with Path(self.path).open("rb") as file:
            found = os.fstat(file.fileno())
            if (found.st_size, found.st_mtime_ns) != (self.size, self.time):
                raise SourceChanged(
                    f"{self.path} was changed while it was being collected.",
                    hint="Run the command again.",
                )
            yield Source(file, self.size)


def local_path(content: Any) -> str | None:
    """Return the path of the file that ``content`` is, byte for byte; None for other content."""
    path = getattr(content, "name", None)
    if not isinstance(path, str) or not Path(path).is_absolute():
        return None
    try:
        found = Path(path).stat()
        # Only files are looked at: other content may be long, and staging would read it.
        if not isinstance(getattr(getattr(content, "file", None), "raw", None), io.FileIO):
            return None
        with staged(content) as source:
            return path if source.is_file(found) else None
    except OSError:
        return None


def is_stored(storage: StaticFilesMixin, key: str, draft: Draft, known: Stat | None) -> bool:
    """Tell whether the store, of whose file ``known`` tells, has what the draft has.

    A digest decides where the listing has one. Otherwise it is the size together with the digest
    in the name, or with the time; without either, the file is read.
    """
    if known is None:
        known = storage.stat(key)
    with draft.opened() as source, storage._as_stored(key, source) as body:  # noqa: SLF001
        if known.size != body.size:
            return False
        algorithm, _, digest = (known.checksum or "").partition(":")
        if digest and algorithm in hashlib.algorithms_available:
            same = digest_of(algorithm, body) == digest
            if same or storage._is_digest(key):  # noqa: SLF001
                return same
        hashed = body is source and HASH.search(posixpath.basename(key))
        if hashed and digest_of("md5", source).startswith(hashed[1]):
            return True
        # What a listing does not tell, the file's own status may.
        modified = None if draft.made else known.modified or storage.stat(key).modified
        if modified is None:
            return storage._holds(key, source)  # noqa: SLF001
        return modified.replace(microsecond=0) >= draft.modified


def digest_of(algorithm: str, source: Source) -> str:
    """Return the digest of the content, in hexadecimal digits."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for chunk in source.chunks():
        digest.update(chunk)
    return digest.hexdigest()
