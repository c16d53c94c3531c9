"""The contract holds for the storage in memory, the oracle."""

from __future__ import annotations

import unittest
import uuid
from typing import Any

from storages.testing import MemoryStorage, StorageContract


class TestMemoryStorage(StorageContract, unittest.TestCase):
    """Files in this process's memory."""

    keeps_content_type = True
    max_component = None
    multi_process = False
    bounded_memory = False
    model_examples = 50

    def setUp(self) -> None:
        """Choose a new place."""
        super().setUp()
        self.place = uuid.uuid4().hex
        self.addCleanup(MemoryStorage(place=self.place).clear)

    def make_storage(self) -> Any:
        """Make a storage for the test's place."""
        return MemoryStorage(place=self.place)
