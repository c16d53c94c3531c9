"""The whole contract on SecantusDB."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any, ClassVar

from django.test import override_settings

from storages.backends.gridfs import GridFSStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from tests.servers import shared
from tests.servers.secantus import SecantusAuth


class GridFSPlace(ContractCase):
    """What the contract is to know of GridFS."""

    more: ClassVar[dict[str, Any]] = {}

    max_component = None
    nests_in_files = True
    keeps_content_type = True
    integrity = "sha256"
    client_library = "pymongo"
    extra = "gridfs"
    part_size = 255 * 1024
    memory_size = 48 * 1024 * 1024
    model_examples = 8
    secrets = tuple(SecantusAuth.passwords.values())

    def setUp(self) -> None:
        """Choose a database; the connection string comes from the settings."""
        super().setUp()
        server = shared(SecantusAuth)
        self.database = server.new_database()
        self.addCleanup(server.drop, self.database)
        settings = override_settings(GRIDFS_URI=server.uri_of("writer"))
        settings.enable()
        self.addCleanup(settings.disable)

    def make_storage(self) -> Any:
        """Return a storage for that database."""
        return GridFSStorage(database_name=self.database, base_url="/files/", **self.more)

    def legacy_settings(self) -> dict[str, Any]:
        """The settings that name the database where no argument does."""
        return {"GRIDFS_DATABASE_NAME": self.database}

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """How long to wait is read at each access."""
        return {"GRIDFS_TIMEOUT": 7}, lambda storage: storage.timeout, 7


class GridFSContract(GridFSPlace, StorageContract, unittest.TestCase):
    """All of it."""
