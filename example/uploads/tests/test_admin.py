"""The model form, and the command that prepares the site."""
# ruff: noqa: PT009 - for Django's own runner, which needs nothing but Django

from __future__ import annotations

import io
import socket
from unittest import mock

from django.contrib.auth.models import User
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from example.uploads.models import Document
from example.uploads.tests.support import Links, SiteTestCase, png


class AdminTests(SiteTestCase):
    """The model form."""

    def setUp(self) -> None:
        """Log in; move the fields too, which asked for their storages when they were made."""
        super().setUp()
        for name, alias in (("photo", "image"), ("badge", "overwrite")):
            field = Document._meta.get_field(name)  # noqa: SLF001 - Django's public name for it
            self.start(mock.patch.object(field, "storage", storages[alias]))
        self.client.force_login(User.objects.create_superuser("admin"))

    def add(self, title: str, badge: bytes) -> Document:
        """Add a document by the admin's form."""
        response = self.client.post(
            "/admin/uploads/document/add/",
            {
                "title": title,
                "owner": "ada",
                "attachment": SimpleUploadedFile("paper.pdf", b"%PDF"),
                "photo": SimpleUploadedFile("me.txt.png", png()),
                "badge": SimpleUploadedFile("b.svg", badge),
            },
        )
        self.assertEqual(response.status_code, 302, response.content)
        document: Document = Document.objects.get(title=title)
        return document

    def test_each_field_uses_its_storage(self) -> None:
        """The three files of a document are in three storages."""
        first, second = self.add("first", b"old"), self.add("second", b"new")
        places: list[tuple[Storage, str, bytes]] = [
            (storages["default"], first.attachment.name or "", b"%PDF"),
            (storages["image"], first.photo.name or "", png()),
            (storages["overwrite"], first.badge.name or "", b"new"),
        ]
        for storage, name, content in places:
            with storage.open(name) as file:
                self.assertEqual(file.read(), content, name)
        self.assertEqual(first.badge.name, second.badge.name)
        page = self.page(f"/admin/uploads/document/{first.pk}/change/")
        self.assertEqual(self.fetch(Links(page).to("/default/files/")[0]), b"%PDF")

    def test_a_non_image_is_refused_by_the_form(self) -> None:
        """The form shows the field's error."""
        data = {"title": "x", "owner": "x", "photo": SimpleUploadedFile("a.png", b"no")}
        response = self.client.post("/admin/uploads/document/add/", data)
        self.assertContains(response, "Upload a valid image.")


class DemoCommandTests(SiteTestCase):
    """``manage.py demo``."""

    def prepare(self) -> str:
        """Run it without serving, and return what it says."""
        output = io.StringIO()
        call_command("demo", no_serve=True, stdout=output, no_color=True)
        return output.getvalue()

    def test_it_prepares_as_often_as_one_likes(self) -> None:
        """The second run changes nothing, and the printed password opens the admin."""
        first = self.prepare()
        self.upload("default", "kept.txt", b"kept")
        self.assertEqual(self.prepare(), first)
        password = first.partition("password ")[2].partition(")")[0]
        self.assertTrue(self.client.login(username="demo", password=password))
        self.assertEqual(self.fetch("/storage/default/files/kept.txt"), b"kept")
        self.assertEqual((self.root / "password.txt").stat().st_mode & 0o777, 0o600)

    def test_a_taken_port_is_told(self) -> None:
        """It names another port to try."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with self.assertRaisesMessage(CommandError, f"--port {port + 1}"):
                call_command("demo", port=port)
