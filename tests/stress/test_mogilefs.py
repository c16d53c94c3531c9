"""The stress on trackers and storage nodes."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_mogilefs import MogileFSPlace
from tests.stress import Networked


class MogileFSStress(Networked, MogileFSPlace, StressContract, unittest.TestCase):
    """All of it."""
