"""The stress on SecantusDB."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

from storages.testing.stress import StressContract
from tests.contract.test_gridfs import GridFSPlace
from tests.servers import shared
from tests.servers.secantus import SecantusAuth
from tests.stress import Networked


class GridFSStress(Networked, GridFSPlace, StressContract, unittest.TestCase):
    """All of it."""

    secrets = (SecantusAuth.passwords["writer"],)

    def wrong_options(self) -> Mapping[str, Any]:
        """A wrong password."""
        return {"uri": shared(SecantusAuth).uri_of("writer", self.wrong)}
