"""A directory on the real sshd, and storages of it, for the tests of what is peculiar to SFTP."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storages.backends.sftp import SFTPStorage
from tests.servers import shared
from tests.servers.sshd import Sshd

as_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root may have accounts with passwords, and give files away"
)


class Place:
    """A new directory in the account's home, not made yet; ``path`` is where it is seen here."""

    def __init__(self, server: Sshd) -> None:
        self.server = server
        self.root = uuid.uuid4().hex
        self.made: list[SFTPStorage] = []

    @property
    def path(self) -> Path:
        """Where the files lie."""
        return self.server.home / self.root

    def storage(self, **options: Any) -> SFTPStorage:
        """Make a storage, which is closed at the end."""
        given = self.server.options(**{"root_path": self.root, **options})
        self.made.append(SFTPStorage(**given))
        return self.made[-1]

    def names(self, directory: str = "") -> list[str]:
        """What lies in a directory, ours and hidden files too."""
        return sorted(found.name for found in (self.path / directory).iterdir())

    def close(self) -> None:
        """Close the storages and remove the directory."""
        for storage in self.made:
            storage.close()
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def place_on(server: Sshd) -> Iterator[Place]:
    """Give a place on a server of the test's own."""
    made = Place(server)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def shared_place() -> Iterator[Place]:
    """Give a place on the server that all tests share."""
    with place_on(shared(Sshd)) as made:
        yield made


def counted(storage: SFTPStorage) -> dict[str, int]:
    """Return what has been asked on this thread's connection since the last time, by kind."""
    with storage._pool.get() as connection:
        found = {kind.name: count for kind, count in connection.session.counts.items()}
        connection.session.counts.clear()
    return found


def read(storage: SFTPStorage, name: str) -> bytes:
    """Return what a file has."""
    with storage.open(name) as file:
        return bytes(file.read())


def replace(storage: SFTPStorage, name: str) -> None:
    """Write a file anew."""
    with storage.open(name, "wb") as file:
        file.write(b"new")
