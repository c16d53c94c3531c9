"""The stress on moto."""

from __future__ import annotations

import unittest

from storages.testing.stress import StressContract
from tests.contract.test_s3 import S3Place
from tests.servers.s3 import Moto
from tests.stress import Networked


class S3Stress(Networked, S3Place, StressContract, unittest.TestCase):
    """All of it."""

    server = Moto
    shown_in_urls = (Moto.access_key,)
    # Each request at DEBUG, with the id of the key (and the token of temporary keys).
    talkative = frozenset({"botocore"})
