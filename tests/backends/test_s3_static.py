"""``collectstatic`` onto S3: plain, hashed, again, cleared, and not at all."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import storage as django_static
from django.core.management import call_command
from django.test import override_settings

from storages.backends.s3 import S3ManifestStaticStorage, S3StaticStorage
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server

FILES = {
    "css/a.css": b'@import url("b.css"); p { background: url("../img/i.png") }',
    "css/b.css": b"b { color: red }" * 500,
    "img/i.png": b"\x89PNG not really",
    "deep/er/er/x.txt": b"x",
}
# Any: its stub knows no manifests.
staticfiles_storage: Any = django_static.staticfiles_storage
PLAIN = "storages.backends.s3.S3StaticStorage"
MANIFEST = "storages.backends.s3.S3ManifestStaticStorage"


class Project:
    """A project with static files, some of which are to be served from a bucket."""

    def __init__(self, server: S3Server, directory: Path) -> None:
        self.bucket = server.new_bucket()
        self.server = server
        self.directory = directory
        self.client = server.client()
        for name, data in FILES.items():
            self.write(name, data)

    def write(self, name: str, data: bytes, *, later: float = 0) -> None:
        """Write a source file, ``later`` seconds from now."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        moment = time.time() + later
        os.utime(path, (moment, moment))

    @contextmanager
    def settings(self, backend: str, **more: Any) -> Iterator[None]:
        """Its settings."""
        # As settings: Django 4.2 forgets OPTIONS in override_settings().
        settings = self.server.settings(bucket_name=self.bucket, **more)
        with override_settings(
            **settings,
            DEBUG=False,
            STATICFILES_DIRS=[str(self.directory)],
            STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            STORAGES={"staticfiles": {"BACKEND": backend}},
        ):
            yield

    def collect(self, backend: str, options: Mapping[str, Any], **arguments: Any) -> str:
        """Run the command, as a process of its own would; return what it printed."""
        out = StringIO()
        with self.settings(backend, **options):
            call_command("collectstatic", interactive=False, stdout=out, **arguments)
        return out.getvalue()

    def requests(self, backend: str, options: Mapping[str, Any]) -> Counter[str]:
        """Run the command; return how often it called which operation of S3."""
        seen: Counter[str] = Counter()

        def count(event_name: str, **_: Any) -> None:
            seen[event_name.rpartition(".")[2]] += 1

        with self.settings(backend, **options):
            client = staticfiles_storage.client
            client.meta.events.register("before-send.s3", count)
            try:
                call_command("collectstatic", interactive=False, verbosity=0)
            finally:
                client.meta.events.unregister("before-send.s3", count)
        return seen

    def stored(self) -> dict[str, bytes]:
        """What is in the bucket."""
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            each["Key"]: self.client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }


@pytest.fixture(params=[Moto, RadosGW])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project, on each server."""
    server = shared(request.param)
    assert isinstance(server, S3Server)
    made = Project(server, tmp_path)
    yield made
    made.client.close()


@pytest.mark.parametrize("options", [{}, {"preload_metadata": True}], ids=["", "preloaded"])
@pytest.mark.parametrize("location", ["", "st/atic"])
def test_plain(project: Project, options: dict[str, Any], location: str) -> None:
    """All are copied, then none, then the one that changed."""
    options = {**options, "location": location}
    prefix = f"{location}/" if location else ""
    assert "4 static files copied" in project.collect(PLAIN, options)
    assert project.stored() == {prefix + name: data for name, data in FILES.items()}
    assert "0 static files copied" in project.collect(PLAIN, options)
    project.write("css/b.css", b"b { color: blue }", later=60)
    assert "1 static file copied" in project.collect(PLAIN, options)
    assert project.stored()[f"{prefix}css/b.css"] == b"b { color: blue }"


@pytest.mark.parametrize("options", [{}, {"preload_metadata": True}], ids=["", "preloaded"])
def test_clear(project: Project, options: dict[str, Any]) -> None:
    """``--clear`` empties every directory below the location, and nothing beside it."""
    for key in ("static/old.txt", "static/x/y/z/old.txt", "static/css/old.css", "media/mine.txt"):
        project.client.put_object(Bucket=project.bucket, Key=key, Body=b"old")
    options = {**options, "location": "static"}
    assert "4 static files copied" in project.collect(PLAIN, options, clear=True)
    expected = {f"static/{name}": data for name, data in FILES.items()}
    assert project.stored() == {**expected, "media/mine.txt": b"old"}


def test_dry_run(project: Project) -> None:
    """``--dry-run`` changes nothing, with ``--clear`` either."""
    project.client.put_object(Bucket=project.bucket, Key="css/old.css", Body=b"old")
    project.collect(PLAIN, {}, dry_run=True)
    project.collect(PLAIN, {}, dry_run=True, clear=True)
    assert project.stored() == {"css/old.css": b"old"}


def test_manifest(project: Project) -> None:
    """Names have hashes, CSS is rewritten, the second run changes nothing."""
    assert "4 post-processed" in project.collect(MANIFEST, {})
    stored = project.stored()
    assert len(stored) == 9
    with project.settings(MANIFEST):
        url = staticfiles_storage.url("css/a.css")
        assert url.startswith(f"{project.server.endpoint}/{project.bucket}/css/a.")
        assert "?" not in url
        hashed = staticfiles_storage.stored_name("css/a.css")
        assert url.endswith(hashed)
        names = {name: staticfiles_storage.stored_name(name) for name in FILES}
    css = stored[hashed].decode()
    assert f'url("{names["css/b.css"].removeprefix("css/")}")' in css
    assert f'url("../{names["img/i.png"]}")' in css
    assert set(stored) == {*FILES, *names.values(), "staticfiles.json"}
    assert "0 static files copied" in project.collect(MANIFEST, {})
    assert project.stored() == stored
    project.write("css/b.css", b"b { color: blue }", later=60)
    project.collect(MANIFEST, {})
    with project.settings(MANIFEST):
        assert staticfiles_storage.stored_name("css/b.css") != names["css/b.css"]
        assert staticfiles_storage.stored_name("css/a.css") != names["css/a.css"]


def test_manifest_compressed_and_preloaded(project: Project) -> None:
    """With gzip and preload_metadata, too: what is read back is what was written."""
    options = {"gzip": True, "preload_metadata": True}
    project.collect(MANIFEST, options)
    stored = project.stored()
    project.collect(MANIFEST, options)
    assert project.stored() == stored
    head = project.client.head_object(Bucket=project.bucket, Key="css/b.css")
    assert head["ContentEncoding"] == "gzip"
    with project.settings(MANIFEST, **options):
        storage = staticfiles_storage
        with storage.open(storage.stored_name("css/b.css")) as file:
            assert file.read() == FILES["css/b.css"]


def test_the_constructor_of_the_manifest_storage_asks_nobody() -> None:
    """There is no server here; the manifest is read when it is first needed."""
    storage = S3ManifestStaticStorage(
        bucket_name="b", endpoint_url="http://127.0.0.1:9", access_key="k", secret_key="s"
    )
    assert isinstance(storage, S3StaticStorage)
    with override_settings(DEBUG=False), pytest.raises(ConnectionError):
        storage.url("a.css")


def test_requests(project: Project) -> None:
    """One listing tells what Django would ask file by file, whatever the storage's options."""
    for backend in (PLAIN, MANIFEST):
        project.collect(backend, {})
        for options in ({}, {"preload_metadata": True}):
            assert project.requests(backend, options) == {"ListObjectsV2": 1}
