"""The stress on the local family."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract import places
from tests.stress import Less


class OverwriteStress(places.Overwrite, StressContract, unittest.TestCase):
    """All of it."""


class SymlinkOrCopyStress(Less, places.SymlinkOrCopy, StressContract, unittest.TestCase):
    """All of it."""


class HashPathStress(Less, places.HashPath, StressContract, unittest.TestCase):
    """All of it."""


class ImagesStress(Less, places.Images, StressContract, unittest.TestCase):
    """All of it."""
