"""A server that says what a test wants, and a storage that asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.plain import PlainStorage
from tests.servers.http import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that does as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def storage() -> Iterator[PlainStorage]:
    """A storage whose connections are closed afterwards."""
    with PlainStorage() as made:
        yield made
