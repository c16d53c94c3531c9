"""The stress on js-ipfs."""

from __future__ import annotations

import unittest

from storages.testing.calls import HOOKS
from storages.testing.stress import StressContract
from tests.contract.test_ipfs import IPFSPlace
from tests.stress import Networked


class IPFSStress(Networked, IPFSPlace, StressContract, unittest.TestCase):
    """All of it."""

    failures_in_turn = True
    failing_hooks = (*HOOKS, "_keep", "_is_pinned")  # which it calls instead
