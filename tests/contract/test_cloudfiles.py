"""The whole contract on OpenStack Swift, and parts of it with other options and servers."""

# ruff: noqa: N802, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import unittest
import urllib.request
from collections.abc import Callable
from typing import Any, ClassVar

from django.test import override_settings

from storages.backends.cloudfiles import CloudFilesStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.copying import CopyingContract
from storages.testing.listing import ListingContract
from storages.testing.names import ODD_NAMES
from storages.testing.reading import ReadingContract
from storages.testing.saving import SavingContract
from storages.testing.stat import StatContract
from storages.testing.writing import WritingContract
from tests.servers import shared
from tests.servers.swift import Swift

MiB = 1024 * 1024


class CloudFilesPlace(ContractCase):
    """What the contract is to know of Swift."""

    more: ClassVar[dict[str, Any]] = {}

    max_component = None  # only the whole name is limited
    max_name = 1024
    nests_in_files = True
    deletes_files_only = True
    lists_missing_as_empty = True
    moves_in_one_step = False
    keeps_content_type = True
    integrity = "md5"
    client_library = "requests"
    extra = "cloudfiles"
    secrets = (Swift.key,)
    part_size = MiB
    page_size = 100  # pages of 10,000: tests/backends/test_cloudfiles.py
    model_examples = 5

    def setUp(self) -> None:
        """Make a container."""
        super().setUp()
        self.container = shared(Swift).new_container()
        # Not in the constructor: a migration could not make the storage again without it.
        secret = override_settings(CLOUDFILES_API_KEY=Swift.key)
        secret.enable()
        self.addCleanup(secret.disable)

    def make_storage(self) -> Any:
        """Return a storage for that container."""
        return CloudFilesStorage(
            **{
                "username": Swift.user_name,
                "auth_url": shared(Swift).auth_url,
                "container": self.container,
                **self.more,
            }
        )

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """The base of URLs is read at each access."""
        url = "http://m.example/"
        return {"CLOUDFILES_BASE_URL": url}, lambda storage: storage.url("a"), f"{url}a"


class SwiftTest(CloudFilesPlace, StorageContract, unittest.TestCase):
    """All of it, on Swift as it comes."""

    def test_U01_no_base_url(self) -> None:
        """Every file has a URL: without a CDN, a key and a base, it is where Swift has it."""
        name = self.put("d/u.txt")
        account, _ = shared(Swift).credentials()
        self.assertEqual(self.storage.url(name), f"{account}/{self.container}/d/u.txt")


class SegmentsTest(
    CloudFilesPlace,
    SavingContract,
    ReadingContract,
    WritingContract,
    CopyingContract,
    unittest.TestCase,
):
    """Files of more than a mebibyte are large objects; the rules are the same."""

    more: ClassVar[dict[str, Any]] = {"segment_size": MiB}
    slow = False


class SignedTest(CloudFilesPlace, unittest.TestCase):
    """URLs are signed."""

    more: ClassVar[dict[str, Any]] = {"temp_url_key": "a-key-of-the-container"}

    def setUp(self) -> None:
        """Let the container know the key."""
        super().setUp()
        shared(Swift).request(
            "POST", self.container, b"", X_Container_Meta_Temp_URL_Key="a-key-of-the-container"
        )

    def test_U02_every_odd_name(self) -> None:
        """A plain HTTP client gets the bytes of a file of any odd name by its signed URL."""
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind):
                data = self.content()
                name = self.put(f"{number}/{odd}", data)
                with urllib.request.urlopen(self.storage.url(name), timeout=10) as answer:
                    self.assertEqual(answer.read(), data)


class MarkersTest(CloudFilesPlace, ListingContract, StatContract, unittest.TestCase):
    """Objects that stand for directories change nothing that is seen of the files."""

    more: ClassVar[dict[str, Any]] = {"directory_markers": True}
    directory_removed_with_last_file = False
    deletes_files_only = False
    slow = False


class BareTest(CloudFilesPlace, ListingContract, CopyingContract, unittest.TestCase):
    """A Swift without bulk delete, large objects and signed URLs does without."""

    slow = False

    def make_storage(self) -> Any:
        """Return a storage that asks the other proxy."""
        storage = super().make_storage()
        options = {**storage.given, "auth_url": shared(Swift).bare_auth_url}
        return CloudFilesStorage(**options)
