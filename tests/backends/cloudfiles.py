"""What the tests of the Cloud Files storage share.

Its fixtures are not in conftest.py because S3's storages there have the same names. A module
takes those it wants: ``storage = cloudfiles.storage``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storages.backends.cloudfiles import CloudFilesStorage
from storages.retry import Retry
from tests.servers import shared
from tests.servers.s3proxy import Asked, Fault, S3Proxy
from tests.servers.swift import Swift

MiB = 1024 * 1024


class Eager(CloudFilesStorage):
    """A storage that does not wait between attempts."""

    retry = Retry(attempts=3, backoff=0.001)


def options(server: Swift, container: str, **more: Any) -> dict[str, Any]:
    """Return what a storage of ``container`` is made with."""
    return {
        "username": server.user_name,
        "api_key": server.key,
        "auth_url": server.auth_url,
        "container": container,
        **more,
    }


Make = Callable[..., CloudFilesStorage]


@contextmanager
def making(container: str, **defaults: Any) -> Iterator[Make]:
    """Give what makes storages of ``container``, and close them at the end."""
    made: list[CloudFilesStorage] = []

    def make(kind: type[CloudFilesStorage] = Eager, /, **more: Any) -> CloudFilesStorage:
        given = options(shared(Swift), **{"container": container, **defaults, **more})
        made.append(kind(**given))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


def read(storage: CloudFilesStorage, name: str) -> bytes:
    """Return what the file holds."""
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


class Wire(S3Proxy):
    """The fault proxy, before Swift: ``log`` says what was asked, without the tokens' requests."""

    @property
    def auth_url(self) -> str:
        """Where tokens are got; what Swift then calls its storage URL leads through here, too."""
        return f"{self.endpoint}/auth/v1.0"

    @property
    def log(self) -> list[str]:
        """Method and name of each request: ``"PUT d/a.txt"``; ``"GET ?"`` for a listing."""
        return [summary(each) for each in self.requests if not each.path.startswith("/auth")]

    def on(self, what: Callable[[str], bool] | str, *faults: Fault | None) -> None:
        """Let the next requests whose summary is (or satisfies) ``what`` meet ``faults``."""
        waiting = list(faults)
        lock = threading.Lock()
        fits = what if callable(what) else what.__eq__

        def rule(request: Asked) -> Fault | None:
            with lock:
                return waiting.pop(0) if waiting and fits(summary(request)) is True else None

        self.rule = rule


def summary(asked: Asked) -> str:
    """Return ``METHOD name``, with ``?`` for what is about a container, ``??`` for an account."""
    parts = asked.path.removeprefix("/v1/").split("/", 2)
    if len(parts) == 3:
        name = parts[2]
        if parts[1].endswith("_segments"):
            name = f"segment {name.rpartition('/')[2]}" if name else "segments ?"
        elif "multipart-manifest" in asked.query:
            name = f"manifest {name}"
        return f"{asked.method} {name or '?'}"
    if asked.path == "/info":
        return f"{asked.method} info"
    if parts[0].startswith("auth"):
        return f"{asked.method} auth"
    if len(parts) == 2:
        return f"{asked.method} {'segments ' if parts[1].endswith('_segments') else ''}?"
    return f"{asked.method} ??"


@pytest.fixture
def server() -> Swift:
    """The server."""
    return shared(Swift)


@pytest.fixture
def container(server: Swift) -> str:
    """A new container."""
    return server.new_container()


@pytest.fixture
def wire(server: Swift) -> Iterator[Wire]:
    """What counts the requests, and lets them fail."""
    with Wire(server.port) as wire:
        yield wire


@pytest.fixture
def make(container: str) -> Iterator[Make]:
    """Makes storages of the new container."""
    with making(container) as make:
        yield make


@pytest.fixture
def storage(make: Make) -> CloudFilesStorage:
    """A storage of the new container."""
    return make()
