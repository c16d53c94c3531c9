"""Django's own consumers: collectstatic, file fields, forms, responses, storage aliases.

No database is needed: what a model's ``save()`` does with files, its fields' ``pre_save`` does.
D07 (the admin's change page while the server is down) needs a project with the admin: this
package's own tests have it.
"""

from __future__ import annotations

import io
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import models
from django.http import FileResponse, StreamingHttpResponse
from django.test import RequestFactory, override_settings
from django.test.utils import isolate_apps
from django.utils.datastructures import MultiValueDict
from django.views.static import serve

from storages.testing.aliases import aliases
from storages.testing.case import ContractCase
from storages.testing.saving import temporary_upload

__all__ = ["ConsumersContract"]


def png(size: tuple[int, int]) -> bytes:
    """Return an image."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", size, "navy").save(data, "PNG")
    return data.getvalue()


class ConsumersContract(ContractCase):
    """Chapter D."""

    static_suffix = ".bin"
    """What the names of files with valid content end in, so that ``save`` keeps them."""

    # collectstatic --------------------------------------------------------------------------------

    def collect(self, source: dict[str, bytes], storage: Any, **options: Any) -> str:
        """Run collectstatic from ``source`` to ``storage``; return what it prints."""
        with tempfile.TemporaryDirectory() as directory:
            for name, data in source.items():
                path = pathlib.Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                # Written before the stored file in every case: collectstatic compares seconds.
                minute_ago = time.time() - 60
                os.utime(path, (minute_ago, minute_ago))
            command = Command()
            command.storage = storage
            # As its constructor does: a storage without paths is a remote one.
            try:
                storage.path("")
            except NotImplementedError:
                command.local = False
            else:
                command.local = True
            out = io.StringIO()
            with override_settings(
                STATICFILES_DIRS=[directory],
                STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            ):
                call_command(command, interactive=False, stdout=out, verbosity=1, **options)
        return out.getvalue()

    def needs_static_files(self) -> None:
        """Report the case as not applicable where static files cannot keep their names."""
        self.needs("keeps_names")

    def static_files(self) -> dict[str, bytes]:
        """Some static files."""
        suffix = self.static_suffix
        return {f"{name}{suffix}": self.content() for name in ("a", "css/b", "css/deep/c")}

    def test_D01_collectstatic(self) -> None:
        """Collectstatic copies; the second time it finds all unmodified; a change is copied."""
        self.needs_static_files()
        files = self.static_files()
        self.assertIn("3 static files copied", self.collect(files, self.storage))
        self.assertFiles(files)
        again = self.collect(files, self.storage)
        if "modified" in self.supports_times:
            self.assertIn("0 static files copied", again)
            self.assertIn("3 unmodified", again)
        else:
            self.assertIn("3 static files copied", again)
        self.assertFiles(files)
        changed = f"css/b{self.static_suffix}"
        files[changed] = self.content(300)
        self.storage.delete(changed)
        # Without times all of them are copied again.
        copied = "1 static file" if "modified" in self.supports_times else "3 static files"
        self.assertIn(f"{copied} copied", self.collect(files, self.storage))
        self.assertFiles(files)

    def test_D01_collectstatic_changed_file(self) -> None:
        """A file that is newer than the stored one replaces it."""
        self.needs_static_files()
        files = self.static_files()
        self.collect(files, self.storage)
        changed = f"css/b{self.static_suffix}"
        files[changed] = self.content(300)
        with self.later():
            self.assertIn("3 static files copied", self.collect(files, self.storage))
        self.assertFiles(files)

    def later(self) -> Any:
        """Make source files look written in the future, as if they had been edited since."""
        import datetime
        from unittest import mock

        from django.core.files.storage import FileSystemStorage

        original = FileSystemStorage.get_modified_time
        destination = self.storage

        def later(storage: Any, name: str) -> datetime.datetime:
            moment: datetime.datetime = original(storage, name)
            return moment if storage is destination else moment + datetime.timedelta(days=1)

        return mock.patch.object(FileSystemStorage, "get_modified_time", later)

    def test_D01_collectstatic_clear(self) -> None:
        """``--clear`` deletes everything that was there, in every directory."""
        self.needs_static_files()
        for name in ("old.txt", "css/old.txt", "x/y/z/old.txt"):
            self.put(name)
        files = self.static_files()
        self.assertIn("3 static files copied", self.collect(files, self.storage, clear=True))
        self.assertFiles(files)

    def test_D01_collectstatic_dry_run(self) -> None:
        """``--dry-run`` changes nothing."""
        self.needs_static_files()
        data = self.content()
        name = self.put("old.txt", data)
        self.collect(self.static_files(), self.storage, dry_run=True, clear=True)
        self.assertFiles({name: data})

    def test_D01_manifest(self) -> None:
        """A ManifestFilesMixin subclass hashes names, rewrites CSS, and serves its URLs."""
        self.needs_static_files()
        self.needs_any_content()
        if not self.has_urls:
            self.not_applicable("hashed URLs need URLs")
        kind = type("Manifest", (ManifestFilesMixin, type(self.storage)), {})

        def make() -> Any:
            _, args, kwargs = self.make_storage_with_base_url("/static/").deconstruct()
            made = kind(*args, **kwargs)
            if hasattr(made, "close"):
                self.addCleanup(made.close)
            return made

        files = {
            "css/a.css": b'@import url("b.css"); p { background: url("../img/i.png") }',
            "css/b.css": b"b { color: red }",
            "img/i.png": b"\x89PNG not really",
        }
        with override_settings(DEBUG=False, STATIC_URL="/static/"):
            self.assertIn("3 post-processed", self.collect(files, make()))
            manifest = make()
            self.assertEqual(set(manifest.hashed_files), set(files))
            url = manifest.url("css/a.css")
            self.assertRegex(url, r"^/static/css/a\.[0-9a-f]{12}\.css$")
            css = self.read(url.removeprefix("/static/"), manifest).decode()
            self.assertRegex(css, r'url\("b\.[0-9a-f]{12}\.css"\)')
            self.assertRegex(css, r'url\("\.\./img/i\.[0-9a-f]{12}\.png"\)')
            before = self.all_names()
            self.collect(files, make())
            self.assertEqual(self.all_names(), before)

    def test_D01_staticfiles_alias(self) -> None:
        """``STORAGES["staticfiles"]`` may name the storage; ``staticfiles_storage`` is it then."""
        with aliases(staticfiles=self.storage):
            self.assertIsInstance(storages["staticfiles"], type(self.storage))
            name = staticfiles_storage.save("s.bin", ContentFile(self.content()))
            self.assertTrue(self.storage.exists(name))

    # fields and forms -----------------------------------------------------------------------------

    def file_model(self, field: models.FileField) -> type[models.Model]:
        """Return a model with ``field`` as ``file``."""

        class Document(models.Model):
            file = field
            title = models.CharField(max_length=10, blank=True)

            class Meta:
                app_label = "storages_contract"

        return Document

    @isolate_apps()
    def test_D02_file_field(self) -> None:
        """A file field saves, reads, replaces and deletes through its storage."""
        document: Any = self.file_model(models.FileField(upload_to="up", storage=self.storage))()
        first, second = self.content(), self.content(300)
        self.assertFalse(document.file)
        document.file.save("f.bin", ContentFile(first), save=False)
        name = document.file.name
        self.assertEqual(name, self.expected_name("up/f.bin", first))
        self.assertEqual((document.file.size, document.file.read()), (len(first), first))
        document.file.close()
        with document.file.open() as file:
            self.assertEqual(file.read(), first)
        document.file = ContentFile(second, name="g.bin")
        document._meta.get_field("file").pre_save(document, add=True)
        self.assertEqual(document.file.name, self.expected_name("up/g.bin", second))
        self.assertFiles({name: first, document.file.name: second})
        document.file.delete(save=False)
        self.assertFalse(document.file)
        self.assertFiles({name: first})

    @isolate_apps()
    def test_D02_upload_to_callable(self) -> None:
        """``upload_to`` may be a function; it is called once for each save."""
        calls: list[str] = []

        def upload_to(instance: Any, filename: str) -> str:  # noqa: ARG001
            calls.append(filename)
            return f"by-function/{len(calls)}/{filename}"

        document: Any = self.file_model(
            models.FileField(upload_to=upload_to, storage=self.storage)
        )()
        data = self.content()
        document.file.save("f.bin", ContentFile(data), save=False)
        self.assertEqual(calls, ["f.bin"])
        self.assertEqual(document.file.name, self.expected_name("by-function/1/f.bin", data))

    @isolate_apps()
    def test_D02_max_length(self) -> None:
        """A field's ``max_length`` bounds the stored name."""
        model = self.file_model(
            models.FileField(upload_to="u", max_length=60, storage=self.storage)
        )
        for _ in range(2):
            document: Any = model()
            data = self.content()
            document.file.save("n" * 90 + ".bin", ContentFile(data), save=False)
            self.assertLessEqual(len(document.file.name), 60)
            self.assertEqual(self.read(document.file.name), data)

    @isolate_apps()
    def test_D02_image_field(self) -> None:
        """An image field reads width and height through the storage."""
        try:
            data = png((30, 20))
        except ImportError:
            self.not_applicable("Pillow is not installed")

        class Picture(models.Model):
            width = models.IntegerField(default=0)
            height = models.IntegerField(default=0)
            file = models.ImageField(
                upload_to="up", storage=self.storage, width_field="width", height_field="height"
            )

            class Meta:
                app_label = "storages_contract"

        picture = Picture()
        picture.file.save("p.png", ContentFile(data, name="p.png"), save=False)
        self.assertEqual((picture.width, picture.height), (30, 20))
        again = Picture(file=picture.file.name)
        self.assertEqual((again.file.width, again.file.height), (30, 20))
        again.file.close()
        picture.file.close()

    @isolate_apps()
    def test_D03_model_form(self) -> None:
        """A model form stores small uploads (in memory) and large ones (temporary files)."""
        model = self.file_model(models.FileField(upload_to="up", storage=self.storage))

        form_class = forms.modelform_factory(model, fields=["file"])
        for size in (1000, 300_000):
            data = self.content(size)
            large = temporary_upload(data, "large.bin")
            self.addCleanup(large.close)
            upload = large if size > 1000 else SimpleUploadedFile("small.bin", data)
            form = form_class(data={}, files=MultiValueDict({"file": [upload]}))
            self.assertTrue(form.is_valid(), form.errors)
            document = form.save(commit=False)
            field: Any = document._meta.get_field("file")
            file = field.pre_save(document, add=True)
            self.assertEqual(self.read(file.name), data)
            file.close()

    # responses and aliases ------------------------------------------------------------------------

    def test_D04_file_response(self) -> None:
        """FileResponse streams a file that was sought; what it sends is what is stored."""
        data = self.content(200_000)
        file = self.storage.open(self.put("d/r.bin", data))
        response = FileResponse(file, content_type="application/x-odd")
        self.assertEqual(response.headers["Content-Length"], str(len(data)))
        self.assertEqual(b"".join(response), data)
        response.close()

    def test_D04_ranges(self) -> None:
        """A part can be sent after ``seek``, as a view that honours Range does."""
        data = self.content(200_000)
        with self.storage.open(self.put("d/r.bin", data)) as file:
            for start, length in ((0, 10), (150_000, 1000), (199_999, 1), (7, 100_000)):
                file.seek(start)
                response = StreamingHttpResponse(iter([file.read(length)]), status=206)
                self.assertEqual(b"".join(response), data[start : start + length])

    def test_D04_static_serve(self) -> None:
        """Where files have paths, Django's ``serve`` view sends them."""
        if not self.has_paths:
            with self.assertRaises(NotImplementedError):
                self.storage.path("x")
            return
        data = self.content(5000)
        name = self.put("d/s.bin", data)
        request = RequestFactory().get("/")
        response = serve(request, name, document_root=self.storage.path(""))
        self.assertEqual(b"".join(response), data)
        response.close()

    def test_D05_default_storage(self) -> None:
        """``STORAGES["default"]`` may name the storage; ``default_storage`` is it then."""
        data = self.content()
        with aliases(default=self.storage):
            name = default_storage.save("d/f.bin", ContentFile(data))
            with default_storage.open(name) as file:
                self.assertEqual(file.read(), data)
            field = models.FileField()
            self.assertIs(field.storage, default_storage)
        self.assertFiles({name: data})

    def test_D06_alias_per_thread(self) -> None:
        """``storages["x"]`` works in every thread, on the same files."""
        with aliases(x=self.storage):
            seen: dict[int, Any] = {}

            def work() -> str:
                storage = storages["x"]
                seen[threading.get_ident()] = storage
                return str(storage.save("d/f.bin", ContentFile(self.content())))

            works: list[Callable[[], str]] = [work] * 4
            names = self.in_threads(*works)
            self.assertEqual(self.all_names(), set(names))

    def test_D08_path(self) -> None:
        """``path`` raises NotImplementedError, for "" too, unless the files are on this disk."""
        for asked in ("", "d/f.bin"):
            if self.has_paths:
                self.assertTrue(pathlib.Path(self.storage.path(asked)).is_absolute())
            else:
                with self.assertRaises(NotImplementedError):
                    self.storage.path(asked)
        if self.has_paths:
            data = self.content()
            name = self.put("d/f.bin", data)
            self.assertEqual(pathlib.Path(self.storage.path(name)).read_bytes(), data)
