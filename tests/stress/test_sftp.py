"""The stress on OpenSSH's sshd."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

from storages.testing.stress import StressContract
from tests.contract.test_sftp import SFTPPlace
from tests.stress import Networked


class SFTPStress(Networked, SFTPPlace, StressContract, unittest.TestCase):
    """All of it."""

    def wrong_options(self) -> Mapping[str, Any]:
        """A wrong password, and no key."""
        params = {n: v for n, v in self.storage.params.items() if n != "key_filename"}
        return {"params": {**params, "password": self.wrong}}
