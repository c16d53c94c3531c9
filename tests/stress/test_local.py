"""The stress on the local family."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract import places


class OverwriteStress(places.Overwrite, StressContract, unittest.TestCase):
    """All of it."""


class SymlinkOrCopyStress(places.SymlinkOrCopy, StressContract, unittest.TestCase):
    """All of it."""


class HashPathStress(places.HashPath, StressContract, unittest.TestCase):
    """All of it."""


class ImagesStress(places.Images, StressContract, unittest.TestCase):
    """All of it."""
