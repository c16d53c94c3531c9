"""What a process that uses the S3 storage grows by; run by test_s3_memory.py, prints MiB."""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.files.base import ContentFile

MiB = 1024 * 1024


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def growth(work: Callable[[], object]) -> float:
    """What ``work`` adds to that."""
    gc.collect()
    before = peak()
    work()
    return peak() - before


def small(storage: Any) -> None:
    """Do a bit of everything."""
    for _ in range(5):
        name = storage.save("small.bin", ContentFile(b"x" * 1000))
        with storage.open(name) as file:
            file.read()
        storage.exists(name)


def up(storage: Any, size: int) -> None:
    """Save a file."""
    with tempfile.TemporaryFile() as source:
        source.truncate(size)
        storage.save("large.bin", source)


def written(storage: Any, size: int) -> None:
    """Write a file."""
    with storage.open("large.bin", "wb") as file:
        for _ in range(size // MiB):
            file.write(bytes(MiB))


def down(storage: Any, size: int) -> None:
    """Read it."""
    with storage.open("large.bin") as file:
        length = sum(len(chunk) for chunk in file.chunks())
    if length != size:
        raise AssertionError(length)


def threads(storage: Any, size: int) -> None:
    """Let 32 threads use the storage."""
    running = [threading.Thread(target=small, args=(storage,)) for _ in range(32)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def main() -> None:
    """Do one kind of work."""
    settings.configure()
    django.setup()
    from storages.backends.s3 import S3Storage

    works = {"up": up, "written": written, "down": down, "threads": threads}
    work, size, options = works[sys.argv[1]], int(sys.argv[2]) * MiB, json.loads(sys.argv[3])
    with S3Storage(**options) as storage:
        first = threading.Thread(target=small, args=(storage,))
        first.start()
        first.join()
        sys.stdout.write(str(growth(lambda: work(storage, size))))


if __name__ == "__main__":
    main()
