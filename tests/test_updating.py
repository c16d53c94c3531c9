"""Updates of a file (modes a and r+): none is lost between the last look and the writing."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.base import ContentFile

from storages import turns
from storages.errors import Changed, Timeout
from storages.files import StorageFile
from storages.retry import deadline
from storages.testing import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    """A storage with one file."""
    made = MemoryStorage(place=uuid.uuid4().hex)
    made.save("a.txt", ContentFile(b"one"))
    return made


def read(storage: MemoryStorage, name: str) -> bytes:
    """Return what is in a file."""
    with storage.open(name) as file:
        return bytes(file.read())


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_updates_take_turns(storage: MemoryStorage, mode: str) -> None:
    """While somebody else updates the file, an update waits, as long as the deadline lets it."""
    file = storage.open("a.txt", mode)
    file.write(b"more")
    with turns.taking("update", "a.txt"), deadline(0.05), pytest.raises(Timeout):
        file.close()
    assert read(storage, "a.txt") == b"one"
    file.close()
    assert b"more" in read(storage, "a.txt")


def test_replacing_waits_for_nobody(storage: MemoryStorage) -> None:
    """Who replaces a file does not care what it was."""
    with turns.taking("update", "a.txt"), deadline(5), storage.open("a.txt", "wb") as file:
        file.write(b"two")
    assert read(storage, "a.txt") == b"two"


def test_appended_to_while_it_was_made(storage: MemoryStorage) -> None:
    """Two that append to a file which is not there yet: the later one is told, and kept out."""
    first, second = (StorageFile(storage, "new.txt", "ab") for _ in range(2))
    first.write(b"1")
    second.write(b"2")
    first.close()
    with pytest.raises(Changed, match="Open it again"):
        second.close()
    second.abort()
    assert read(storage, "new.txt") == b"1"
