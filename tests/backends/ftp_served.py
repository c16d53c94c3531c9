"""Storages of scripted FTP servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storages.backends.ftp import FTPStorage
from tests.backends.ftp_scripted import ScriptedFTP

MLST = ("UTF8", "SIZE", "MDTM", "REST STREAM", "MLST type*;size*;modify*;")


@contextmanager
def served(
    features: tuple[str, ...] | None = ("SIZE", "MDTM", "REST STREAM"), **how: Any
) -> Iterator[tuple[ScriptedFTP, FTPStorage]]:
    """Give a server and a storage on it."""
    options = how.pop("options", {})
    with (
        ScriptedFTP(features, **how) as server,
        FTPStorage(server.location, **{"timeout": 10.0, **options}) as storage,
    ):
        yield server, storage


def read(storage: FTPStorage, name: str) -> bytes:
    """Return a file's content."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content
