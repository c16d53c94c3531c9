"""The stress on a Tahoe-LAFS grid."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_tahoe import TahoePlace
from tests.stress import Less


class TahoeStress(Less, TahoePlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True
    # Each takes the gateway 10 to 60 ms, most of it computing.
    leak_operations = 10_000 if StressContract.full else 24
    race_rounds = 20 if StressContract.full else 2
    model_examples = 3
