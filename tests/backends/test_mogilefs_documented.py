"""The documented doctest (T1-T22 of the manual) on MogileFS."""

from __future__ import annotations

import unittest
from typing import Any

from tests.contract.test_mogilefs import MogileFSPlace
from tests.documented import DocumentedDoctest


class MogileFSTest(DocumentedDoctest, MogileFSPlace, unittest.TestCase):
    """A domain's default class."""

    def legacy_settings(self) -> dict[str, Any]:
        """The documented settings."""
        return {
            "MOGILEFS_DOMAIN": self.domain,
            "MOGILEFS_TRACKERS": self.cluster.addresses,
            "MOGILEFS_MEDIA_URL": "/mogilefs/",
            "SERVE_WITH_PERLBAL": False,
        }
