"""The doctest of the manual of 1.1.4, section 1.2, as cases (T1-T22), for any backend."""

from __future__ import annotations

import io
import os
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import django
from django.core.cache import cache
from django.core.exceptions import FieldError, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage, storages
from django.core.management import call_command
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps
from PIL import Image

from storages.testing.aliases import aliases
from storages.testing.case import ContractCase
from tests.models import Document, Picture

SEVEN = "[A-Za-z0-9]{7}"


class DocumentedDoctest(ContractCase):
    """What the documented release promised of every backend, on today's Django.

    T19 (``default_storage.connection``) is S3's alone. Derive from this before the class that makes
    the storage: the place has to be made first.
    """

    #: What an alternative name has behind its root, as a regular expression.
    alternative: ClassVar[str] = f"_{SEVEN}"

    #: Returns the settings with which the storage is made without arguments, for T21.
    legacy_settings: Callable[[], dict[str, Any]]

    def setUp(self) -> None:
        """Give the models' fields the storage of the test."""
        super().setUp()
        for model in (Document, Picture):
            for field in model._meta.fields:
                if isinstance(field, models.FileField):
                    patch = mock.patch.object(field, "storage", self.storage)
                    patch.start()
                    self.addCleanup(patch.stop)
            self.addCleanup(model._default_manager.all().delete)

    def text(self, text: str) -> bytes:
        """Return the manual's content, or a content that is accepted."""
        return text.encode() if self.accepts_any_content else self.content()

    def saved(self, name: str, data: bytes) -> Document:
        """Return an object whose ``normal`` was saved under ``name``."""
        document = Document()
        document.normal.save(name, ContentFile(data))
        self.addCleanup(document.normal.close)
        return document

    def test_T01_to_T04_open(self) -> None:
        """A file is written and read with ``open()``, found, and deleted for good."""
        self.assertFalse(self.storage.exists("storage_test"))
        file = self.storage.open("storage_test", "w")
        data = self.text("storage contents")
        file.write(data.decode() if self.accepts_any_content else data)
        file.close()
        self.assertTrue(self.storage.exists("storage_test"))
        if self.accepts_any_content:
            file = self.storage.open("storage_test", "r")
            self.assertEqual(file.read(), "storage contents")
            file.close()
        with self.storage.open("storage_test", "rb") as file:
            self.assertEqual(file.read(), data)
        self.storage.delete("storage_test")
        self.assertFalse(self.storage.exists("storage_test"))
        self.storage.delete("storage_test")

    def test_T05_no_file(self) -> None:
        """A field without a file is empty and says so when asked for a size."""
        document = Document()
        self.assertEqual(repr(document.normal), "<FieldFile: None>")
        with self.assertRaisesMessage(
            ValueError, "The 'normal' attribute has no file associated with it."
        ):
            _ = document.normal.size

    def assertRaisesMessage(self, kind: type[Exception], message: str) -> Any:
        """As in Django."""
        return self.assertRaisesRegex(kind, re.escape(message))

    def test_T06_saving_a_file(self) -> None:
        """Saving a file gives the object its name, size and content."""
        data = self.text("content")
        document = self.saved("django_test.txt", data)
        name = self.expected_name("tests/django_test.txt", data)
        self.assertEqual(repr(document.normal), f"<FieldFile: {name}>")
        self.assertEqual(document.normal.size, len(data))
        self.assertEqual(document.normal.read(), data)
        again = Document.objects.get(pk=document.pk)
        self.assertEqual(again.normal.name, name)

    def test_T07_reading_in_pieces(self) -> None:
        """A file can be read in pieces."""
        data = self.text("content")
        document = self.saved("django_test.txt", data)
        document.normal.open()
        self.assertEqual(document.normal.read(3), data[:3])
        self.assertEqual(document.normal.read(), data[3:])

    def test_T08_chunks(self) -> None:
        """``chunks(chunk_size=2)`` gives pieces of two bytes, from the start."""
        data = self.text("content")
        document = self.saved("django_test.txt", data)
        document.normal.read(3)
        self.assertEqual(
            b"-".join(document.normal.chunks(chunk_size=2)),
            b"-".join(data[start : start + 2] for start in range(0, len(data), 2)),
        )

    def test_T09_another_object_of_the_same_name(self) -> None:
        """A second object gets another name, or replaces the first one's file, as documented."""
        first, second = self.text("content"), self.text("more content")
        one, two = self.saved("django_test.txt", first), self.saved("django_test.txt", second)
        name = self.expected_name("tests/django_test.txt", second)
        if self.same_name == "alternative":
            root, dot, extension = name.rpartition(".")
            self.assertRegex(str(two.normal.name), f"^{root}{self.alternative}{dot}{extension}$")
        else:
            self.assertEqual(two.normal.name, name)
        self.assertEqual(two.normal.size, len(second))
        one = Document.objects.get(pk=one.pk)
        with one.normal.open() as file:
            self.assertEqual(file.read(), second if self.same_name == "overwrite" else first)

    def test_T10_cache(self) -> None:
        """An object that went through the cache has its file."""
        data = self.text("content")
        document = self.saved("django_test.txt", data)
        cache.set("document", document)
        self.addCleanup(cache.delete, "document")
        again = cache.get("document")
        self.assertEqual(again.normal.name, document.normal.name)
        with again.normal.open() as file:
            self.assertEqual(file.read(), data)

    def test_T11_deleting_the_object(self) -> None:
        """Deleting an object leaves its file, and its name taken; deleting the file frees it."""
        data = self.text("content")
        document = self.saved("django_test.txt", data)
        name = str(document.normal.name)
        document.delete()
        self.assertTrue(self.storage.exists(name))
        other = self.saved("django_test.txt", self.text("content again"))
        if self.same_name != "overwrite":
            self.assertNotEqual(other.normal.name, name)
            self.assertEqual(self.read(name), data)
        taken = str(other.normal.name)
        other.normal.delete()
        self.assertFalse(self.storage.exists(taken))

    def test_T12_default_file(self) -> None:
        """A default file is read by every object and not deleted with one."""
        if not self.keeps_names and self.same_name == "content-addressed":
            self.not_applicable("a name that follows from the content cannot be a default")
        data = self.text("default content")
        name = self.expected_name("tests/default.txt", data)
        self.assertEqual(self.put("tests/default.txt", data), name)
        document = Document(default=name)
        document.save()
        self.assertEqual(document.default.read(), data)
        document.default.close()
        document.delete()
        with Document(default=name).default.open() as file:
            self.assertEqual(file.read(), data)

    def test_T13_upload_to_is_called_once(self) -> None:
        """``upload_to`` is called once for each save: its random part agrees everywhere."""
        document = Document()
        data = self.text("random content")
        document.random.save("random_file", ContentFile(data))
        name = str(document.random.name)
        if self.lists:
            self.assertRegex(name, r"^\d{3}/")
        self.assertEqual(name, self.expected_name(f"{name[:3]}/random_file", data))
        self.assertEqual(self.all_names(), {name})

    def test_T14_clean_up(self) -> None:
        """``obj.field.delete()`` deletes the file, empties the field and saves the object."""
        document = self.saved("django_test.txt", self.text("content"))
        document.normal.delete()
        self.assertFalse(document.normal)
        self.assertFalse(Document.objects.get(pk=document.pk).normal)
        self.assertEqual(self.all_names(), set())
        other = self.saved("django_test.txt", self.text("content"))
        name = other.normal.name
        other.normal.delete(save=False)
        self.assertEqual(Document.objects.get(pk=other.pk).normal.name, name)

    def test_T15_custom_name(self) -> None:
        """``upload_to`` may choose the whole name."""
        document = Document()
        data = self.text("more content")
        document.custom.save("random_file", ContentFile(data))
        self.assertEqual(document.custom.name, self.expected_name("foo", data))

    def test_T16_several_suffixes(self) -> None:
        """An alternative of ``x.tar.gz`` keeps both suffixes since Django 5.1, one before."""
        first, second = self.text("content"), self.text("other content")
        one = self.put("x.tar.gz", first)
        two = self.put("x.tar.gz", second)
        self.assertEqual(one, self.expected_name("x.tar.gz", first))
        if self.same_name != "alternative":
            self.assertEqual(two, self.expected_name("x.tar.gz", second))
            return
        both = django.VERSION >= (5, 1)
        suffixes = one[1:] if both else one[1:][one[1:].rindex(".") :]
        root = one.removesuffix(suffixes)
        self.assertRegex(two, f"^{re.escape(root)}{self.alternative}{re.escape(suffixes)}$")

    def test_T17_traversal(self) -> None:
        """``../x`` and ``/x/y`` are refused, and nothing is written."""
        for name in ("../x", "/x/y"):
            with self.assertRaises(SuspiciousFileOperation):
                self.put(name)
            document = Document()
            chosen = mock.patch.object(document.normal.field, "upload_to", lambda *_, n=name: n)
            with chosen, self.assertRaises(SuspiciousFileOperation):
                document.normal.save("x", ContentFile(self.content()))
        self.assertEqual(self.all_names(), set())

    def test_T18_content_without_a_name(self) -> None:
        """A file without a name is refused by the model since Django 5.1, ignored before."""
        document = Document()
        document.normal = ContentFile(self.text("content"))
        if django.VERSION >= (5, 1):
            with self.assertRaises(FieldError):
                document.save()
        else:
            document.save()
            self.assertFalse(document.normal)
        self.assertEqual(self.all_names(), set())

    def collect(self, source: Path, **options: Any) -> str:
        """Run collectstatic with the storage as ``STORAGES["staticfiles"]``."""
        out = io.StringIO()
        with (
            aliases(staticfiles=self.storage),
            override_settings(
                STATICFILES_DIRS=[str(source)],
                STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            ),
        ):
            call_command("collectstatic", interactive=False, stdout=out, **options)
            made: Any = storages["staticfiles"]
            if hasattr(made, "close"):
                made.close()
        return out.getvalue()

    def test_T20_collectstatic(self) -> None:
        """``collectstatic`` copies to the storage; the second time nothing is new."""
        self.needs("keeps_names")
        files = {f"css/{name}.png": self.content() for name in "ab"}
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory)
            (source / "css").mkdir()
            for name, data in files.items():
                (source / name).write_bytes(data)
                os.utime(source / name, (1_000_000_000, 1_000_000_000))
            self.assertIn("2 static files copied", self.collect(source))
            self.assertFiles(files)
            if "modified" in self.supports_times:
                self.assertIn("0 static files copied", self.collect(source))
            self.put("old/deep/x.png")
            self.assertIn("2 static files copied", self.collect(source, clear=True))
            self.assertFiles(files)

    def test_T21_default_file_storage(self) -> None:
        """The legacy setting ``DEFAULT_FILE_STORAGE`` makes it the default storage."""
        path = self.storage.deconstruct()[0]
        data = self.text("content")
        with warnings.catch_warnings():
            # Django 4.2 and 5.0 honour the setting themselves, and say that it will go.
            warnings.filterwarnings("ignore", "The DEFAULT_FILE_STORAGE setting is deprecated")
            with override_settings(DEFAULT_FILE_STORAGE=path, **self.legacy_settings()):
                self.assertIsInstance(default_storage, type(self.storage))
                name = default_storage.save("legacy.txt", ContentFile(data))
                with default_storage.open(name) as file:
                    self.assertEqual(file.read(), data)
                made = type(self.storage)()
                self.assertTrue(made.exists(name))
                made.delete(name)
                for storage in (made, default_storage):
                    if hasattr(storage, "close"):
                        storage.close()

    @isolate_apps()
    def test_T22_storage_of_a_field(self) -> None:
        """``storage=`` takes an instance, a class and a function, and they do the same."""
        made = self.storage

        class OfTheTest(Storage):
            """A class for ``storage=``: Django calls it, and gets the storage of the test."""

            def __new__(cls) -> Any:
                return made

        def choose() -> Any:
            return made

        for number, given in enumerate((made, OfTheTest, choose)):

            class Attachment(models.Model):
                file = models.FileField(upload_to=str(number), storage=given)

                class Meta:
                    app_label = f"t22_{number}"

            field: Any = Attachment._meta.get_field("file")
            self.assertIs(field.storage, made)
            attachment = Attachment()
            data = self.content()
            attachment.file.save("a.txt", ContentFile(data), save=False)
            self.assertEqual(self.read(str(attachment.file.name)), data)
            kept = field.deconstruct()[3]["storage"]
            self.assertIs(kept, given)

    def test_T22_image_field(self) -> None:
        """An ImageField reads its width and height through the storage."""
        image = io.BytesIO()
        Image.new("RGB", (40, 30), "olive").save(image, "PNG")
        picture = Picture()
        picture.file.save("p.png", ContentFile(image.getvalue(), name="p.png"))
        self.addCleanup(picture.file.close)
        again = Picture.objects.get(pk=picture.pk)
        self.assertEqual((again.width, again.height), (40, 30))
        self.assertEqual((again.file.width, again.file.height), (40, 30))
        again.file.close()
