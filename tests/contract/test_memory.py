"""The contract holds for the storage in memory, the oracle."""

from __future__ import annotations

import unittest

from storages.testing import StorageContract
from tests.contract import places


class TestMemoryStorage(places.Memory, StorageContract, unittest.TestCase):
    """Files in this process's memory."""
