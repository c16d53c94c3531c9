"""The stress on SecantusDB."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_gridfs import GridFSPlace


class GridFSStress(GridFSPlace, StressContract, unittest.TestCase):
    """All of it."""
