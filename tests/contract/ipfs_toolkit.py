"""The contract on js-ipfs through ``ipfs-toolkit``: a program for the environment that has it.

tests/backends/test_ipfs_toolkit.py runs it, with what tests/conftest.py has prepared. Its
arguments are those of unittest.
"""

# ruff: noqa: E402, N802, PT027 - Django has to be started first; cases of the contract

from __future__ import annotations

import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import django

django.setup()

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.backends.ipfs.toolkit import Toolkit
from storages.errors import OptionError
from tests.contract import test_ipfs  # its class would be run here, too
from tests.servers import shared
from tests.servers.http import Reply, ScriptedServer
from tests.servers.js_ipfs import JsIPFS
from tests.servers.process import HOST

#: How settings name it.
CLIENT = "tests.contract.ipfs_toolkit.client"


def client_at(port: int) -> Any:
    """Return a client of the library."""
    from ipfshttpclient2 import Client

    return Client(f"/ip4/{HOST}/tcp/{port}")


def client() -> Any:
    """Return a client that speaks with the tests' node."""
    return client_at(shared(JsIPFS).port)


class ToolkitContract(test_ipfs.IPFSContract):
    """All of it, with the library's client between the storage and the node."""

    def make_storage(self) -> Any:
        """Return a storage that uses the node by a client of the library."""
        return InterPlanetaryFileSystemStorage(
            gateway_url=self.server.gateway, client=CLIENT, read_timeout=self.read_timeout
        )

    def legacy_settings(self) -> dict[str, Any]:
        """The client."""
        return {"IPFS_STORAGE_CLIENT": CLIENT}

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """The node refuses, as Kubo does without the right token."""
        with (
            ScriptedServer(handler=lambda _: Reply(403, body=b"403 - Forbidden")) as server,
            mock.patch.dict(vars(storage), client=client_at(server.port)),
        ):
            yield

    @contextmanager
    def failing(self, storage: Any, failure: BaseException) -> Iterator[None]:
        """Let every command fail."""
        with (
            mock.patch.object(Toolkit, "_ask", side_effect=failure),
            mock.patch("storages.hooks.sleep"),
        ):
            yield

    def test_P05_client_library_missing(self) -> None:
        """A client that cannot be made says which extra installs the library."""
        storage = InterPlanetaryFileSystemStorage(client="no_such_library.client")
        with self.assertRaisesRegex(OptionError, r"django-storages\[ipfs-toolkit\]"):
            storage.exists("")


if __name__ == "__main__":
    unittest.main(verbosity=2)
