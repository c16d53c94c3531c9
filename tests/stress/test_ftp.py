"""The stress on vsftpd."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_ftp import FTPPlace
from tests.servers.ftp import Vsftpd


class FTPStress(FTPPlace, StressContract, unittest.TestCase):
    """All of it."""

    server = Vsftpd
