"""The whole contract on pouchdb-server."""

# ruff: noqa: N802, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import unittest
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest import mock

from storages.backends.couchdb import CouchDBStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.names import ODD_NAMES
from tests.servers import shared
from tests.servers.http import Reply, ScriptedServer
from tests.servers.pouchdb import PouchDB


class CouchDBPlace(ContractCase):
    """What the contract is to know of CouchDB."""

    more: ClassVar[dict[str, Any]] = {}

    max_component = None
    nests_in_files = True
    deletes_files_only = True
    moves_in_one_step = False
    # It always has URLs, and of its own kind.
    has_urls = False
    keeps_content_type = True
    integrity = "md5"
    client_library = "requests"
    extra = "couchdb"
    part_size = 256 * 1024
    page_size = 2000
    model_examples = 8
    memory_size = 24 * 1024 * 1024  # PouchDB takes four times as long for twice as much

    def setUp(self) -> None:
        """Make a database."""
        super().setUp()
        self.database = shared(PouchDB).new_database()

    def make_storage(self) -> Any:
        """Return a storage for that database."""
        return CouchDBStorage(server=shared(PouchDB).url, database=self.database, **self.more)

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """How long to wait is read at each access."""
        return {"COUCHDB_STORAGE_READ_TIMEOUT": 7}, lambda storage: storage.read_timeout, 7

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """The server refuses to delete."""
        ask = storage._ask
        with ScriptedServer(handler=lambda _: Reply(403, body=b'{"reason": "no"}')) as server:

            def refused(method: str, url: str, **more: Any) -> Any:
                return ask(method, server.url if method in {"DELETE", "POST"} else url, **more)

            with mock.patch.object(storage, "_ask", refused):
                yield


class CouchDBContract(CouchDBPlace, StorageContract, unittest.TestCase):
    """All of it."""

    def test_U01_no_base_url(self) -> None:
        """Every file has a URL: nothing needs to be configured for it."""
        name = self.put("d/u.txt")
        place = f"{shared(PouchDB).url}/{self.database}"
        self.assertEqual(self.storage.url(name), f"{place}/d%2Fu.txt/content")

    def test_U02_every_odd_name(self) -> None:
        """A plain HTTP client gets the bytes of a file of any odd name by its URL."""
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind):
                data = self.content()
                name = self.put(f"{number}/{odd}", data)
                with urllib.request.urlopen(self.storage.url(name), timeout=10) as answer:
                    self.assertEqual(answer.read(), data)
