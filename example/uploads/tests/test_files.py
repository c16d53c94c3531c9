"""Storing, downloading, deleting, and what a person is told when a storage refuses."""
# ruff: noqa: PT009 - for Django's own runner, which needs nothing but Django

from __future__ import annotations

import errno
import io
from typing import Any
from unittest import mock

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from example.uploads.listing import listing
from example.uploads.tests.support import ALIASES, BIG, ODD_NAMES, Links, SiteTestCase, png


class FilesTests(SiteTestCase):
    """Storing, downloading, deleting."""

    def test_a_file_comes_back_from_every_storage(self) -> None:
        """What the form stores, the page's link gives back, and the button deletes."""
        content = png()
        for alias in ALIASES:
            with self.subTest(alias):
                links = Links(self.upload(alias, "photo.png", content))
                (download,) = links.to(f"/storage/{alias}/files/")
                self.assertEqual(self.fetch(download), content)
                (name,) = (file.name for file in listing(storages[alias]).files)
                page = self.client.post(f"/storage/{alias}/delete/", {"name": name}, follow=True)
                self.assertContains(page, f"“{name}” is deleted.")
                self.assertContains(page, "Nothing yet.")
                self.assertFalse(storages[alias].exists(name))

    def test_odd_names_work(self) -> None:
        """Names with characters that mean something in URLs, HTML or SQL come back by the links."""
        for alias in ("default", "overwrite", "symlinkorcopy", "disk"):
            for name in ODD_NAMES:
                with self.subTest(alias=alias, name=name):
                    content = name.encode()
                    links = Links(self.upload(alias, name, content))
                    (download,) = links.to(f"/storage/{alias}/files/")
                    self.assertEqual(self.fetch(download), content)
                    self.client.post(f"/storage/{alias}/delete/", {"name": name})
                    self.assertEqual(listing(storages[alias]).files, [])

    def test_a_storage_url_is_the_download(self) -> None:
        """``storage.url()`` leads to the site's download view, also for odd names."""
        for alias in ("default", "disk"):
            for name in ODD_NAMES:
                stored = storages[alias].save(name, ContentFile(name.encode()))
                self.assertEqual(self.fetch(storages[alias].url(stored)), name.encode())

    def test_names_that_lead_out_are_refused(self) -> None:
        """No URL and no form reaches a file outside of the storage."""
        (self.root / "files").mkdir(exist_ok=True)
        secret = self.root / "files" / "secret.txt"
        secret.write_text("secret")
        for alias in ALIASES:
            for name in ("../secret.txt", "a/../../secret.txt", str(secret)):
                for view in ("files", "preview"):
                    response = self.client.get(f"/storage/{alias}/{view}/{name}")
                    self.assertIn(response.status_code, {400, 404}, (alias, name))
                page = self.client.post(f"/storage/{alias}/delete/", {"name": name}, follow=True)
                self.assertEqual(page.status_code, 200)
        self.assertTrue(secret.exists())

    def test_missing_files_are_not_found(self) -> None:
        """The download of a file or of a directory that is not a file is a 404 page."""
        for alias in ALIASES:
            self.upload(alias, "a.png", png())
            response = self.client.get(f"/storage/{alias}/files/missing.png")
            self.assertContains(response, "Not found", status_code=404)

    def test_several_files_at_once(self) -> None:
        """A form without JavaScript stores all files that it carries."""
        files = [SimpleUploadedFile(f"{n}.txt", b"x" * n) for n in range(1, 4)]
        self.client.post("/storage/default/", {"files": files})
        self.assertEqual(
            sorted((file.name, file.size) for file in listing(storages["default"]).files),
            [("1.txt", 1), ("2.txt", 2), ("3.txt", 3)],
        )

    def test_big_uploads_come_back(self) -> None:
        """An upload that arrives as a temporary file is stored by every storage that takes it."""
        content = bytes(range(256)) * (BIG // 256)
        for alias in ("default", "overwrite", "hashpath", "symlinkorcopy", "disk"):
            (download,) = Links(self.upload(alias, "big.bin", content)).to("/files/")
            self.assertEqual(self.fetch(download), content, alias)

    def test_an_empty_file_is_a_file(self) -> None:
        """An empty upload comes back empty."""
        (download,) = Links(self.upload("default", "empty", b"")).to("/files/")
        self.assertEqual(self.fetch(download), b"")

    def test_nothing_chosen_is_told(self) -> None:
        """A form without a file says so."""
        for address in ("/storage/default/", "/compare/"):
            response = self.client.post(address, {}, follow=True)
            self.assertContains(response, "Choose a file first.")

    def test_a_cut_upload_stores_nothing(self) -> None:
        """A request that ends half-way leaves no file."""
        body = (
            b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
            + b"x" * 100_000
        )
        cut: dict[str, Any] = {
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(2 * len(body)),
        }
        response = self.client.generic(
            "POST",
            "/storage/default/",
            content_type="multipart/form-data; boundary=B",
            **cut,
        )
        self.assertEqual(response.status_code, 302)
        self.assertEqual(listing(storages["default"]).files, [])

    def test_the_script_gets_json(self) -> None:
        """A request that asks for JSON gets each file's outcome."""
        for name, content, stored in (("a.png", png(), True), ("b.png", b"no picture", False)):
            response = self.client.post(
                "/storage/image/",
                {"files": SimpleUploadedFile(name, content)},
                headers={"accept": "application/json"},
            )
            (outcome,) = response.json()["outcomes"]
            self.assertEqual(outcome["stored"], stored)
            self.assertIn(name, outcome["message"])

    def test_forged_forms_are_refused(self) -> None:
        """Without the form's token nothing is stored or deleted; a link deletes nothing."""
        self.upload("default", "a.txt", b"a")
        strict = Client(enforce_csrf_checks=True)
        for address, data in (
            ("/storage/default/", {"files": SimpleUploadedFile("b.txt", b"b")}),
            ("/storage/default/delete/", {"name": "a.txt"}),
            ("/storage/default/sample/", {"sample": "note.txt"}),
            ("/compare/", {"file": SimpleUploadedFile("b.txt", b"b")}),
        ):
            response = strict.post(address, data)
            self.assertContains(response, "The form is out of date", status_code=403)
        self.assertEqual(self.client.get("/storage/default/delete/").status_code, 405)
        self.assertEqual([file.name for file in listing(storages["default"]).files], ["a.txt"])


class RefusalsTests(SiteTestCase):
    """What a person is told when a storage says no."""

    def test_a_non_image_is_refused_with_its_reason(self) -> None:
        """The image storage's page shows a message and stores nothing."""
        page = self.upload("image", "notes.png", b"just text")
        self.assertIn("“notes.png” was not stored: The content is not an image.", page)
        self.assertIn("Nothing yet.", page)

    def test_a_full_disk_is_told_without_paths(self) -> None:
        """The system's own errors appear as their sentence."""
        full = OSError(errno.ENOSPC, "No space left on device", "/secret/path")
        with mock.patch.object(type(storages["disk"]), "_save", side_effect=full):
            page = self.upload("disk", "a.txt", b"a")
        self.assertIn("“a.txt” was not stored: No space left on device.", page)
        self.assertNotIn("/secret/path", page)

    def test_a_failing_delete_is_told(self) -> None:
        """A file that cannot be deleted stays listed, and the page says why."""
        self.upload("disk", "a.txt", b"a")
        refused = PermissionError(errno.EACCES, "Permission denied")
        with mock.patch.object(type(storages["disk"]), "delete", side_effect=refused):
            page = self.client.post("/storage/disk/delete/", {"name": "a.txt"}, follow=True)
        self.assertContains(page, "“a.txt” was not deleted: Permission denied.")

    def test_names_are_escaped(self) -> None:
        """A name cannot become markup, in the list or in a message."""
        name = "<script>alert(1)<_script>.txt"
        page = self.upload("disk", name, b"x")
        self.assertNotIn("<script>alert", page)
        self.assertIn("&lt;script&gt;alert(1)", page)
