"""What the views of the 1.1.4 release share: they were told no storage, and asked nobody."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from django.core.files.storage import storages

from storages.base import BaseStorage
from storages.serving.places import Served, class_of, configured

__all__ = ["public", "storage_of"]

S = TypeVar("S", bound=BaseStorage)


def storage_of(kind: type[S], given: S | str | None) -> S:
    """Return ``given``, or the storage of that alias, or the first of that class in ``STORAGES``.

    Where there is none, one that the settings describe.
    """
    if given is not None and not isinstance(given, str):
        return given
    aliases = [alias for alias, entry in configured().items() if _is_a(class_of(entry), kind)]
    if isinstance(given, str):
        aliases = [given]
    found: Any = storages[aliases[0]] if aliases else _described(cast("Hashable", kind))
    return cast("S", found)


def _is_a(found: Any, kind: type) -> bool:
    return isinstance(found, type) and issubclass(found, kind)


@cache
def _described(kind: Any) -> Any:
    """One for all requests, for it keeps connections; it follows the settings by itself."""
    return kind()


def public(**given: Any) -> Served:
    """Return how files are served by a view that a project has put into its URLconf by itself."""
    return Served("of this view", {"access": "public", **given})
