"""Files on an FTP server."""

from __future__ import annotations

from storages.backends.ftp.storage import FTPStorage, FTPStorageException, FTPStorageFile

__all__ = ["FTPStorage", "FTPStorageException", "FTPStorageFile"]
