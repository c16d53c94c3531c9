"""The contract, run for the storage in an SQLite Archive."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from docs.examples.sqlar import SqlarStorage
from storages.testing import StorageContract


class SqlarStorageTests(StorageContract, SimpleTestCase):
    """What the contract cannot know is declared; nothing is guessed."""

    nests_in_files = True  # a key is a key: "a" and "a/b" can both be files
    max_component = None
    bounded_memory = False  # rows go through memory in one piece

    def setUp(self) -> None:
        """Put the archive into a directory of its own."""
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.archive = str(Path(directory.name, "files.sqlar"))

    def make_storage(self, **options: Any) -> SqlarStorage:
        """Return a storage on the same archive, each time."""
        return SqlarStorage(archive=self.archive, **options)
