"""Cloud Files under the name of its first years; see ``storages.backends.cloudfiles``."""

from __future__ import annotations

from storages.backends.cloudfiles import cloudfiles_upload_to
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
