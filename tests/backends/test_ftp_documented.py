"""The documented doctest (T1-T22 of the manual) on FTP, on two servers of different make."""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

from django.test import override_settings

from tests.contract import test_ftp
from tests.documented import DocumentedDoctest
from tests.servers import shared
from tests.servers.ftp import ProftpdTLS, PureFtpd, Vsftpd


class OnFTP(DocumentedDoctest, test_ftp.FTPPlace):
    """With the server in the settings: the storage is also made without arguments."""

    def setUp(self) -> None:
        """Make a directory, and say so in the settings."""
        super().setUp()
        server = override_settings(**self.legacy_settings())
        server.enable()
        self.addCleanup(server.disable)

    def legacy_settings(self) -> dict[str, Any]:
        """Return the settings of that server and directory."""
        return shared(self.server).settings(self.place, **self.more)


class VsftpdTest(OnFTP, unittest.TestCase):
    """vsftpd."""

    server = Vsftpd


class ProftpdTLSTest(OnFTP, unittest.TestCase):
    """proftpd over TLS."""

    server = ProftpdTLS


class OverwritingTest(OnFTP, unittest.TestCase):
    """pure-ftpd, and a storage that replaces files of the same name."""

    server = PureFtpd
    same_name = "overwrite"
    more: ClassVar[dict[str, Any]] = {"allow_overwrite": True}
