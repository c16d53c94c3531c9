"""A project with static files, which are collected into a store of any kind."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.files.storage import storages
from django.core.management import call_command
from django.test import override_settings
from django.utils.module_loading import import_string

from storages import events

FILES: Mapping[str, bytes] = {
    "css/a.css": b'@import url("b.css"); p { background: url("../img/i.png") }',
    "css/b.css": b'@import "deep/c.css"; b { color: red }' * 9,
    "css/deep/c.css": b"i { background: url(../../img/i.png#x) }",
    "img/i.png": b"\x89PNG not really",
    "deep/er/er/x.txt": b"x",
    "a b/é.txt": b"odd",
    "empty.txt": b"",
}
FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
MANIFEST = "staticfiles.json"


@dataclass(frozen=True)
class Place:
    """Where static files are stored: dotted paths of the classes, and their options."""

    plain: str
    manifest: str
    options: Mapping[str, Any]
    #: What is asked when nothing has changed, by the hooks' names; None: it depends.
    unchanged: Mapping[str, int] | None = None
    #: The directories are listed one by one.
    more: Mapping[str, Any] = field(default_factory=dict)

    def storage(self, backend: str = "") -> Any:
        """A storage of the place."""
        return import_string(backend or self.plain)(**self.options)


@contextmanager
def configured(backend: str, options: Mapping[str, Any], source: Path) -> Iterator[Any]:
    """Have such a storage for static files; give it."""
    entries = {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": backend, "OPTIONS": dict(options)},
    }
    with override_settings(
        DEBUG=False,
        STATICFILES_DIRS=[str(source)],
        STATICFILES_FINDERS=FINDERS,
        STORAGES=entries,
    ):
        # Django 4.2 and 5.0 drop the OPTIONS when a test overrides STORAGES.
        backends: Any = storages.backends
        backends.update(entries)
        storage: Any = storages["staticfiles"]
        try:
            yield storage
        finally:
            storage.close()


class Project:
    """Files below a directory, and the place that they go to."""

    def __init__(self, directory: Path, place: Place) -> None:
        self.directory = directory
        self.place = place
        for name, data in FILES.items():
            self.write(name, data)

    def write(self, name: str, data: bytes, *, later: float = 0) -> None:
        """Write a source file, ``later`` seconds from now."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        moment = time.time() + later
        os.utime(path, (moment, moment))

    def backend(self, *, manifest: bool) -> str:
        """The class."""
        return self.place.manifest if manifest else self.place.plain

    @contextmanager
    def storage(self, *, manifest: bool = False) -> Iterator[Any]:
        """Have the storage that the project's pages use."""
        with configured(self.backend(manifest=manifest), self.place.options, self.directory) as it:
            yield it

    def collect(self, *, manifest: bool = False, **arguments: Any) -> str:
        """Run the command, as a process of its own would; return what it printed."""
        out = io.StringIO()
        with self.storage(manifest=manifest):
            call_command("collectstatic", interactive=False, stdout=out, stderr=out, **arguments)
        return out.getvalue()

    def asked(self, *, manifest: bool = False, **arguments: Any) -> Counter[str]:
        """Run the command; return which hooks it called how often."""
        seen: Counter[str] = Counter()

        def count(event: events.Operation, **_: Any) -> None:
            seen[event.operation] += 1

        events.operation.connect(count)
        try:
            self.collect(manifest=manifest, **arguments)
        finally:
            events.operation.disconnect(count)
        return seen

    def stored(self) -> dict[str, bytes]:
        """What the store has."""
        storage = self.place.storage()
        found = {}
        with storage:
            for name, _ in storage.scantree():
                with storage.open(name) as file:
                    found[name] = file.read()
        return found

    def put(self, name: str, data: bytes = b"old") -> None:
        """Store a file that is none of the project's."""
        from django.core.files.base import ContentFile

        with self.place.storage() as storage:
            storage.save(name, ContentFile(data))

    def deploy(self, *, die_after: int | None = None) -> subprocess.Popen[bytes]:
        """Begin the command in a process of its own, which kills itself after so many writes."""
        told = {
            "backend": self.place.manifest,
            "options": self.place.options,
            "source": str(self.directory),
            "die_after": die_after,
        }
        program = [sys.executable, "-m", "tests.static.deploy", json.dumps(told, default=str)]
        # One that is killed removes nothing.
        temporary = self.directory.with_name(f"{self.directory.name}-temporary")
        temporary.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(temporary)}
        return subprocess.Popen(program, cwd=Path(__file__).resolve().parents[2], env=environment)


def manifest_of(stored: Mapping[str, bytes]) -> dict[str, str]:
    """The names in the manifest."""
    paths: dict[str, str] = json.loads(stored[MANIFEST])["paths"]
    return paths
