"""A process that has a small disk: run as ``python -m tests.faults.full_disk DISK``.

``DISK`` is a directory, over which the one that starts this has mounted a disk of ``ROOM`` bytes.
Standard input holds, pickled, what is to be done there: a :class:`Staging` or :class:`Keeping`.
Standard output tells in JSON how each of it ended. See test_disk_full.py.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import pickle
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile

from storages.testing.sources import Chunks, Unseekable

#: Bytes and files that the disk has room for.
ROOM, INODES = 1 << 20, 64
#: More than that, text that gzip makes only a little shorter.
LARGE = b64encode(Random(1).randbytes(3 << 20))
OLD = b"old" * 5000
#: What is stored before.
BEFORE = {"full/old.txt": OLD, "full/large.txt": LARGE}
PAGE = 4096

Outcome = list[str]


def outcome(action: Callable[[], object]) -> Outcome:
    """Do it; return ``["done"]``, or the error's class, operation and text."""
    from storages.errors import StorageError

    try:
        action()
    except StorageError as error:
        return [type(error).__name__, error.operation, str(error)]
    except BaseException as error:  # noqa: BLE001 - told to the test
        return [repr(error)]
    return ["done"]


def room(disk: str) -> tuple[int, int]:
    """The bytes and the files that the disk has room for now."""
    found = os.statvfs(disk)
    return found.f_bfree * found.f_frsize, found.f_ffree


@dataclass(frozen=True)
class Staging:
    """Content is staged on the disk on its way into a storage, which is elsewhere."""

    storage: bytes
    scenarios: list[str]
    settings: dict[str, Any] = field(default_factory=dict)

    def run(self, disk: str) -> dict[str, Outcome]:
        """Do what the scenarios say; tell also of room that was not given back."""
        for name, value in self.settings.items():
            setattr(settings, name, value)
        settings.FILE_UPLOAD_TEMP_DIR = disk
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
        storage = pickle.loads(self.storage)
        outcomes = {}
        for name in self.scenarios:
            before = room(disk)
            outcomes[name] = outcome(lambda: getattr(self, name)(storage))  # noqa: B023 - at once
            if room(disk) != before:
                outcomes[name].append("room is still taken")
        storage.close()
        return outcomes

    def save(self, storage: Any) -> None:
        """Save what cannot be read twice."""
        storage.save("full/new.txt", Unseekable(LARGE))

    def save_text(self, storage: Any) -> None:
        """Save text, which is encoded on its way."""
        storage.save("full/new.txt", ContentFile(LARGE.decode()))

    def save_chunks(self, storage: Any) -> None:
        """Save what a generator makes."""
        pieces = [LARGE[start : start + 50_000] for start in range(0, len(LARGE), 50_000)]
        storage.save("full/new.txt", Chunks(*pieces))

    def compress(self, storage: Any) -> None:
        """Save what the storage compresses."""
        storage.save("full/new.txt", ContentFile(LARGE))

    def replace(self, storage: Any) -> None:
        """Write more than there is room for."""
        with storage.open("full/old.txt", "wb") as file:
            file.write(LARGE)

    def create(self, storage: Any) -> None:
        """Write a new file, as text."""
        with storage.open("full/new.txt", "x") as file:
            file.write(LARGE.decode())

    def append(self, storage: Any) -> None:
        """Begin to change a file that is larger than the disk."""
        with storage.open("full/large.txt", "ab") as file:
            file.write(b"x")

    def update(self, storage: Any) -> None:
        """Begin to change a file that is larger than the disk."""
        with storage.open("full/large.txt", "r+b") as file:
            file.write(b"x")

    def copy(self, storage: Any) -> None:
        """Copy a file that is larger than the disk."""
        storage.copy("full/large.txt", "full/copy.txt")

    def read(self, storage: Any) -> None:
        """Read a file that is larger than the disk."""
        with storage.open("full/large.txt") as file:
            if file.read() != LARGE:
                raise AssertionError("other bytes")

    def small(self, storage: Any) -> None:
        """Save and delete what there is room for."""
        storage.delete(storage.save("full/small.txt", Unseekable(LARGE[: ROOM // 2])))


@dataclass(frozen=True)
class Keeping:
    """The files themselves are on the disk, which has less and less room."""

    kind: str

    def run(self, disk: str) -> dict[str, Outcome]:
        """Save with room for nothing, for one page or file, for two ... until it succeeds."""
        module, _, name = self.kind.rpartition(".")
        storage = getattr(importlib.import_module(module), name)(location=disk)
        # Uploads come from elsewhere.
        outcomes = {}
        for what, fill in (("bytes", filled), ("files", crowded)):
            for action in (self.save, self.write, self.move):
                full = 0
                for left in range(100):
                    ended = self.once(storage, disk, left, fill, action)
                    if ended == ["done"]:
                        break
                    if ended[0] != "StorageFull":
                        return {f"{action.__name__}, {left} {what}": ended}
                    full += 1
                outcomes[f"{action.__name__}, {what}"] = [*ended, str(full)]
        return outcomes

    @staticmethod
    def once(
        storage: Any,
        disk: str,
        left: int,
        fill: Callable[[Path, int], Any],
        action: Callable[[Any, bytes], object],
    ) -> Outcome:
        """Do it once; return how it ended, or what is wrong with the files afterwards."""
        with storage.open("kept/old.txt", "wb") as file:
            file.write(OLD)
        with fill(Path(disk, "filler"), left):
            before = contents(disk)
            ended = outcome(lambda: action(storage, LARGE[: 10 * PAGE]))
            after = contents(disk)
        if ended != ["done"] and after != before:
            return ["changed", *ended, *sorted(after)]
        for name in after:
            if name != "filler" and not name.startswith("filler/"):
                Path(disk, name).unlink()
        return ended

    @staticmethod
    def save(storage: Any, data: bytes) -> None:
        """Save into a directory that is made for it."""
        storage.save("new/and/newer/new.txt", ContentFile(data))

    @staticmethod
    def write(storage: Any, data: bytes) -> None:
        """Replace a file."""
        with storage.open("kept/old.txt", "wb") as file:
            file.write(data)

    @staticmethod
    def move(storage: Any, data: bytes) -> None:  # noqa: ARG004 - nothing is written
        """Rename a file into a directory that is made for it."""
        storage.move("kept/old.txt", "moved/old.txt")


def contents(disk: str) -> dict[str, int]:
    """All files on the disk, hidden ones too, with a hash of their contents."""
    return {
        str(path.relative_to(disk)): hash(path.read_bytes())
        for path in Path(disk).rglob("*")
        if path.is_file()
    }


@contextmanager
def filled(filler: Path, left: int) -> Iterator[None]:
    """Leave so many pages of the disk free."""
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(PAGE)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, (file.tell() // PAGE - left)) * PAGE)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def crowded(filler: Path, left: int) -> Iterator[None]:
    """Leave room for so many files."""
    filler.mkdir()
    made = []
    try:
        for number in range(INODES * 2):
            path = filler / str(number)
            path.touch()
            made.append(path)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    for _ in range(min(left, len(made))):
        made.pop().unlink()
    try:
        yield
    finally:
        for path in made:
            path.unlink()
        filler.rmdir()


def main() -> None:
    """Do what is asked for."""
    django.setup()
    task: Staging | Keeping = pickle.load(sys.stdin.buffer)
    sys.stdout.write(json.dumps(task.run(sys.argv[1])))


if __name__ == "__main__":
    # Pickled by its name in this module, not in __main__.
    importlib.import_module("tests.faults.full_disk").main()
