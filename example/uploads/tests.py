"""The pages, through Django's test client. Run with ``python example/manage.py test example``."""
# ruff: noqa: PT009 - for Django's own runner, which needs nothing but Django

from __future__ import annotations

import errno
import io
import socket
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.core.signals import setting_changed
from django.test import Client, TestCase
from PIL import Image

from . import samples
from .catalog import places
from .images import safe_image_type
from .listing import LIMIT, listing
from .management.commands import demo
from .models import Comparison, Document

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


class PagesTests(SiteTestCase):
    """What the pages show."""

    def test_every_storage_has_a_card_and_a_page(self) -> None:
        """The overview leads to a page for each alias but the static files'."""
        overview = Links(self.page("/"))
        self.assertEqual([place.alias for place in places()], list(ALIASES))
        for alias in ALIASES:
            self.assertIn(f"/storage/{alias}/", overview.to("/storage/"))
            self.assertIn(settings.STORAGES[alias]["BACKEND"], self.page(f"/storage/{alias}/"))

    def test_a_storage_that_somebody_adds_has_a_page(self) -> None:
        """An alias that the site does not know is described by its class."""
        memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        self.configure({"memory": memory})
        self.assertIn("A storage saving files in memory.", self.page("/storage/memory/"))
        self.assertIn("is stored", self.upload("memory", "a.txt", b"a"))

    def test_unknown_aliases_are_not_found(self) -> None:
        """Neither an unknown alias nor the static files' has a page."""
        for alias in ("nothing", "staticfiles"):
            response = self.client.get(f"/storage/{alias}/")
            self.assertContains(response, "Not found", status_code=404)

    def test_nothing_comes_from_elsewhere(self) -> None:
        """Every script, style, image, link and form target is the site's own."""
        self.upload("default", "a.png", png())
        for address in ("/", "/compare/", "/storage/default/"):
            for _, target in Links(self.page(address)).found:
                self.assertRegex(target, r"^(/(?!/)|#)", address)

    def test_a_listing_that_fails_is_told(self) -> None:
        """A storage out of reach leaves its page and the overview standing, with the reason."""
        failure = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        with mock.patch.object(type(storages["disk"]), "listdir", side_effect=failure):
            self.assertIn("Connection refused.", self.page("/storage/disk/"))
            self.assertIn("Connection refused.", self.page("/"))

    def test_long_listings_end(self) -> None:
        """A page shows a bounded number of files and says that there are more."""
        for number in range(LIMIT + 1):
            storages["disk"].save(f"{number}.txt", ContentFile(b"x"))
        found = listing(storages["disk"])
        self.assertEqual((len(found.files), found.more), (LIMIT, True))
        self.assertIn("more files than this page shows", self.page("/storage/disk/"))
        self.assertIn(f"<strong>{LIMIT}+</strong> files", self.page("/"))

    def test_the_models_have_their_migrations(self) -> None:
        """The migrations describe the models as they are."""
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


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


class PreviewTests(SiteTestCase):
    """Which files the page shows."""

    def test_raster_images_are_shown(self) -> None:
        """Each type that Pillow writes here is recognised by its first bytes."""
        for kind in ("PNG", "JPEG", "GIF", "WEBP"):
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8)).save(buffer, kind)
            self.assertEqual(safe_image_type(buffer.getvalue()[:16]), f"image/{kind.lower()}")

    def test_the_content_decides(self) -> None:
        """An image without an extension is shown; a page that is called .png is not."""
        page = self.upload("hashpath", "a.png", png())
        (source, _) = Links(page).to("/preview/")
        response = self.client.get(source)
        self.assertEqual(response["Content-Type"], "image/png")
        self.assertIn("sandbox", response["Content-Security-Policy"])
        self.assertEqual(response.getvalue(), png())
        for name, content in (("page.png", b"<script>1</script>"), ("a.svg", b"<svg/>")):
            self.assertEqual(Links(self.upload("disk", name, content)).to("/preview/"), [])
            response = self.client.get(f"/storage/disk/preview/{name}")
            self.assertEqual(response.status_code, 404)


class SamplesTests(SiteTestCase):
    """Files that are on the machine already."""

    def test_a_sample_becomes_a_link_and_an_upload_a_copy(self) -> None:
        """The symlink storage links to what lies in the samples' folder, and copies the rest."""
        sample = samples.folder() / "note.txt"
        address = "/storage/symlinkorcopy/sample/"
        page = self.client.post(address, {"sample": "note.txt"}, follow=True)
        self.assertContains(page, f"→ {sample}")
        self.upload("symlinkorcopy", "upload.txt", b"x")
        links = {file.name: file.link for file in listing(storages["symlinkorcopy"]).files}
        self.assertEqual(links, {"note.txt": str(sample), "upload.txt": None})
        stored = self.fetch("/storage/symlinkorcopy/files/note.txt")
        self.assertEqual(stored, sample.read_bytes())

    def test_a_broken_link_is_listed_and_deletable(self) -> None:
        """A link whose file has gone is shown as that."""
        address = "/storage/symlinkorcopy/"
        self.client.post(f"{address}sample/", {"sample": "note.txt"})
        (samples.folder() / "note.txt").unlink()
        self.assertIn("The file it links to is gone", self.page(address))
        self.client.post(f"{address}delete/", {"name": "note.txt"})
        self.assertIn("Nothing yet.", self.page(address))

    def test_only_samples_are_samples(self) -> None:
        """The form cannot name another file of this machine."""
        (self.root / "password.txt").write_text("secret")
        for name in ("../password.txt", str(self.root / "password.txt"), "", "."):
            response = self.client.post("/storage/default/sample/", {"sample": name})
            self.assertEqual(response.status_code, 404)

    def test_every_storage_takes_a_sample(self) -> None:
        """The samples are for all storages, and the image storage refuses the text."""
        for alias in ALIASES:
            address = f"/storage/{alias}/sample/"
            page = self.client.post(address, {"sample": "note.txt"}, follow=True)
            told = "was not stored" if alias == "image" else "is stored"
            self.assertContains(page, told)


class CompareTests(SiteTestCase):
    """One file in every storage."""

    def test_every_storage_gets_the_same_bytes(self) -> None:
        """A picture is stored six times, whatever way the upload arrived."""
        for content in (png(), png() + bytes(BIG)):
            self.client.post("/compare/", {"file": SimpleUploadedFile("p.png", content)})
            comparison = Comparison.objects.all()[0]
            copies = list(comparison.copies.all())
            self.assertEqual([copy.alias for copy in copies], list(ALIASES))
            for copy in copies:
                self.assertEqual((copy.error, copy.identical), ("", True), copy.alias)
                self.assertEqual(copy.size, len(content))
                self.assertEqual(self.fetch(copy.url), content)
        self.assertIn(copies[3].name, self.page("/compare/"))

    def test_a_refusal_stands_in_its_row(self) -> None:
        """A text is refused by the image storage and stored by the others."""
        self.client.post("/compare/", {"file": SimpleUploadedFile("a.txt", b"text")})
        copies = Comparison.objects.all()[0].copies.all()
        self.assertEqual([copy.alias for copy in copies if copy.error], ["image"])
        self.assertContains(self.client.get("/compare/"), "The content is not an image.")


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
