"""What tests of faults do with a storage that are not in the table (tests/faults/matrix)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from storages.causes import causes
from storages.errors import PermissionDenied, StorageError

TIMEOUT = 1.0  # seconds, of the storage
ATTEMPTS = 3
MARGIN = 10.0  # seconds that a busy machine may take beside waiting for the server
OLD = os.urandom(200_000)
CONTENT = os.urandom(600_000)


@dataclass
class Outcome:
    """What came of a call."""

    value: Any = None
    error: StorageError | None = None


def attempt(call: Callable[[], Any], waits: float = ATTEMPTS * TIMEOUT) -> Outcome:
    """Call; success, or one of our errors, within the time that it may wait, and a margin."""
    started = time.monotonic()
    try:
        outcome = Outcome(value=call())
    except StorageError as error:
        outcome = Outcome(error=error)
    assert time.monotonic() - started < waits * 1.1 + MARGIN
    return outcome


def written(storage: RemoteStorage, name: str, content: bytes) -> str:
    """Write over what is there."""
    with storage.open(name, "wb") as file:
        file.write(content)
    return name


def read(storage: RemoteStorage, name: str) -> bytes:
    """All of a file."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


def check_full_disk(
    directory: Path, storage: RemoteStorage, room: int, *full: type[StorageError]
) -> None:
    """On a disk of ``room`` bytes: an error of ``full``, nothing left, and room for what fits."""
    before = {path.name for path in directory.iterdir()}
    outcome = attempt(lambda: storage.save("large.bin", ContentFile(bytes(room * 2))))
    assert isinstance(outcome.error, full)
    assert {path.name for path in directory.iterdir()} == before
    assert storage.save("small.bin", ContentFile(OLD)) == "small.bin"
    assert (directory / "small.bin").read_bytes() == OLD
    outcome = attempt(lambda: written(storage, "small.bin", bytes(room * 2)))
    assert isinstance(outcome.error, full)
    assert (directory / "small.bin").read_bytes() == OLD
    storage.delete("small.bin")
    assert {path.name for path in directory.iterdir()} == before


def check_wrong_password(storage: RemoteStorage, secret: str) -> None:
    """PermissionDenied, at once, without the password."""
    outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)))
    assert isinstance(outcome.error, PermissionDenied)
    for error in causes(outcome.error):
        assert secret not in f"{error} {error!r}"
    assert secret not in repr(storage)
