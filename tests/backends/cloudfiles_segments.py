"""Storages of large objects on Swift, whose segments have a mebibyte: fixtures and helpers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage
from tests.backends.cloudfiles import Make, MiB, Wire, making
from tests.servers.swift import Swift

DATA = os.urandom(2 * MiB + 500_000)  # three segments
OTHER = os.urandom(MiB + 1)  # two


@pytest.fixture
def make(container: str, wire: Wire) -> Iterator[Make]:
    """Makes storages of the new container, behind the proxy."""
    with making(container, segment_size=MiB, auth_url=wire.auth_url) as make:
        yield make


@pytest.fixture
def storage(make: Make) -> CloudFilesStorage:
    """A storage whose segments have a mebibyte."""
    return make()


@pytest.fixture
def segments(server: Swift, container: str) -> Callable[[], list[str]]:
    """Lists the segments that are there."""

    def segments() -> list[str]:
        status, _, body = server.request("GET", f"{container}_segments?format=json")
        return [each["name"] for each in json.loads(body)] if status == 200 else []

    return segments


Segments = Callable[[], list[str]]


def save(storage: CloudFilesStorage, name: str, data: bytes) -> str:
    """Save ``data``."""
    return storage.save(name, ContentFile(data))
