"""One listing of everything, which then answers for the store (``preload_metadata``)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from storages.errors import NotFound
from storages.readers import Stat

__all__ = ["Catalogue"]


class Catalogue:
    """What there is, as of the first question, kept true by what this storage object writes.

    ``read`` lists everything. What other writers do meanwhile is not seen.
    """

    def __init__(self, read: Callable[[], Iterable[tuple[str, Stat]]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        # None: written since, so that the store has to be asked.
        self._stats: dict[str, Stat | None] | None = None
        self._directories: dict[str, int] = {}

    def stat(self, key: str) -> Stat | None:
        """Return what the listing tells of ``key``; None: ask the store. Raises NotFound."""
        with self._lock:
            stats = self._loaded()
            if key not in stats:
                raise NotFound
            return stats[key]

    def is_dir(self, key: str) -> bool:
        """Tell whether there is anything in the directory ``key``."""
        with self._lock:
            self._loaded()
            return self._directories.get(key, 0) > 0

    def written(self, key: str) -> None:
        """Remember that ``key`` was written."""
        with self._lock:
            if self._stats is not None:
                if key not in self._stats:
                    self._count(key, 1)
                self._stats[key] = None

    def removed(self, keys: Iterable[str]) -> None:
        """Remember that ``keys`` are gone."""
        with self._lock:
            for key in keys:
                if self._stats is not None and key in self._stats:
                    del self._stats[key]
                    self._count(key, -1)

    def _loaded(self) -> dict[str, Stat | None]:
        if self._stats is None:
            self._directories = {}
            stats: dict[str, Stat | None] = dict(self._read())
            for key in stats:
                self._count(key, 1)
            self._stats = stats
        return self._stats

    def _count(self, key: str, by: int) -> None:
        directory = key.rpartition("/")[0]
        while directory:
            self._directories[directory] = self._directories.get(directory, 0) + by
            directory = directory.rpartition("/")[0]
