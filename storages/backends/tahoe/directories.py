"""Which directories are known to exist: a file can then be saved into one by one request."""

from __future__ import annotations

import os
import threading
import time
import unicodedata

__all__ = ["Directories", "directories"]

#: Seconds for which a directory is taken to be there still, though others may delete it.
_TRUSTED = 60.0
_MOST = 10_000


class Directories:
    """The directories below one base that this process has seen, and who may make new ones.

    ``lock`` is held by the thread that makes directories: making one costs a key pair. Spellings of
    a name that Unicode calls equal are one, as they are to a gateway.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._seen: dict[str, float] = {}

    def __contains__(self, path: str) -> bool:
        """The base itself is always there."""
        seen = self._seen.get(_stored(path))
        return not path or (seen is not None and time.monotonic() - seen < _TRUSTED)

    def add(self, path: str) -> None:
        """Note that the directory is there."""
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[_stored(path)] = time.monotonic()

    def forget(self, path: str) -> None:
        """Note that the directory may be gone, and all below it."""
        path = _stored(path)
        for seen in list(self._seen):
            if seen == path or seen.startswith(f"{path}/"):
                self._seen.pop(seen, None)


def _stored(path: str) -> str:
    """Return ``path`` as a gateway keeps it: in Unicode's form NFC."""
    return unicodedata.normalize("NFC", path)


_by_place: dict[tuple[str, str], Directories] = {}


def directories(url: str, cap: str) -> Directories:
    """Return what this process knows of the directories below ``cap``, for all its storages."""
    return _by_place.setdefault((url, cap), Directories())


# A lock that another thread of the parent held at the fork would stay locked.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_by_place.clear)
