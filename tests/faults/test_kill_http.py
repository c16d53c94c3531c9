"""Killed savers on object stores: what a server has not got whole, it does not keep."""

from __future__ import annotations

import unittest
from typing import ClassVar

from tests.contract.test_cloudfiles import CloudFilesPlace
from tests.contract.test_couchdb import CouchDBPlace
from tests.contract.test_s3 import S3Place
from tests.faults.kills import KilledSavers
from tests.servers.s3 import Moto


class S3Kills(S3Place, KilledSavers, unittest.TestCase):
    """moto."""

    server = Moto
    needed_settings: ClassVar[tuple[str, ...]] = (
        "AWS_S3_ACCESS_KEY_ID",
        "AWS_S3_SECRET_ACCESS_KEY",
    )


class CloudFilesKills(CloudFilesPlace, KilledSavers, unittest.TestCase):
    """Swift."""

    needed_settings: ClassVar[tuple[str, ...]] = ("CLOUDFILES_API_KEY",)


class CouchDBKills(CouchDBPlace, KilledSavers, unittest.TestCase):
    """pouchdb-server."""
