"""The documented doctest (T1-T22 of the manual) on IPFS, as far as it applies."""

# ruff: noqa: N802, PT009, PT027 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import io
import unittest

from tests.contract.test_ipfs import IPFSPlace
from tests.documented import DocumentedDoctest


class IPFSTest(DocumentedDoctest, IPFSPlace, unittest.TestCase):
    """js-ipfs."""

    def test_T01_to_T04_open(self) -> None:
        """Files cannot be opened for writing (T2, T3): the name is known when the content is."""
        with self.assertRaises(io.UnsupportedOperation):
            self.storage.open("storage_test", "w")
        self.assertFalse(self.storage.exists("storage_test"))
        name = self.put("storage_test", b"storage contents")
        self.assertTrue(self.storage.exists(name))
        with self.storage.open(name, "r") as file:
            self.assertEqual(file.read(), "storage contents")
        self.storage.delete(name)
        self.assertFalse(self.storage.exists(name))
        self.storage.delete(name)
