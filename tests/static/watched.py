"""A store in memory that notes who writes and fails where it is told to; projects on it and in S3.

The fixtures are not in a conftest.py because other modules here have a ``project`` of their own. A
module takes those it wants: ``project = watched.project``.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storages.errors import Unavailable
from tests.static.classes import ManifestMemory
from tests.static.places import PLACES
from tests.static.project import Place, Project


class Watched(ManifestMemory):
    """It notes how many write at a time, and fails where it is told to."""

    broken: tuple[str, ...] = ()
    lock = threading.Lock()
    writing = 0
    most = 0

    def _write(self, key: str, source: Any, *, overwrite: bool) -> None:
        with self.lock:
            Watched.writing += 1
            Watched.most = max(Watched.most, Watched.writing)
        time.sleep(0.005)
        try:
            if key in self.broken:
                raise Unavailable("It broke.")
            super()._write(key, source, overwrite=overwrite)
        finally:
            with self.lock:
                Watched.writing -= 1


def in_memory() -> Place:
    """A new, empty place for files with such a store."""
    classes = "tests.static.classes.StaticMemory", "tests.static.watched.Watched"
    return Place(*classes, {"place": uuid.uuid4().hex, "workers": 3})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose static files are kept in memory."""
    Watched.most = 0
    place = in_memory()
    yield Project(tmp_path, place)
    place.storage().clear()


@pytest.fixture
def in_s3(tmp_path: Path) -> Iterator[Project]:
    """A project whose static files go to a bucket."""
    with PLACES["moto"]() as place:
        yield Project(tmp_path, place)
