"""Killed savers where a file is made in several steps: pieces first, the name last."""

# ruff: noqa: PT009 - cases of a unittest mix-in

from __future__ import annotations

import unittest
from datetime import timedelta
from typing import ClassVar

from tests.contract.test_gridfs import GridFSPlace
from tests.contract.test_mogilefs import MogileFSPlace
from tests.contract.test_tahoe import TahoePlace
from tests.faults.kills import KilledSavers


class GridFSKills(GridFSPlace, KilledSavers, unittest.TestCase):
    """SecantusDB."""

    scale = 3
    needed_settings: ClassVar[tuple[str, ...]] = ("GRIDFS_URI",)

    def look_at_orphans(self, kills: int) -> None:
        """Chunks without a file are found, counted and removed, and only these."""
        before = self.all_names()
        orphans = list(self.storage.orphans(timedelta(0)))
        self.assertLessEqual(len(orphans), kills)
        self.assertEqual(self.storage.remove_orphans(timedelta(0)), len(orphans))
        self.assertEqual(list(self.storage.orphans(timedelta(0))), [])
        self.assertEqual(self.all_names(), before)
        self.assertEqual(self.read("killed/other.bin"), b"untouched")


class MogileFSKills(MogileFSPlace, KilledSavers, unittest.TestCase):
    """Two trackers, three storage nodes."""

    scale = 1


class TahoeKills(TahoePlace, KilledSavers, unittest.TestCase):
    """A grid of one node: a file without a name is no entry of any directory."""

    scale = 100  # every save takes the gateway a tenth of a second, however small
    needed_settings: ClassVar[tuple[str, ...]] = (
        "TAHOE_STORAGE_BASE_URL",
        "TAHOE_STORAGE_BASE_CAP",
    )
