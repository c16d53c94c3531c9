"""The whole contract on Tahoe-LAFS: one node, which is gateway and storage server."""

# ruff: noqa: N802, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import unittest
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.test import override_settings

from storages.backends.tahoe import TahoeStorage
from storages.backends.tahoe.requests import LONGEST
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.names import ODD_NAMES
from tests.servers import shared
from tests.servers.tahoe import Tahoe


class TahoePlace(ContractCase):
    """What the contract is to know of a gateway; a directory for each test."""

    real_directories = True
    directory_removed_with_last_file = False
    moves_in_one_step = False
    keeps_unicode_form = False  # the gateway stores NFC
    max_component = None  # only the URL is limited: test_longest_name
    # It always has URLs, and of its own kind, which one request tells.
    has_urls = False
    client_library = "requests"
    extra = "tahoe"
    # Each operation takes the gateway 10 to 60 ms, most of it computing; there are no pages.
    model_examples = 5
    page_size = 20
    tree_depth = 15
    fuzz_examples = 100 if ContractCase.full else 3

    def setUp(self) -> None:
        """Make a directory."""
        super().setUp()
        self.server = shared(Tahoe)
        self.cap = self.server.new_directory()
        # Not in the constructor: a migration could not make the storage again without it.
        settings = override_settings(
            TAHOE_STORAGE_BASE_URL=self.server.url, TAHOE_STORAGE_BASE_CAP=self.cap
        )
        settings.enable()
        self.addCleanup(settings.disable)

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override] # each test has its own
        """The capability."""
        return (self.cap,)

    def make_storage(self) -> Any:
        """Return a storage for that directory."""
        return TahoeStorage()

    def legacy_settings(self) -> dict[str, Any]:
        """Return the settings, in which the directory is already."""
        return {}

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object]:
        """The address is read at each access."""
        settings = {"TAHOE_PUBLIC_BASE_URL": "http://h.example/"}
        return settings, lambda storage: storage.base_url, "http://h.example/"

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """Use the read-only capability of the same directory."""
        read_only = self.server.describe(self.cap)[1]["ro_uri"]
        with mock.patch.dict(vars(storage), tahoe_base_cap=read_only):
            yield


class TahoeTest(TahoePlace, StorageContract, unittest.TestCase):
    """All of it."""

    def test_U01_no_base_url(self) -> None:
        """Every file has a URL: nothing needs to be configured for it."""
        name = self.put("d/u.txt")
        self.assertTrue(self.storage.url(name).startswith(f"{self.server.url}file/URI%3A"))

    def test_U02_every_odd_name(self) -> None:
        """A plain HTTP client gets the bytes of a file of any odd name by its URL."""
        named = self.clone(url_style="named")
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind):
                data = self.content()
                name = self.put(f"{number}{odd}", data)
                for storage in (self.storage, named):
                    with urllib.request.urlopen(storage.url(name), timeout=30) as answer:
                        self.assertEqual(answer.read(), data)

    def test_B04_many_small_files(self) -> None:
        """Some small files leave no file descriptor open; 300 of them would take 15 seconds."""
        with mock.patch.object(type(self), "slow", new=False):
            super().test_B04_many_small_files()

    def test_longest_name(self) -> None:
        """A name as long as a URL may hold it works; one byte more is refused, nothing is left."""
        data = self.content()
        longest = "x" * (LONGEST - len("d/"))
        name = self.put(f"d/{longest}", data)
        for longer in (f"d/{longest}x", "ä" * (LONGEST // 6 + 1)):
            with self.assertOurs():
                self.put(longer)
        self.assertFiles({name: data})
