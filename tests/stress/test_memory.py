"""The stress on the storage in memory."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract import places


class MemoryStress(places.Memory, StressContract, unittest.TestCase):
    """All of it."""
