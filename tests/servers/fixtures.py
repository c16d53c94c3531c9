"""pytest fixtures: the shared servers, started by the first test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.mariadb import MariaDB
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import shared, stop_shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, Rclone


@pytest.fixture(scope="session", autouse=True)
def _servers_stop() -> Iterator[None]:
    """Stop every shared server when the run ends."""
    yield
    stop_shared()


@pytest.fixture
def postgresql() -> PostgreSQL:
    """The run's PostgreSQL."""
    return shared(PostgreSQL)


@pytest.fixture
def mariadb() -> MariaDB:
    """The run's MariaDB."""
    return shared(MariaDB)


@pytest.fixture
def moto() -> Moto:
    """The run's moto."""
    return shared(Moto)


@pytest.fixture
def radosgw() -> RadosGW:
    """The run's radosgw."""
    return shared(RadosGW)


@pytest.fixture
def rclone() -> Rclone:
    """The run's ``rclone serve s3``."""
    return shared(Rclone)
