"""The documented doctest (T1-T22 of the manual) on SFTP."""

from __future__ import annotations

import unittest
from typing import Any

from tests.contract.test_sftp import SFTPPlace
from tests.documented import DocumentedDoctest


class OnSFTP(DocumentedDoctest, SFTPPlace, unittest.TestCase):
    """With the server in the settings: the storage is also made without arguments."""

    def legacy_settings(self) -> dict[str, Any]:
        """Return the settings of that server and directory."""
        options = self.options()
        return {
            "SFTP_STORAGE_HOST": options["host"],
            "SFTP_STORAGE_ROOT": options["root_path"],
            "SFTP_STORAGE_PARAMS": options["params"],
            "SFTP_KNOWN_HOST_FILE": options["known_host_file"],
        }
