"""What the tests of the pages share."""
# ruff: noqa: PT009 - for Django's own runner, which needs nothing but Django

from __future__ import annotations

import io
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.signals import setting_changed
from django.test import TestCase
from PIL import Image

from example.uploads import samples
from example.uploads.management.commands import demo

ALIASES = ("default", "overwrite", "image", "hashpath", "symlinkorcopy", "disk")


ODD_NAMES = (
    "two words.txt",
    "üñí.txt",
    "#1?.txt",
    "100%.txt",
    "%2e%2e.txt",
    "o'brien.txt",
    "x' or '1'='1",
    "a&b<i>c.txt",
    "a+b;c=d,e.txt",
    "“quoted”.txt",
    "*.txt",
    ".hidden",
    "名前.txt",
)


BIG = 3 * 1024 * 1024  # beyond FILE_UPLOAD_MAX_MEMORY_SIZE: it arrives as a temporary file


def png(colour: str = "teal") -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


class Links(HTMLParser):
    """Collects what a page refers to: ``(attribute, value)``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(
        self,
        tag: str,  # noqa: ARG002 - the parser passes it
        attrs: list[tuple[str, str | None]],
    ) -> None:
        """Keep links, sources and forms' targets."""
        self.found += [
            (key, value) for key, value in attrs if value and key in {"href", "src", "action"}
        ]

    def to(self, part: str) -> list[str]:
        """Return the targets that contain ``part``."""
        return [value for _, value in self.found if part in value]


class SiteTestCase(TestCase):
    """Gives each test empty storages of its own, away from the demo's data."""

    def setUp(self) -> None:
        """Move every directory that the settings name into a temporary one."""
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="storages-example-")
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        samples_folder = self.root / "samples"
        moved: dict[str, Any] = {}
        for alias in ALIASES:
            given = settings.STORAGES[alias]
            options = dict(given["OPTIONS"])
            if "location" in options:
                options["location"] = str(self.root / "files" / alias)
            if "symlink_within" in options:
                options["symlink_within"] = [str(samples_folder)]
            moved[alias] = {**given, "OPTIONS": options}
        self.configure(moved)
        self.start(mock.patch.object(samples, "SAMPLES", samples_folder))
        self.start(mock.patch.object(demo, "VAR", self.root))
        call_command("createstoragetable", verbosity=0)
        samples.prepare()

    def start(self, patch: mock._patch[Any]) -> None:
        """Apply a patch until the test ends."""
        patch.start()
        self.addCleanup(patch.stop)

    def configure(self, entries: dict[str, Any]) -> None:
        """Change entries of ``STORAGES`` until the test ends.

        Not by override_settings(): that of Django 4.2 loses the default storage's OPTIONS.
        """

        def tell() -> None:
            setting_changed.send(type(self), setting="STORAGES", value=None, enter=True)

        self.addCleanup(tell)  # runs last: cleanups run in reverse
        patch = mock.patch.dict(settings.STORAGES, entries)
        patch.start()
        self.addCleanup(patch.stop)
        tell()

    def page(self, address: str) -> str:
        """Return a page's text."""
        response = self.client.get(address)
        self.assertEqual(response.status_code, 200, address)
        return response.content.decode()

    def upload(self, alias: str, name: str, content: bytes) -> str:
        """Store a file by the page's form, and return the page that follows, with its messages."""
        response = self.client.post(
            f"/storage/{alias}/", {"files": SimpleUploadedFile(name, content)}, follow=True
        )
        self.assertEqual(response.redirect_chain, [(f"/storage/{alias}/", 302)])
        return response.content.decode()

    def fetch(self, address: str) -> bytes:
        """Return what a download sends."""
        response = self.client.get(address)
        self.assertEqual(response.status_code, 200, address)
        self.assertTrue(response["Content-Disposition"].startswith("attachment"), address)
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        return response.getvalue()
