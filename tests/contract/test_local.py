"""The contract holds for the storages on a local disk."""

from __future__ import annotations

import unittest

from storages.testing import StorageContract
from tests.contract import places


class TestOverwriteStorage(places.Overwrite, StorageContract, unittest.TestCase):
    """Saving a name again replaces the file."""


class TestSymlinkOrCopyStorage(places.SymlinkOrCopy, StorageContract, unittest.TestCase):
    """Everything is copied here; links are tested in tests/backends."""


class TestHashPathStorage(places.HashPath, StorageContract, unittest.TestCase):
    """Names follow the content."""


class TestImageStorage(places.Images, StorageContract, unittest.TestCase):
    """Only images are kept."""
