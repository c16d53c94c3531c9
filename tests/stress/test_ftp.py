"""The stress on vsftpd."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

from storages.testing.stress import StressContract
from tests.contract.test_ftp import FTPPlace
from tests.servers.ftp import Vsftpd
from tests.stress import Networked


class FTPStress(Networked, FTPPlace, StressContract, unittest.TestCase):
    """All of it."""

    server = Vsftpd

    def wrong_options(self) -> Mapping[str, Any]:
        """A wrong password."""
        return {"password": self.wrong}
