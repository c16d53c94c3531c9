"""Rackspace Cloud Files, and OpenStack Swift, the software behind it.

The classes are loaded when they are first asked for: migrations import ``cloudfiles_upload_to``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.text import get_valid_filename

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import (
        CloudFilesStorage,
        CloudFilesStorageFile,
        ThreadSafeCloudFilesStorage,
    )

__all__ = [
    "CloudFilesStorage",
    "CloudFilesStorageFile",
    "ThreadSafeCloudFilesStorage",
    "cloudfiles_upload_to",
]

_CLASSES = ("CloudFilesStorage", "CloudFilesStorageFile", "ThreadSafeCloudFilesStorage")


def cloudfiles_upload_to(instance: Any, filename: str) -> str:  # noqa: ARG001 - Django's interface
    """Return ``filename`` as a name without directories, for a field's ``upload_to``."""
    return get_valid_filename(filename)


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from storages.backends.cloudfiles import storage

    return getattr(storage, name)
