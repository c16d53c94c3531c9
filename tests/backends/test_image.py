"""ImageStorage: images only, named after what they are."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile
from PIL import Image, ImageFile

from storages.backends import image
from storages.backends.image import ImageStorage, NotAnImage
from storages.errors import MissingLibrary, StorageError


@pytest.fixture
def storage(tmp_path: Path) -> ImageStorage:
    """A storage in a directory that does not exist yet."""
    return ImageStorage(tmp_path / "media")


def picture(kind: str, size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    """A small image."""
    file = io.BytesIO()
    Image.new("RGB", size, "navy").save(file, kind, **options)
    return file.getvalue()


def phone_picture() -> bytes:
    """What many phones write: a JPEG with a second image in it, which Pillow calls MPO."""
    second = Image.new("RGB", (8, 6), "red")
    return picture("MPO", save_all=True, append_images=[second])


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is that large, and has nearly no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def files_in(storage: ImageStorage) -> dict[str, bytes]:
    """Every file below the storage's directory, temporaries included."""
    root = Path(storage.location)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


NAMES = [
    ("a.JPEG", "JPEG", "a.jpg"),
    ("a.jpg", "JPEG", "a.jpg"),
    ("a", "PNG", "a.png"),
    ("b.gif", "PNG", "b.png"),
    ("d/e.tiff", "TIFF", "d/e.tiff"),
    ("d/e.tif", "TIFF", "d/e.tiff"),
    ("w.txt", "GIF", "w.gif"),
    ("x.tar.gz", "PNG", "x.tar.png"),
    ("d.e/f", "BMP", "d.e/f.bmp"),
    (".jpg", "PNG", ".jpg.png"),
    ("a.", "PNG", "a.png"),
    ("a.jp2", "JPEG2000", "a.jp2"),
    ("a.j2k", "JPEG2000", "a.jp2"),
    ("a.img", "WEBP", "a.webp"),
    ("a b c.png", "PNG", "a b c.png"),
]


class TestNames:
    """The suffix follows from the content."""

    @pytest.mark.parametrize(("name", "kind", "expected"), NAMES)
    def test_suffixes(self, name: str, kind: str, expected: str, storage: ImageStorage) -> None:
        """Only the last suffix is replaced, and the content is stored as it is."""
        data = picture(kind)
        assert storage.save(name, ContentFile(data)) == expected
        assert files_in(storage) == {expected: data}

    def test_a_phones_picture_is_a_jpg(self, storage: ImageStorage) -> None:
        """Whatever Pillow calls it."""
        data = phone_picture()
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.format == "MPO"
        assert storage.save("a.JPG", ContentFile(data)) == "a.jpg"

    def test_find_extension_can_be_overridden(self, tmp_path: Path) -> None:
        """As in 1.1.4: it gets Pillow's name for the format."""

        class Tif(ImageStorage):
            def find_extension(self, format: str) -> str:  # noqa: A002
                return "tif" if format == "TIFF" else super().find_extension(format)

        assert Tif(tmp_path).save("a.tiff", ContentFile(picture("TIFF"))) == "a.tif"
        assert Tif(tmp_path).save("a.jpeg", ContentFile(picture("JPEG"))) == "a.jpg"

    def test_collisions_are_judged_on_the_final_name(self, storage: ImageStorage) -> None:
        """Two names that become one get two names."""
        first, second = picture("PNG"), picture("PNG", (9, 9))
        assert storage.save("a.png", ContentFile(first)) == "a.png"
        name = storage.save("a.gif", ContentFile(second))
        assert name != "a.png"
        assert name.endswith(".png")
        assert files_in(storage) == {"a.png": first, name: second}

    def test_the_suffix_counts_in_max_length(self, storage: ImageStorage) -> None:
        """A name that only the suffix makes too long is shortened, and keeps the suffix."""
        name = storage.save("a" * 20, ContentFile(picture("PNG")), max_length=20)
        assert len(name) <= 20
        assert name.endswith(".png")
        with pytest.raises(SuspiciousFileOperation):
            storage.save("a" * 20, ContentFile(picture("PNG")), max_length=8)
        assert [*files_in(storage)] == [name]

    def test_without_a_name_the_contents_counts(self, storage: ImageStorage) -> None:
        """1.1.4 crashed."""
        assert storage.save(None, ContentFile(picture("PNG"), name="a.gif")) == "a.png"

    def test_bad_names_are_refused_as_everywhere(self, storage: ImageStorage) -> None:
        """Before the content is looked at."""
        for name in ("../a", "/a", "a/", "a/../../b", "..", "a\0"):
            with pytest.raises(SuspiciousFileOperation):
                storage.save(name, ContentFile(picture("PNG")))
        assert not Path(storage.location).exists()


