"""The whole contract on a MogileFS cluster: in a class without a hash, and in one with MD5."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from storages.backends.mogilefs import MogileFSStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from tests.servers import shared
from tests.servers.mogile import MogileFS


class MogileFSPlace(ContractCase):
    """What the contract is to know of MogileFS."""

    more: ClassVar[dict[str, Any]] = {}

    max_component = None
    nests_in_files = True
    deletes_files_only = True
    supports_times = frozenset()
    client_library = "requests"
    extra = "mogilefs"
    part_size = 256 * 1024

    def setUp(self) -> None:
        """Make a domain."""
        super().setUp()
        self.cluster = shared(MogileFS)
        self.domain = self.cluster.new_domain()

    def make_storage(self) -> Any:
        """Return a storage for that domain."""
        return MogileFSStorage(
            domain=self.domain,
            trackers=self.cluster.addresses,
            base_url="/mogilefs/",
            **self.more,
        )

    def make_storage_with_base_url(self, base_url: str | None) -> Any:
        """As an argument, None says nothing."""
        if base_url is not None:
            return self.clone(base_url=base_url)
        given = {n: v for n, v in self.storage.given.items() if n != "base_url"}
        made = type("WithoutURL", (MogileFSStorage,), {"base_url": None})(**given)
        self.addCleanup(made.close)
        return made

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """How long to wait is read at each access."""
        return {"MOGILEFS_TRACKER_TIMEOUT": 7}, lambda storage: storage.tracker_timeout, 7

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """A plugin of the trackers does not allow it."""
        self.cluster.fault_both("error", "plugin_aborted", "delete", 9)
        try:
            yield
        finally:
            fired = self.cluster.all_fired()
            self.cluster.clear()
        assert "error delete" in fired


class MogileFSContract(MogileFSPlace, StorageContract, unittest.TestCase):
    """All of it, in the domain's default class."""


class HashedContract(MogileFSPlace, StorageContract, unittest.TestCase):
    """In a class of two copies, the MD5 of which the trackers keep."""

    more: ClassVar[dict[str, Any]] = {"mogile_class": "hashed-two"}
    integrity = "md5"
    slow = False
    model_examples = 5
