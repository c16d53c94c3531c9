"""The mix-ins on the backends that have no static classes of their own; a storage without them."""

# mypy: disable-error-code="misc"
# A static storage's options are constants where the backend's follow the settings.

from __future__ import annotations

from django.core.files.storage import InMemoryStorage

from storages.backends.cloudfiles import CloudFilesStorage
from storages.backends.database import DatabaseStorage
from storages.backends.ftp import FTPStorage
from storages.backends.gridfs import GridFSStorage
from storages.backends.sftp import SFTPStorage
from storages.local import LocalStorage
from storages.static import ManifestStaticFilesMixin, StaticFilesMixin
from storages.testing.memory import MemoryStorage


class StaticMemory(StaticFilesMixin, MemoryStorage):
    """In memory."""


class ManifestMemory(ManifestStaticFilesMixin, MemoryStorage):
    """In memory, with a manifest."""


class StaticLocal(StaticFilesMixin, LocalStorage):
    """In a directory."""


class ManifestLocal(ManifestStaticFilesMixin, LocalStorage):
    """In a directory, with a manifest."""


class StaticSFTP(StaticFilesMixin, SFTPStorage):
    """On a server, over SSH."""


class ManifestSFTP(ManifestStaticFilesMixin, SFTPStorage):
    """On a server, over SSH, with a manifest."""


class StaticFTP(StaticFilesMixin, FTPStorage):
    """On an FTP server."""


class ManifestFTP(ManifestStaticFilesMixin, FTPStorage):
    """On an FTP server, with a manifest."""


class StaticCloudFiles(StaticFilesMixin, CloudFilesStorage):
    """In Swift."""


class ManifestCloudFiles(ManifestStaticFilesMixin, CloudFilesStorage):
    """In Swift, with a manifest."""


class StaticDatabase(StaticFilesMixin, DatabaseStorage):
    """In a table."""


class ManifestDatabase(ManifestStaticFilesMixin, DatabaseStorage):
    """In a table, with a manifest."""


class StaticGridFS(StaticFilesMixin, GridFSStorage):
    """In MongoDB."""


class ManifestGridFS(ManifestStaticFilesMixin, GridFSStorage):
    """In MongoDB, with a manifest."""


class Other(InMemoryStorage):
    """Not ours."""

    def close(self) -> None:
        """Do nothing."""
