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
from storages.testing.names import ODD_NAMES
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, Rclone, S3Server


class S3Contract(StorageContract):
    """What holds for every S3 server."""

    server: ClassVar[type[S3Server]]
    more: ClassVar[dict[str, Any]] = {}

    max_component = None  # only the whole name is limited
    max_name = 1024
    nests_in_files = True
    deletes_files_only = True
    lists_missing_as_empty = True
    # It always has URLs, and of its own kind: tests/backends/test_s3_urls.py.
    has_urls = False
    keeps_content_type = True
    client_library = "boto3"
    extra = "s3"
    secrets = (S3Server.access_key, S3Server.secret_key)
    part_size = 8 * 1024 * 1024

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
        return S3Storage(**{n: v for n, v in options.items() if v not in S3Contract.secrets})

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
    """moto: every condition is honoured."""

    server = Moto


class RadosGWTest(S3Contract, unittest.TestCase):
    """Ceph: the condition holds for one PUT, not for parts."""

    server = RadosGW


class OverwritingTest(S3Contract, unittest.TestCase):
    """The same name saved twice is one file, where that is configured."""

    server = Moto
    same_name = "overwrite"
    more: ClassVar[dict[str, Any]] = {"file_overwrite": True}
    slow = False


class LocatedTest(S3Contract, unittest.TestCase):
    """Below a location everything is the same."""

    server = Moto
    max_name = 1024 - len("a/place/")
    more: ClassVar[dict[str, Any]] = {"location": "a/place/"}
    slow = False

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """Another setting than that of the location, which is given here."""
        return {"AWS_S3_FILE_OVERWRITE": True}, lambda storage: storage.overwrites, True


class RcloneTest(S3Contract, unittest.TestCase):
    """rclone replaces whatever it is told: the name is asked for first, in turns.

    It keeps objects as files on a disk, which cannot have a file and a directory of one name; for
    what is impossible there it answers 500, and not why.
    """

    server = Rclone
    nests_in_files = False
    keeps_unicode_form = False
    slow = False

    def setUp(self) -> None:
        """Leave out what ends in such a 500."""
        super().setUp()
        unanswered = ("N09", "N11", "Y08", "Z12_deleting_directories")
        if any(f"test_{case}" in self.id() for case in unanswered):
            self.not_applicable("rclone answers 500 and does not tell why")
