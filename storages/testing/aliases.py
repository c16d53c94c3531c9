"""Storages under the aliases of ``STORAGES``, for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.storage import storages
from django.test import override_settings

__all__ = ["aliases"]


@contextmanager
def aliases(**named: Any) -> Iterator[None]:
    """Have ``STORAGES`` in which each alias names a storage made like the given one.

    What is not named is a storage in memory. The given storages have to deconstruct to keywords.
    """
    configured: dict[str, dict[str, Any]] = {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    for alias, storage in named.items():
        path, args, kwargs = storage.deconstruct()
        if args:
            raise TypeError(f"{path} has positional arguments, for which STORAGES has no place.")
        configured[alias] = {"BACKEND": path, "OPTIONS": kwargs}
    with override_settings(STORAGES=configured):
        # Django 4.2 and 5.0 drop the OPTIONS of these two when a test overrides STORAGES.
        backends: Any = storages.backends
        backends.update(configured)
        yield
