"""What a node's words mean: it answers 500 to everything."""

from __future__ import annotations

from storages.errors import IsADirectory, NotFound, StorageError, StorageFull, Timeout

__all__ = ["kind_of_words"]

_SAYINGS: tuple[tuple[str, type[StorageError]], ...] = (
    ("not pinned", NotFound),
    ("no link named", NotFound),
    ("does not exist", NotFound),
    ("could not find", NotFound),
    ("not found", NotFound),
    ("invalid path", NotFound),
    ("invalid cid", NotFound),
    ("is a directory", IsADirectory),
    ("timed out", Timeout),
    ("deadline exceeded", Timeout),
    ("no space left", StorageFull),
)


def kind_of_words(said: str) -> type[StorageError]:
    """Return which of our errors it is that a node has told in those words."""
    words = said.lower()
    return next((kind for part, kind in _SAYINGS if part in words), StorageError)
