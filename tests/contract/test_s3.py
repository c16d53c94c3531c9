"""The whole contract on two S3 servers of different make, and on one that lacks a feature."""

# ruff: noqa: N802, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import inspect
import unittest
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest import mock

from botocore import awsrequest
from django.core.exceptions import SuspiciousFileOperation
from django.test import override_settings

from storages.backends.s3 import S3Storage
from storages.backends.s3 import client as clients
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.concurrency import ConcurrencyContract
from storages.testing.copying import CopyingContract
from storages.testing.listing import ListingContract
from storages.testing.names import ODD_NAMES, NamesContract
from storages.testing.reading import ReadingContract
from storages.testing.saving import SavingContract
from storages.testing.stat import StatContract
from storages.testing.writing import WritingContract
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, Rclone, S3Server


class S3Place(ContractCase):
    """What the contract is to know of every S3 server."""

    server: ClassVar[type[S3Server]]
    more: ClassVar[dict[str, Any]] = {}

    max_component = None  # only the whole name is limited
    max_name = 1024
    nests_in_files = True
    deletes_files_only = True
    lists_missing_as_empty = True
    moves_in_one_step = False
    # It always has URLs, and of its own kind: tests/backends/test_s3_urls.py.
    has_urls = False
    keeps_content_type = True
    client_library = "boto3"
    extra = "s3"
    secrets = (S3Server.access_key, S3Server.secret_key)
    part_size = 8 * 1024 * 1024
    model_examples = 8

    def setUp(self) -> None:
        """Make a bucket."""
        super().setUp()
        self.bucket = shared(self.server).new_bucket()
        # Not in the constructor: a migration could not make the storage again without them.
        secrets = override_settings(
            AWS_S3_ACCESS_KEY_ID=S3Server.access_key, AWS_S3_SECRET_ACCESS_KEY=S3Server.secret_key
        )
        secrets.enable()
        self.addCleanup(secrets.disable)

    def make_storage(self) -> Any:
        """Return a storage for that bucket."""
        options = shared(self.server).options(bucket_name=self.bucket, **self.more)
        return S3Storage(**{n: v for n, v in options.items() if v not in self.secrets})

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """The location is read at each access."""
        return {"AWS_LOCATION": "below"}, lambda storage: storage._key("a"), "below/a"

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """The server refuses both ways of deleting."""

        def refuse(request: Any, **_: Any) -> Any:
            raw = mock.Mock(stream=lambda **_: [b"<Error><Code>AccessDenied</Code></Error>"])
            return awsrequest.AWSResponse(request.url, 403, {}, raw)

        events = storage.client.meta.events
        deletions = ("before-send.s3.DeleteObject", "before-send.s3.DeleteObjects")
        for event in deletions:
            events.register(event, refuse)
        try:
            yield
        finally:
            for event in deletions:
                events.unregister(event, refuse)


class S3Contract(S3Place, StorageContract):
    """All of it."""

    def call(self, method: str, signature: inspect.Signature, evil: str, spot: str) -> Any:
        """Call a method for X01, except the one that is there to be overridden."""
        if method == "get_object_parameters":  # the storage calls it, with a key
            raise SuspiciousFileOperation
        return super().call(method, signature, evil, spot)

    def test_P05_client_library_missing(self) -> None:
        """Without boto3 the first use names the extra that installs it."""
        clients.forget(self.storage)  # one that is there already needs no library
        super().test_P05_client_library_missing()

    def test_U01_no_base_url(self) -> None:
        """Every file has a URL: nothing needs to be configured for it."""
        name = self.put("d/u.txt")
        self.assertIn(f"/{self.bucket}/d/u.txt?", self.storage.url(name))

    def test_U02_every_odd_name(self) -> None:
        """A plain HTTP client gets the bytes of a file of any odd name by its signed URL."""
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind):
                data = self.content()
                name = self.put(f"{number}/{odd}", data)
                with urllib.request.urlopen(self.storage.url(name), timeout=10) as answer:
                    self.assertEqual(answer.read(), data)


class MotoTest(S3Contract, unittest.TestCase):
    """moto: every condition is honoured, but not on copies."""

    server = Moto


class RadosGWTest(S3Contract, unittest.TestCase):
    """Ceph: the condition holds for one PUT, not for parts and copies."""

    server = RadosGW


class OverwritingTest(
    S3Place, SavingContract, WritingContract, ConcurrencyContract, unittest.TestCase
):
    """The same name saved twice is one file, where that is configured."""

    server = Moto
    same_name = "overwrite"
    more: ClassVar[dict[str, Any]] = {"file_overwrite": True}
    slow = False


class LocatedTest(
    S3Place, NamesContract, StatContract, ListingContract, CopyingContract, unittest.TestCase
):
    """Below a location everything is the same."""

    server = Moto
    max_name = 1024 - len("a/place/")
    more: ClassVar[dict[str, Any]] = {"location": "a/place/"}
    slow = False


class PreloadedTest(
    S3Place, SavingContract, StatContract, WritingContract, CopyingContract, unittest.TestCase
):
    """What one listing told, and what was written since, is the truth."""

    server = Moto
    keeps_content_type = False  # no listing tells it
    more: ClassVar[dict[str, Any]] = {"preload_metadata": True}
    slow = False


class RcloneTest(
    S3Place,
    SavingContract,
    ReadingContract,
    WritingContract,
    ConcurrencyContract,
    CopyingContract,
    unittest.TestCase,
):
    """rclone replaces whatever it is told: the name is asked for first, in turns.

    It keeps objects as files on a disk, which cannot have a file and a directory of one name; for
    what is impossible there it answers 500, and not why.
    """

    server = Rclone
    nests_in_files = False
    keeps_unicode_form = False
    slow = False

    def setUp(self) -> None:
        """Leave out what ends in such a 500, and what no server without conditions can do."""
        super().setUp()
        if any(f"test_{case}" in self.id() for case in ("R16", "Y08")):
            self.not_applicable("rclone answers 500 and does not tell why")
        if "test_C06" in self.id():
            self.not_applicable("rclone puts its error into the body of a file that is replaced")
        if "test_C04" in self.id():
            self.not_applicable("between processes, only a condition that the server checks helps")
