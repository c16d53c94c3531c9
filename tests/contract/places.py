"""Where the storages keep their files in the tests, and what each of them promises.

A class here makes one kind of storage, in an empty place for each test; what is then tested with it
is the contract (tests/contract) or the documented doctest (tests/test_documented_doctest.py).
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import random
import tempfile
import unittest
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from storages.backends.hashpath import HashPathStorage
from storages.backends.image import ImageStorage
from storages.backends.overwrite import OverwriteStorage
from storages.backends.symlinkorcopy import SymlinkOrCopyStorage
from storages.testing import MemoryStorage
from storages.testing.case import ContractCase


def directory(case: unittest.TestCase, *, in_memory: bool = True) -> Path:
    """Make a directory for one test; in memory where the system has that, since it is quicker."""
    memory = "/dev/shm"
    parent = memory if in_memory and os.access(memory, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="storages-contract-", dir=parent)
    case.addCleanup(made.cleanup)
    return Path(made.name)


@cache
def smallest_image() -> bytes:
    """Return a PNG of one pixel."""
    data = io.BytesIO()
    Image.new("1", (1, 1)).save(data, "PNG")
    return data.getvalue()


class Memory(ContractCase):
    """The storage in memory, the oracle."""

    keeps_content_type = True
    max_component = None
    multi_process = False
    bounded_memory = False
    model_examples = 50

    def setUp(self) -> None:
        """Choose a new place."""
        super().setUp()
        self.place = uuid.uuid4().hex
        self.addCleanup(MemoryStorage(place=self.place).clear)

    def legacy_settings(self) -> dict[str, Any]:
        """Make it in the place without a name."""
        return {}

    def make_storage(self) -> Any:
        """Make a storage for the test's place."""
        return MemoryStorage(place=self.place)


class Local(ContractCase):
    """What the local family promises, in a directory of the test's own."""

    real_directories = True
    directory_removed_with_last_file = False
    supports_times = frozenset({"modified", "created", "accessed"})
    moves_in_one_step = False  # a link to the new name, then the old one goes
    has_paths = True
    in_memory = True

    def setUp(self) -> None:
        """Make the directory."""
        super().setUp()
        self.location = str(directory(self, in_memory=self.in_memory) / "media")

    def legacy_settings(self) -> dict[str, Any]:
        """MEDIA_ROOT names the directory where no argument does."""
        return {"MEDIA_ROOT": self.location}

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object]:
        """MEDIA_URL reaches storages that were made before."""
        return {"MEDIA_URL": "/elsewhere/"}, lambda s: s.url("x"), "/elsewhere/x"

    @contextmanager
    def failing(self, storage: Any, failure: BaseException) -> Iterator[None]:
        """Make the disk fail."""
        with (
            mock.patch.object(Path, "stat", side_effect=failure),
            mock.patch.object(Path, "lstat", side_effect=failure),
        ):
            yield

    def make_storage_with_base_url(self, base_url: str | None) -> Any:
        """Make one without URLs by MEDIA_URL: None as an argument means that it is not given."""
        if base_url is not None:
            return self.clone(base_url=base_url)
        without = type("WithoutURL", (type(self.storage),), {"base_url": None})
        _, args, kwargs = self.storage.deconstruct()
        return without(*args, **kwargs)


class Overwrite(Local):
    """Saving a name again replaces the file."""

    same_name = "overwrite"
    in_memory = False  # one of them on the disk

    def make_storage(self) -> Any:
        """Make a storage for the test's directory."""
        return OverwriteStorage(location=self.location)


class SymlinkOrCopy(Local):
    """Nothing that the contract saves lies where links may lead, so everything is copied."""

    def make_storage(self) -> Any:
        """Make a storage for the test's directory, which links to files of another one."""
        within = str(Path(self.location).with_name("originals"))
        return SymlinkOrCopyStorage(location=self.location, symlink_within=within)


class HashPath(Local):
    """Names follow the content."""

    same_name = "content-addressed"
    keeps_names = False

    def make_storage(self) -> Any:
        """Make a storage for the test's directory."""
        return HashPathStorage(location=self.location)

    def expected_name(self, name: str, content: bytes) -> str:
        """Name it after the SHA-1 of its content, below the directory that was asked for."""
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return posixpath.join(posixpath.dirname(name), digest[0], digest[1], digest)


class Images(Local):
    """Only images are kept, and their names end as their content says."""

    accepts_any_content = False
    static_suffix = ".png"

    minimum_size = 70

    def make_storage(self) -> Any:
        """Make a storage for the test's directory."""
        return ImageStorage(location=self.location)

    def make_content(self, seed: int, size: int) -> bytes:
        """Make an image with something behind its end, which Pillow does not look at."""
        header = smallest_image()
        return header + random.Random(seed).randbytes(size - len(header))

    def expected_name(self, name: str, content: bytes) -> str:
        """Replace the last suffix by that of a PNG."""
        directory, base = posixpath.split(name)
        return posixpath.join(directory, posixpath.splitext(base)[0] + ".png")
