"""The stress on Swift."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_cloudfiles import CloudFilesPlace


class CloudFilesStress(CloudFilesPlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True