class TestContents:
    """The content is looked at, and stored as it is."""

    def test_position_and_kind_do_not_matter(self, storage: ImageStorage) -> None:
        """Half read, wrapped, on the disk, not seekable, without size: all of it is stored."""

        class ReadOnly:
            def __init__(self, data: bytes) -> None:
                self.read = io.BytesIO(data).read

        data = picture("PNG", (300, 200))
        half_read = io.BytesIO(data)
        half_read.read(50)
        with TemporaryUploadedFile("a", "image/png", len(data), None) as upload:
            upload.write(data)
            for content in (half_read, File(io.BytesIO(data)), ReadOnly(data), upload):
                name = storage.save("a.png", content)
                assert files_in(storage)[name] == data
        assert half_read.tell() == len(data)
        assert not half_read.closed

    def test_only_the_header_is_read_to_name_it(
        self, storage: ImageStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is decoded, and a large image is not read twice."""
        reads: list[int] = []

        class Counting(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                data = super().read(size)
                reads.append(len(data))
                return data

        def refuse(*args: object) -> None:
            raise AssertionError("decoded")

        data = picture("BMP", (1000, 1000))
        monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
        storage.save("a.bmp", Counting(data))
        assert len(data) <= sum(reads) < len(data) + 100_000

    def test_an_upload_is_moved(self, storage: ImageStorage, tmp_path: Path) -> None:
        """Looking at it does not make a copy necessary."""
        data = picture("PNG")
        with TemporaryUploadedFile("a.png", "image/png", len(data), None) as upload:
            upload.write(data)
            upload.seek(0)
            before = Path(upload.temporary_file_path())
            same_disk = before.stat().st_dev == tmp_path.stat().st_dev
            storage.save("a.png", upload)
            assert before.exists() is not same_disk


class TestRefusing:
    """What is not an image is refused, and nothing is left."""

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"text",
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            b"<html><script>alert(1)</script></html>",
            b"%PDF-1.4\n%",
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
            picture("JPEG")[:3],
            picture("PNG")[:20],
            b"II*\0\xff\xff\xff\xff",
            b"BM" + b"\xff" * 60,
            b"GIF89a",
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x1cftypavif",
        ],
    )
    def test_what_is_not_an_image(self, data: bytes, storage: ImageStorage) -> None:
        """NotAnImage is a ValueError and one of our errors; no directory is made."""
        with pytest.raises(ValueError, match="not an image") as caught:
            storage.save("d/a.png", ContentFile(data))
        error = caught.value
        assert isinstance(error, NotAnImage)
        assert isinstance(error, StorageError)
        assert (error.operation, error.name, error.storage) == ("save", "d/a.png", repr(storage))
        assert error.__cause__ is not None
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert not Path(storage.location).exists()

    def test_cut_headers_raise_nothing_else(self, storage: ImageStorage) -> None:
        """Whatever Pillow's plugins run into."""
        for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "JPEG2000", "ICO", "PPM", "TGA"):
            data = picture(kind)
            for end in range(0, min(len(data), 120), 3):
                try:
                    storage.save("a", ContentFile(data[:end]))
                except NotAnImage:
                    continue
        for name in files_in(storage):
            assert name.startswith("a")

    def test_a_bomb_is_refused_with_advice(self, storage: ImageStorage) -> None:
        """An image that Pillow would refuse to open later is not stored in the first place."""
        with pytest.raises(NotAnImage, match="MAX_IMAGE_PIXELS"):
            storage.save("a.png", ContentFile(png_of(60_000, 60_000)))
        assert not Path(storage.location).exists()

    def test_a_large_image_below_the_limit_costs_nothing(self, storage: ImageStorage) -> None:
        """80 million pixels are neither decoded nor allocated."""
        data = png_of(10_000, 8_000)
        assert storage.save("a", ContentFile(data)) == "a.png"

    def test_a_failing_source_is_not_an_odd_image(self, storage: ImageStorage) -> None:
        """Its own exception comes out, while the header is read or later."""

        class Failing(io.BytesIO):
            def __init__(self, data: bytes, after: int) -> None:
                super().__init__(data)
                self.after = after

            def read(self, size: int | None = -1) -> bytes:
                if size and self.tell() >= self.after:
                    raise RuntimeError("the caller's")
                return super().read(size)

        for after in (0, 200_000):
            with pytest.raises(RuntimeError, match="the caller's"):
                storage.save("d/a", Failing(picture("BMP", (1000, 1000)), after))
        assert not Path(storage.location).exists()


