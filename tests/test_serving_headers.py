"""Serving files: the headers of a file that is sent, and that nothing on the way changes it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.middleware.gzip import GZipMiddleware
from django.test import override_settings

from storages import signing
from tests.serving_site import LARGE, body, get, put, site


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages."""
    with site(tmp_path):
        yield


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "attachment"),
        ("a.svg", "attachment"),
        ("a.xml", "attachment"),
        ("a.js", "attachment"),
        ("a.pdf", "attachment"),
        ("a.unknown", "attachment"),
        ("a", "attachment"),
        ("a.txt", "inline"),
        ("a.png", "inline"),
        ("a.mp4", "inline"),
        ("a.mp3", "inline"),
    ],
)
def test_what_browsers_may_show(name: str, kind: str) -> None:
    """What could run is downloaded, whatever its name."""
    response = get(put("memory", name))
    assert response.headers["Content-Disposition"] == f'{kind}; filename="{name}"'


def test_the_type_is_the_stores_own() -> None:
    """What was uploaded as HTML is no picture because of its name, and is downloaded."""
    content = ContentFile(b"<script>")
    content.content_type = "text/html"  # type: ignore[attr-defined]
    storages["memory"].save("picture.png", content)
    response = get("/files/memory/picture.png")
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["Content-Disposition"].startswith("attachment")


def test_each_alias_has_its_own_headers() -> None:
    """What may be shown, how long it may be kept and what it may do are options."""
    path = put("memory", "a.pdf")
    told = {
        "access": "public",
        "inline_types": ["Application/PDF"],
        "cache_control": "max-age=60, immutable",
        "content_security_policy": "default-src 'none'",
    }
    with override_settings(STORAGES_SERVE={"memory": told}):
        response = get(path)
    assert response.headers["Content-Disposition"] == 'inline; filename="a.pdf"'
    assert response.headers["Cache-Control"] == "max-age=60, immutable"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"


class Compressing(GZipMiddleware):
    """A project's own."""


@pytest.mark.parametrize("asked", ["", "bytes=0-299999"])
@pytest.mark.parametrize(
    "gzip", ["django.middleware.gzip.GZipMiddleware", "tests.test_serving_headers.Compressing"]
)
def test_djangos_middleware_leaves_files_as_they_are(gzip: str, asked: str) -> None:
    """Compressed, a part would be a part of something else."""
    path = put("memory", "t.txt", LARGE)
    middleware = [
        "django.middleware.security.SecurityMiddleware",
        gzip,
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    with override_settings(MIDDLEWARE=middleware, ALLOWED_HOSTS=["testserver"]):
        response = get(path, accept_encoding="gzip", **({"range": asked} if asked else {}))
        content = body(response)
    assert content == (LARGE[:300_000] if asked else LARGE)
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("max-age=60", "private, max-age=60"),
        ('max-age=60, x="private"', 'private, max-age=60, x="private"'),
        ("Private, max-age=60", "Private, max-age=60"),
        ("no-store", "no-store"),
        ("public, max-age=60", "public, max-age=60"),
    ],
)
@pytest.mark.parametrize("access", ["signed", "public"])
def test_private_files_are_for_browsers_to_keep(access: str, told: str, kept: str) -> None:
    """A proxy that keeps them would give them to others, unless the project says so itself."""
    put("memory", "a.txt")
    place = {"access": access, "cache_control": told}
    with override_settings(STORAGES_SERVE={"memory": place}):
        response = get(signing.link("memory", "a.txt"))
    assert response.headers["Cache-Control"] == (told if access == "public" else kept)


def test_what_a_reader_calls_its_file_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a file on this disk is read past its reader; not what some reader decrypts."""
    path = put("memory", "f.bin", LARGE)
    storage: Any = storages["memory"]
    begin = storage._open_reader

    def begun(*args: Any, **given: Any) -> Any:
        reader = begin(*args, **given)
        vars(reader)["file"] = io.BytesIO(b"?" * len(LARGE))
        return reader

    monkeypatch.setattr(storage, "_open_reader", begun)
    assert body(get(path)) == LARGE
