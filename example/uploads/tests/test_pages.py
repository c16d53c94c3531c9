"""What the pages show: storages, previews, samples, the comparison."""
# ruff: noqa: PT009 - for Django's own runner, which needs nothing but Django

from __future__ import annotations

import errno
import io
from unittest import mock

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from PIL import Image

from example.uploads import samples
from example.uploads.catalog import places
from example.uploads.images import safe_image_type
from example.uploads.listing import LIMIT, listing
from example.uploads.models import Comparison
from example.uploads.tests.support import ALIASES, BIG, Links, SiteTestCase, png


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
