"""What the store has, as one listing told it when the run began."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING

from storages import names
from storages.errors import NotFound
from storages.readers import Entry, Stat
from storages.static.uploading import LONG, each

if TYPE_CHECKING:
    from storages.static.mixins import StaticFilesMixin

__all__ = ["Listing", "listing_of", "scanned"]

#: So many files are listed, whatever they are.
MOST = 100_000


def scanned(storage: StaticFilesMixin) -> Generator[tuple[str, Stat | None]]:
    """Yield every file of the storage; see ``scantree``.

    Where each directory is a request of its own and the server is far away, several are listed at
    a time.
    """
    workers = storage._workers  # noqa: SLF001 - the other half of the mix-ins
    if storage._walk("") is not NotImplemented or workers == 1:  # noqa: SLF001
        yield from storage.scantree()
        return
    found: dict[str, list[Entry]] = {}

    def scan(key: str) -> None:
        try:
            found[key] = list(storage.scandir(key))
        except NotFound:  # deleted meanwhile
            found[key] = []

    level = [""]
    listed, started = 0, time.monotonic()
    while level:
        # Each thread has to log in first.
        left = len(level) * (time.monotonic() - started) / max(listed, 1)
        at_once = min(workers, len(level)) if left > LONG else 1
        listed += len(level)
        below: list[str] = []
        for key in each(scan, level, at_once):
            for entry in found.pop(key):
                name = names.join(key, entry.name)
                if entry.is_dir:
                    below.append(name)
                else:
                    yield name, entry.stat
        level = below


def listing_of(storage: StaticFilesMixin, *, whole: bool) -> Listing:
    """List the storage; unless ``whole``, no more of a large one than is asked about.

    Uploads by the million may be in the place of the static files.
    """
    files = scanned(storage)
    try:
        listing = Listing(files if whole else islice(files, MOST))
        if whole or next(files, None) is None:
            return listing
    finally:
        files.close()
    return Parts(storage)


def _kept(stat: Stat | None) -> tuple[int, float | None, str | None] | None:
    """Return what of a file's status is compared: there are as many as there are files."""
    if stat is None:
        return None
    time = None if stat.modified is None else stat.modified.timestamp()
    return stat.size, time, stat.checksum


class Listing:
    """Every file in the store, and what the listing tells of it."""

    def __init__(self, files: Iterable[tuple[str, Stat | None]] = ()) -> None:
        self._files = {key: _kept(stat) for key, stat in files}
        # On many stores a file and a directory may have one name.
        self._children: dict[str, dict[tuple[str, bool], None]] | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def stat(self, key: str) -> Stat | None:
        """Return what is known of a file that is there; None: the listing does not tell."""
        known = self._files[key]
        if known is None:
            return None
        size, time, checksum = known
        modified = None if time is None else datetime.fromtimestamp(time, tz=timezone.utc)
        return Stat(size, modified, checksum=checksum)

    def is_dir(self, key: str) -> bool:
        """Tell whether there is a file below ``key``; the root is always there."""
        return not key or key in self._directories

    def entries(self, key: str) -> Iterator[Entry]:
        """Yield what is in the directory."""
        for name, is_dir in self._directories.get(key, {}):
            yield Entry(name, is_dir)

    @property
    def _directories(self) -> dict[str, dict[tuple[str, bool], None]]:
        if self._children is None:
            self._children = {}
            for key in self._files:
                self._add(self._children, key)
        return self._children

    @staticmethod
    def _add(children: dict[str, dict[tuple[str, bool], None]], key: str) -> None:
        is_dir = False
        while key:
            directory, _, name = key.rpartition("/")
            among = children.setdefault(directory, {})
            if (name, is_dir) in among:
                return
            among[name, is_dir] = None
            key, is_dir = directory, True


class Parts(Listing):
    """A listing of the directories that have been asked about, each when that is done first."""

    def __init__(self, storage: StaticFilesMixin) -> None:
        super().__init__()
        self._storage = storage
        self._listed: set[str] = set()
        self._below: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._list(key.rpartition("/")[0])
        return super().__contains__(key)

    def is_dir(self, key: str) -> bool:
        """Tell whether there is a file below ``key``; the root is always there."""
        self._list(key.rpartition("/")[0])
        return not key or key in self._below

    def _list(self, directory: str) -> None:
        if directory in self._listed:
            return
        self._listed.add(directory)
        try:
            for entry in self._storage.scandir(directory):
                name = names.join(directory, entry.name)
                if entry.is_dir:
                    self._below.add(name)
                else:
                    self._files[name] = _kept(entry.stat)
        except NotFound:
            return
