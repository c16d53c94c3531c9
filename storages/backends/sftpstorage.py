"""The SFTP storage under its first name; see ``storages.backends.sftp``."""

from __future__ import annotations

from storages.backends.sftp import SFTPStorage, SFTPStorageFile

__all__ = ["SFTPStorage", "SFTPStorageFile"]
