"""Files in a DatabaseStorage of either engine: how tests write and read them."""

from __future__ import annotations

from django.core.files.base import ContentFile

from storages.backends.database import DatabaseStorage

MIB = 1024 * 1024


def put(storage: DatabaseStorage, name: str, data: bytes) -> str:
    """Save; return the name."""
    return storage.save(name, ContentFile(data))


def get(storage: DatabaseStorage, name: str) -> bytes:
    """Read it all."""
    with storage.open(name) as file:
        return bytes(file.read())
