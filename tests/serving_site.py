"""A site that serves files of storages of every kind, and how tests of the view ask it for them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client, override_settings

from storages.testing import MemoryStorage, recorded_operations
from tests.serving_storages import Counted

SMALL = bytes(range(256))
LARGE = b"".join(n.to_bytes(4, "big") for n in range(200_000))
BROKEN = {
    name: {"BACKEND": "tests.serving_storages.Broken", "OPTIONS": {"error": name}}
    for name in (
        "NotFound",
        "IsADirectory",
        "NotADirectory",
        "PermissionDenied",
        "Unavailable",
        "Timeout",
        "Changed",
        "Corrupt",
        "StorageError",
    )
}


@contextmanager
def site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages; no reader is left open in the end."""
    Counted.forget()
    for place in ("", "counted", "strict"):
        MemoryStorage(place=place).clear()
    memory = "storages.testing.MemoryStorage"
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        MEDIA_ROOT=str(tmp_path / "media"),
        STORAGES={
            "default": {"BACKEND": memory},
            "memory": {"BACKEND": memory},
            "counted": {
                "BACKEND": "tests.serving_storages.Counted",
                "OPTIONS": {"place": "counted"},
            },
            "strict": {"BACKEND": "tests.serving_storages.Strict", "OPTIONS": {"place": "strict"}},
            "disk": {
                "BACKEND": "storages.local.LocalStorage",
                "OPTIONS": {"location": str(tmp_path / "disk")},
            },
            "busy": {
                "BACKEND": "tests.serving_storages.Broken",
                "OPTIONS": {"error": "Unavailable", "retry_after": 1.5},
            },
            "django": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            **BROKEN,
        },
        STORAGES_SERVE={
            alias: {"access": "public"}
            for alias in ("memory", "counted", "strict", "disk", "busy", "django", *BROKEN)
        },
    ):
        yield
    gc.collect()
    assert Counted.opened == []


def put(alias: str, name: str, content: bytes = SMALL) -> str:
    """Store a file, in place of what is there; return the path at which it is served."""
    storage: Any = storages[alias]
    storage.delete(name)
    storage.save(name, ContentFile(content))
    return f"/files/{alias}/{quote(name)}"


def get(path: str, **headers: str) -> Any:
    """GET, with headers by names that Python takes."""
    return Client().get(
        path,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},  # type: ignore[arg-type]
    )


def body(response: Any) -> bytes:
    """All bytes of a response, which is closed then."""
    content: bytes = response.getvalue()
    response.close()
    return content


@contextmanager
def operations(*expected: str) -> Iterator[None]:
    """Assert what storages are asked in the block."""
    with recorded_operations() as found:
        yield
    assert [event.operation for event in found] == list(expected)
