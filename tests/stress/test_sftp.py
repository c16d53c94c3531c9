"""The stress on OpenSSH's sshd."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_sftp import SFTPPlace


class SFTPStress(SFTPPlace, StressContract, unittest.TestCase):
    """All of it."""
