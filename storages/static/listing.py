"""What the store has, as one listing told it when the run began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from storages.readers import Entry, Stat

__all__ = ["Listing"]


class Listing:
    """Every file in the store, and what the listing tells of it."""

    def __init__(self, files: Iterable[tuple[str, Stat | None]]) -> None:
        self._files = dict(files)
        # On many stores a file and a directory may have one name.
        self._children: dict[str, dict[tuple[str, bool], None]] | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def stat(self, key: str) -> Stat | None:
        """Return what is known of a file that is there; None: the listing does not tell."""
        return self._files[key]

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
