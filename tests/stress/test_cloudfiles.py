"""The stress on Swift."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

from storages.testing.stress import StressContract
from tests.contract.test_cloudfiles import CloudFilesPlace
from tests.stress import Networked


class CloudFilesStress(Networked, CloudFilesPlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True

    def wrong_options(self) -> Mapping[str, Any]:
        """A wrong key."""
        return {"api_key": self.wrong}
