"""Contents: whatever Django or Python calls a file can be saved, whole and from its start."""

from __future__ import annotations

import io
import tempfile
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
)

from storages.testing.case import ContractCase
from storages.testing.saving import temporary_upload
from storages.testing.sources import (
    Chunks,
    Declared,
    ReadOnly,
    Unseekable,
)

__all__ = ["ContentsContract"]


class ContentsContract(ContractCase):
    """Chapter S, second half: the sources."""

    def test_S03_empty_content(self) -> None:
        """An empty file is a file; where only some contents are accepted it is refused."""
        if self.minimum_size:
            with self.assertRaises(ValueError):
                self.put("empty.txt", b"")
            self.assertFiles({})
        else:
            name = self.put("d/empty.txt", b"")
            self.assertEqual(name, self.expected_name("d/empty.txt", b""))
            self.assertFiles({name: b""})

    def test_S03_refused_content(self) -> None:
        """Content that the storage does not take is refused and leaves nothing."""
        text = b"this is text, and nothing else"
        if self.accepts_any_content:
            self.assertFiles({self.put("text.txt", text): text})
        else:
            with self.assertRaises(ValueError):
                self.put("text.txt", text)
            self.assertFiles({})

    def test_S04_text_is_stored_as_utf_8(self) -> None:
        """Text content (a ContentFile, a StringIO, text chunks, a text file) becomes UTF-8."""
        self.needs_any_content()
        text = "héé\n日本\r\n🙂\ufeff"
        with tempfile.NamedTemporaryFile("w+", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            with open(file.name, encoding="utf-8", newline="") as reopened:  # noqa: PTH123
                sources: list[Any] = [
                    ContentFile(text),
                    io.StringIO(text, newline=""),
                    File(io.StringIO(text, newline=""), "x"),
                    Chunks("héé\n", "日本\r\n".encode(), "🙂\ufeff"),
                    reopened,
                ]
                for number, source in enumerate(sources):
                    with self.subTest(type(source).__name__):
                        name = self.storage.save(f"{number}/text.txt", source)
                        self.assertEqual(self.read(name), text.encode())
                        self.assertEqual(self.storage.size(name), len(text.encode()))

    def test_S04_long_text(self) -> None:
        """Text longer than any buffer, with characters of several bytes, is stored whole."""
        self.needs_any_content()
        text = "aé日🙂" * 100_000
        name = self.storage.save("long.txt", io.StringIO(text))
        self.assertEqual(self.read(name), text.encode())

    def test_S05_half_read_content_is_saved_from_the_start(self) -> None:
        """Where the caller's reading stopped does not matter."""
        data = self.content(5000)
        for number, source in enumerate(
            (ContentFile(data), io.BytesIO(data), File(io.BytesIO(data), "x"))
        ):
            with self.subTest(type(source).__name__):
                source.read(1234)
                name = self.storage.save(f"{number}/half.txt", source)
                self.assertEqual(self.read(name), data)

    def test_S06_unseekable_source_of_unknown_size(self) -> None:
        """A pipe can be saved, bare or in a File."""
        data = self.content(300_000)
        pipe: Any = Unseekable(data)
        for number, source in enumerate((Unseekable(data), File(pipe, "pipe"))):
            with self.subTest(number):
                name = self.storage.save(f"{number}/pipe.txt", source)
                self.assertEqual(self.read(name), data)

    def test_S07_source_with_only_read(self) -> None:
        """An object with nothing but ``read()`` can be saved."""
        data = self.content(200_000)
        name = self.storage.save("d/readonly.txt", ReadOnly(data))
        self.assertFiles({name: data})

    def test_S08_source_shorter_than_declared(self) -> None:
        """What was supplied is stored, or nothing and there is an error."""
        data = self.content(1000)
        for factory in (Declared, lambda data, size: File(Declared(data, size), "x")):
            with self.subTest(factory=factory):
                try:
                    name = self.storage.save("short.txt", factory(data, 5000))
                except (OSError, ValueError):
                    self.assertFiles({})
                else:
                    self.assertFiles({name: data})
                    self.storage.delete(name)

    def test_S09_source_longer_than_declared(self) -> None:
        """All is stored, or nothing and there is an error; the content is never silently cut."""
        data = self.content(200_000)
        for factory in (Declared, lambda data, size: File(Declared(data, size), "x")):
            with self.subTest(factory=factory):
                try:
                    name = self.storage.save("long.txt", factory(data, max(100, self.minimum_size)))
                except (OSError, ValueError):
                    self.assertFiles({})
                else:
                    self.assertFiles({name: data})
                    self.storage.delete(name)

    def test_S16_every_kind_of_file(self) -> None:
        """What Django's forms and Python's ``open`` give can be saved, small and large."""
        for size in (1000, 300_000):
            data = self.content(size)
            with tempfile.NamedTemporaryFile() as disk, open(disk.name, "rb") as plain:  # noqa: PTH123
                disk.write(data)
                disk.flush()
                upload = temporary_upload(data)
                self.addCleanup(upload.close)
                sources: list[Any] = [
                    upload,
                    InMemoryUploadedFile(io.BytesIO(data), "f", "n", "text/plain", size, None),
                    SimpleUploadedFile("n", data),
                    ContentFile(data),
                    File(open(disk.name, "rb")),  # noqa: PTH123, SIM115 - closed below
                    plain,
                    io.BytesIO(data),
                    disk,
                ]
                for number, source in enumerate(sources):
                    with self.subTest(kind=type(source).__name__, size=size):
                        name = self.storage.save(f"{size}/{number}.txt", source)
                        self.assertEqual(self.read(name), data)
                        self.assertEqual(self.storage.size(name), len(data))
                sources[4].close()

    def test_S17_callers_file_stays_open_at_its_end(self) -> None:
        """The caller's file is not closed; it is where reading it ended."""
        data = self.content(100_000)
        upload = temporary_upload(data)
        self.addCleanup(upload.close)
        sources: list[Any] = [ContentFile(data), io.BytesIO(data), File(io.BytesIO(data), "x")]
        for number, source in enumerate([*sources, upload]):
            with self.subTest(type(source).__name__):
                self.storage.save(f"{number}.txt", source)
                self.assertFalse(source.closed)
                self.assertEqual(source.tell(), len(data))
                source.seek(0)
                self.assertEqual(source.read(), data)

    def test_S20_content_made_by_a_generator(self) -> None:
        """Content whose chunks a generator makes can be saved."""
        data = self.content(100_000)
        pieces = [data[start : start + 777] for start in range(0, len(data), 777)]
        name = self.storage.save("generated.txt", Chunks(*pieces))
        self.assertFiles({name: data})

    def test_S21_sizes_around_the_part_size(self) -> None:
        """One byte less, one more, several parts: every size comes back whole."""
        part = self.part_size
        files: dict[str, bytes] = {}
        for size in (1, part - 1, part, part + 1, 2 * part, 2 * part + 1, 5 * part - 1):
            data = self.content(size)
            files[self.put(f"{size}.bin", data)] = data
            stream = self.content(size)
            files[str(self.storage.save(f"{size}s.bin", Unseekable(stream, 60_000)))] = stream
        self.assertFiles(files)
