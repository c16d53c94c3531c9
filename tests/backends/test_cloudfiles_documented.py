"""The documented doctest (T1-T22 of the manual) on Cloud Files."""

from __future__ import annotations

import unittest
from typing import Any

from django.test import override_settings

from storages.backends.mosso import ThreadSafeCloudFilesStorage
from tests.contract import test_cloudfiles
from tests.documented import DocumentedDoctest
from tests.servers import shared
from tests.servers.swift import Swift


class OnSwift(DocumentedDoctest, test_cloudfiles.CloudFilesPlace):
    """With the server in the settings: the storage is also made without arguments."""

    def setUp(self) -> None:
        """Make a container, and say so in the settings."""
        super().setUp()
        server = override_settings(**self.legacy_settings())
        server.enable()
        self.addCleanup(server.disable)

    def legacy_settings(self) -> dict[str, Any]:
        """Return the settings of 1.1.4."""
        return {
            "CLOUDFILES_USERNAME": Swift.user_name,
            "CLOUDFILES_API_KEY": Swift.key,
            "CLOUDFILES_CONTAINER": self.container,
            "CLOUDFILES_CONNECTION_KWARGS": {"authurl": shared(Swift).auth_url},
        }


class CloudFilesTest(OnSwift, unittest.TestCase):
    """The class of every project."""


class ThreadSafeTest(OnSwift, unittest.TestCase):
    """The other class, by its old path."""

    def make_storage(self) -> Any:
        """Return a storage for that container."""
        return ThreadSafeCloudFilesStorage(**super().make_storage().given)
