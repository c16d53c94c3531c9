"""The contract and the stress, run for the storage in an SQLite Archive."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.test import SimpleTestCase

from docs.examples.sqlar import SqlarStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.stress import StressContract


class SqlarPlace(ContractCase):
    """What the contract cannot know is declared; nothing is guessed."""

    nests_in_files = True  # a key is a key: "a" and "a/b" can both be files
    max_component = None
    moves_in_one_step = False  # there is no _move: the core copies, then deletes
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


class SqlarStorageTests(SqlarPlace, StorageContract, SimpleTestCase):
    """The whole contract."""


class SqlarStressTests(SqlarPlace, StressContract, SimpleTestCase):
    """The stress; it takes longer, and needs hypothesis."""
