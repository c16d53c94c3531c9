"""The documented doctest (T1-T22 of the manual) on S3, on two servers of different make."""

from __future__ import annotations

import unittest
from typing import Any

from django.test import override_settings

from storages.backends.s3boto import S3BotoStorage
from tests.contract import test_s3
from tests.documented import DocumentedDoctest
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto


class OnS3(DocumentedDoctest, test_s3.S3Place):
    """With the server in the settings: the storage is also made without arguments."""

    def setUp(self) -> None:
        """Make a bucket, and say so in the settings."""
        super().setUp()
        server = override_settings(**self.legacy_settings())
        server.enable()
        self.addCleanup(server.disable)

    def legacy_settings(self) -> dict[str, Any]:
        """Return the settings of that server and bucket."""
        return shared(self.server).settings(bucket_name=self.bucket, **self.more)

    def test_T19_connection(self) -> None:  # noqa: N802 - named as the others are
        """``connection`` is there: a boto3 resource on the client that the storage uses."""
        assert self.storage.connection.meta.client is self.storage.client


class MotoTest(OnS3, unittest.TestCase):
    """moto's server."""

    server = Moto


class RadosGWTest(OnS3, unittest.TestCase):
    """Ceph's radosgw."""

    server = RadosGW


class S3BotoTest(OnS3, unittest.TestCase):
    """The class that replaces files of the same name."""

    server = RadosGW
    same_name = "overwrite"

    def make_storage(self) -> Any:
        """Return a storage for that bucket."""
        given = super().make_storage().given
        return S3BotoStorage(**given)
