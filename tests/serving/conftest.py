"""The site's two servers; a test that takes ``server`` runs on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.web import WebServer
from tests.serving.project import KINDS, Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The project, with nothing stored yet."""
    with Site(tmp_path_factory.mktemp("serving")) as site:
        yield site


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, site: Site) -> WebServer:
    """Each server in turn; what a test armed at the store is gone before the next."""
    site.s3.clear()
    return site.server(request.param)
