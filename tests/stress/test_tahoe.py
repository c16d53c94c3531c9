"""The stress on a Tahoe-LAFS grid."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_tahoe import TahoePlace


class TahoeStress(TahoePlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True