class TestWritingFiles:
    """A file opened for writing keeps its name, and must be an image when it is closed."""

    def test_an_image_is_published_under_the_name_given(self, storage: ImageStorage) -> None:
        """Pillow saves to it directly."""
        with storage.open("a.jpeg", "wb") as file:
            Image.new("RGB", (8, 6)).save(file, "PNG")
        assert [*files_in(storage)] == ["a.jpeg"]

    def test_anything_else_is_refused_at_the_end(self, storage: ImageStorage) -> None:
        """What was there stays."""
        data = picture("PNG")
        storage.save("a.png", ContentFile(data))
        for mode in ("wb", "w"):
            with pytest.raises(NotAnImage), storage.open("a.png", mode) as file:
                file.write(b"text")
        with pytest.raises(NotAnImage), storage.open("b.png", "xb"):
            pass
        with pytest.raises(NotAnImage), storage.open("a.png", "r+b") as file:
            file.write(b"text")
        assert files_in(storage) == {"a.png": data}

    def test_save_without_save(self, storage: ImageStorage) -> None:
        """Django's manifest storages call _save(): the name stays, the content is looked at."""
        data = picture("PNG")
        assert storage._save("a.gif", ContentFile(data)) == "a.gif"
        with pytest.raises(NotAnImage):
            storage._save("b.png", ContentFile(b"text"))
        assert files_in(storage) == {"a.gif": data}


@pytest.fixture
def small_header(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pillow may look at ten thousand bytes."""
    monkeypatch.setattr(image, "_HEADER", 10_000)
    return 10_000


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_formats_that_pillow_reads_whole(
    kind: str, storage: ImageStorage, small_header: int
) -> None:
    """Large ones are known by how they begin, so that no file is held in memory."""
    if not _can_write(kind):
        pytest.skip(f"this Pillow cannot write {kind}")
    noise, file = Image.effect_noise((200, 200), 100).convert("RGB"), io.BytesIO()
    noise.save(file, kind, quality=95)
    data = file.getvalue()
    assert len(data) > small_header
    assert storage.save("a", ContentFile(data)) == f"a.{kind.lower()}"
    with pytest.raises(NotAnImage):
        storage.save("a", ContentFile(b"RIFF\0\0\0\0WAVE" + b"\0" * small_header))


def _can_write(kind: str) -> bool:
    Image.init()
    return kind in Image.SAVE


def test_import_and_construction_need_no_pillow() -> None:
    """The first use does, and says what to install."""
    program = """
import sys
sys.modules["PIL"] = None
from django.conf import settings
settings.configure()
from django.core.files.base import ContentFile
from storages.backends.image import ImageStorage
from storages.errors import MissingLibrary
storage = ImageStorage("/nowhere")
try:
    storage.save("a.png", ContentFile(b"x"))
except MissingLibrary as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert "django-storages[image]" in done.stdout
    assert MissingLibrary.__name__ not in done.stderr


def test_recorded_in_migrations_by_its_old_path() -> None:
    """As every release since 2012 wrote it."""
    assert ImageStorage().deconstruct() == ("storages.backends.image.ImageStorage", [], {})
