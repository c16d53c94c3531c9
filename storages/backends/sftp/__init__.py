"""Files on a server that speaks SFTP, such as OpenSSH's."""

from __future__ import annotations

from storages.backends.sftp.storage import SFTPStorage, SFTPStorageFile

__all__ = ["SFTPStorage", "SFTPStorageFile"]
