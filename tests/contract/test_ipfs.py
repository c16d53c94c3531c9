"""The whole contract on js-ipfs, a node without a network."""

# ruff: noqa: N802, N815, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import unittest
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from tests.servers import shared
from tests.servers.http import Reply, ScriptedServer
from tests.servers.js_ipfs import JsIPFS


class IPFSPlace(ContractCase):
    """What the contract is to know of IPFS."""

    same_name = "content-addressed"
    keeps_names = False
    opens_for_writing = False
    lists = False
    copies = False
    forgets_deleted = False
    missing = (FileNotFoundError, TimeoutError)
    deletes_files_only = True
    nests_in_files = True
    max_component = None
    read_timeout = 10.0
    supports_times = frozenset()
    has_urls = False
    client_library = "requests"
    extra = "ipfs"
    part_size = 256 * 1024
    memory_size = 24 * 1024 * 1024

    def setUp(self) -> None:
        """Forget what other tests have pinned."""
        super().setUp()
        self.server = shared(JsIPFS)
        for cid in self.server.pins():
            self.server.ask("pin/rm", arg=cid)

    def make_storage(self) -> Any:
        """Return a storage that uses the node."""
        return InterPlanetaryFileSystemStorage(
            self.server.url, self.server.gateway, read_timeout=self.read_timeout
        )

    def legacy_settings(self) -> dict[str, Any]:
        """The address of the node."""
        return {"IPFS_STORAGE_API_URL": self.server.url}

    def all_names(self, storage: Any = None) -> set[str]:
        """Return what the node has pinned."""
        return self.server.pins()

    def expected_name(self, name: str, content: bytes) -> str:
        """Return the name that the node gives the content."""
        return self.server.add(content, **{"only-hash": "true"})

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object]:
        """How long to wait for the connection is read at each access."""
        return {"IPFS_STORAGE_CONNECT_TIMEOUT": 7}, lambda storage: storage.connect_timeout, 7

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """The node refuses, as Kubo does without the right token."""
        with (
            ScriptedServer(handler=lambda _: Reply(403, body=b"403 - Forbidden")) as server,
            mock.patch.dict(vars(storage), api_url=f"{server.url}/api/v0"),
        ):
            yield

    @contextmanager
    def failing(self, storage: Any, failure: BaseException) -> Iterator[None]:
        """Let every command fail."""
        with (
            mock.patch.object(storage, "_command", side_effect=failure),
            mock.patch("storages.hooks.sleep"),
        ):
            yield


class IPFSContract(IPFSPlace, StorageContract, unittest.TestCase):
    """All of it."""

    def test_C02_forced_race(self) -> None:
        """No name is chosen, so nobody can be told that it is free."""
        self.not_applicable("a name follows from the content alone")

    test_C03_forced_race_of_temporary_uploads = test_C02_forced_race

    def test_N05_unicode_forms(self) -> None:
        """Every name is ASCII."""
        one, two = self.put("\u00e9", b"1"), self.put("e\u0301", b"2")
        self.assertTrue(one.isascii() and two.isascii())
        self.assertFiles({one: b"1", two: b"2"})

    def test_P05_client_library_missing(self) -> None:
        """Without its client library the storage names the extra that installs it."""
        # The contract asks for "x", which is no CID and costs no request.
        exists = InterPlanetaryFileSystemStorage.exists
        with mock.patch.object(
            InterPlanetaryFileSystemStorage, "exists", lambda storage, _: exists(storage, "")
        ):
            super().test_P05_client_library_missing()

    def test_S12_not_visible_until_complete(self) -> None:
        """While a file is being saved nobody finds it; opening it waits for it, not for long."""
        self.read_timeout = 2.0
        super().test_S12_not_visible_until_complete()

    def test_U01_no_base_url(self) -> None:
        """Every file has a URL: nothing needs to be configured for it."""
        name = self.put("d/u.txt")
        self.assertEqual(self.storage.url(name), f"{self.server.gateway}/ipfs/{name}")

    def test_U02_every_odd_name(self) -> None:
        """A plain HTTP client gets the bytes of a file from the gateway by its URL."""
        data = self.content()
        with urllib.request.urlopen(self.storage.url(self.put("u", data)), timeout=30) as answer:
            self.assertEqual(answer.read(), data)
