"""Killed savers on servers to which a connection is kept."""

# ruff: noqa: PT009 - cases of a unittest mix-in

from __future__ import annotations

import unittest
from typing import ClassVar

from storages.staging import is_temporary
from tests.contract.databases import OdbcPostgreSQL
from tests.contract.test_ftp import FTPPlace
from tests.contract.test_sftp import SFTPPlace
from tests.faults.kills import KilledSavers
from tests.servers import shared
from tests.servers.ftp import Vsftpd


class SFTPKills(SFTPPlace, KilledSavers, unittest.TestCase):
    """sshd."""

    scale = 1

    def orphans(self) -> list[str]:
        """What is on the disk."""
        return [path.name for path in self.directory.rglob("*") if is_temporary(path.name)]


class FTPKills(FTPPlace, KilledSavers, unittest.TestCase):
    """vsftpd."""

    server = Vsftpd
    scale = 1
    needed_settings: ClassVar[tuple[str, ...]] = ("FTP_STORAGE_PASSWORD",)

    def orphans(self) -> list[str]:
        """What is on the disk: uploads, and directories that are locks."""
        top = shared(self.server).file(self.place)
        return [path.name for path in top.rglob("*") if is_temporary(path.name)]

    def look_at_orphans(self, kills: int) -> None:
        """A saver that was killed leaves its upload and its lock, at most."""
        super().look_at_orphans(2 * kills)


class DatabaseKills(OdbcPostgreSQL, KilledSavers, unittest.TestCase):
    """PostgreSQL, over ODBC: a transaction leaves nothing."""

    needed_settings: ClassVar[tuple[str, ...]] = ("DB_FILES_CONNECTION_STRING",)

    def look_at_orphans(self, kills: int) -> None:
        """Nothing is left."""
        self.assertEqual(self.orphans(), [])
