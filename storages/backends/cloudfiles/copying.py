"""Copying within Swift."""

# ruff: noqa: SLF001 - the storage's requests are shared within this package

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from storages import retry, turns
from storages.backends.cloudfiles import large
from storages.backends.cloudfiles.reading import length_of
from storages.errors import AlreadyExists
from storages.http import Answer, quoted

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["copy"]

#: What a HEAD tells that a copy in segments is given again.
_COPIED = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Type",
    "Expires",
    "X-Delete-At",
)


def copy(storage: CloudFilesStorage, key: str, target: str, *, overwrite: bool) -> None:
    """Copy an object. Raises AlreadyExists, NotFound, IsADirectory."""
    retry.repeat_creation(
        storage.retry,
        partial(_once, storage, key, target, overwrite=overwrite),
        partial(_is_copy, storage, key, target),
    )


def _once(storage: CloudFilesStorage, key: str, target: str, *, overwrite: bool) -> None:
    origin = storage._head(key)
    storage._no_directory(origin)
    if overwrite:
        replaced = storage._segments_at(target)
        _copy_to(storage, key, origin, target, large.at_once, {})
        storage._drop(replaced)
        return

    def create(put: Callable[[], object]) -> None:
        with turns.taking(storage._object_url(target)):
            # The condition of a request that copies would be about the original.
            if storage._has(target):
                raise AlreadyExists
            put()

    _copy_to(storage, key, origin, target, create, {"If-None-Match": "*"})


def _copy_to(  # noqa: PLR0913, PLR0917 - both ends of a copy
    storage: CloudFilesStorage,
    key: str,
    origin: Answer,
    target: str,
    publish: large.Publish,
    condition: Mapping[str, str],
) -> None:
    size = length_of(origin)
    if size > storage.segment_size and storage._makes_large(size):
        kept = {
            name.title(): value
            for name, value in origin.headers.items()
            if name.title() in _COPIED or name.title().startswith("X-Object-Meta-")
        }
        large.copy(storage, key, origin, target, {**kept, **condition}, publish)
        return
    place = f"{quoted(storage.container)}/{quoted(key, safe='/')}"
    url = storage._object_url(target)
    publish(lambda: storage._put_object(url, b"", {"X-Copy-From": place}, copied=size))


def _is_copy(storage: CloudFilesStorage, key: str, target: str) -> bool:
    one, other = storage._head(key), storage._head(target)
    return one.length == other.length and one.etag == other.etag
