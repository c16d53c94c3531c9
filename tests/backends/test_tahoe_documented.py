"""The documented doctest (T1-T22 of the manual) on Tahoe-LAFS."""

from __future__ import annotations

import unittest
from typing import ClassVar

from tests.contract.test_tahoe import TahoePlace
from tests.documented import DocumentedDoctest


class TahoeTest(DocumentedDoctest, TahoePlace, unittest.TestCase):
    """With the directory in the settings; alternative names count."""

    alternative: ClassVar[str] = "_1"
