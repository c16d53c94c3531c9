"""Amazon S3 and servers that speak its protocol.

The classes are loaded when they are first asked for: a settings module may import CallingFormat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storages.backends.s3.values import CallingFormat

if TYPE_CHECKING:
    from storages.backends.s3.static import S3ManifestStaticStorage, S3StaticStorage
    from storages.backends.s3.storage import S3File, S3Storage

__all__ = [
    "CallingFormat",
    "S3File",
    "S3ManifestStaticStorage",
    "S3StaticStorage",
    "S3Storage",
]

_HOMES = {
    "S3File": "storage",
    "S3ManifestStaticStorage": "static",
    "S3StaticStorage": "static",
    "S3Storage": "storage",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
