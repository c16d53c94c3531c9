"""Saving: a file is stored whole under a name of its own, or not at all."""

from __future__ import annotations

import io
import pathlib
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
)
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from storages.testing.case import ContractCase
from storages.testing.sources import (
    Chunks,
    Declared,
    Failing,
    Pausing,
    ReadOnly,
    SourceFailure,
    Unseekable,
)

__all__ = ["SavingContract", "before_write", "temporary_upload"]


def temporary_upload(data: bytes, name: str = "upload.txt") -> TemporaryUploadedFile:
    """Return what a form gives for a large upload."""
    upload = TemporaryUploadedFile(name, "text/plain", len(data), None)
    upload.write(data)
    upload.flush()
    upload.seek(0)
    return upload


@contextmanager
def before_write(storage: Any, action: Callable[[str], object]) -> Any:
    """Call ``action`` with the name just before each write, when the name has been chosen.

    It is the place where another process wins a race. The hook is patched where there is one, else
    Django's ``_save``.
    """
    method = "_write" if hasattr(storage, "_write") else "_save"
    original = getattr(storage, method)

    def write(name: str, *args: Any, **kwargs: Any) -> Any:
        action(name)
        return original(name, *args, **kwargs)

    with mock.patch.object(storage, method, write):
        yield


class SavingContract(ContractCase):
    """Chapter S."""

    def save_twice(self, wanted: str) -> tuple[str, bytes, str, bytes]:
        """Save two contents under one name; return both names and contents."""
        first, second = self.content(), self.content(120)
        return self.put(wanted, first), first, self.put(wanted, second), second

    def test_S01_bytes_round_trip(self) -> None:  # noqa: N802
        """Every byte value comes back, and save returns the name."""
        data = self.content(0) + bytes(range(256)) * 3
        if not self.accepts_any_content:
            data = self.content(2000)
        name = self.put("s/all.bin", data)
        self.assertEqual(name, self.expected_name("s/all.bin", data))
        self.assertFiles({name: data})

    def test_S02_same_name_twice(self) -> None:  # noqa: N802
        """The second file of a name gets another name, or replaces the first, as declared."""
        one, first, two, second = self.save_twice("s/same.txt")
        if self.same_name == "overwrite":
            self.assertEqual(one, two)
            self.assertFiles({one: second})
        else:
            self.assertNotEqual(one, two)
            self.assertFiles({one: first, two: second})

    def test_S02_many_times_the_same_name(self) -> None:  # noqa: N802
        """Ten files of one name: all are kept, or the last one, as declared."""
        contents = [self.content() for _ in range(10)]
        names = [self.put("same", data) for data in contents]
        expected = dict(zip(names, contents, strict=True))
        self.assertEqual(len(expected), 1 if self.same_name == "overwrite" else 10)
        self.assertFiles(expected)

    def test_S02_same_content_twice(self) -> None:  # noqa: N802
        """Equal contents have one name only where names follow the content."""
        data = self.content()
        one, two = self.put("same.txt", data), self.put("same.txt", data)
        self.assertEqual(one != two, self.same_name == "alternative")
        self.assertFiles({one: data, two: data})

    def test_S03_empty_content(self) -> None:  # noqa: N802
        """An empty file is a file; where only some contents are accepted it is refused."""
        if self.minimum_size:
            with self.assertRaises(ValueError):
                self.put("empty.txt", b"")
            self.assertFiles({})
        else:
            name = self.put("d/empty.txt", b"")
            self.assertEqual(name, self.expected_name("d/empty.txt", b""))
            self.assertFiles({name: b""})

    def test_S03_refused_content(self) -> None:  # noqa: N802
        """Content that the storage does not take is refused and leaves nothing."""
        if self.accepts_any_content:
            self.not_applicable("every content is accepted")
        with self.assertRaises(ValueError):
            self.put("text.txt", b"this is not what it takes")
        self.assertFiles({})

    def test_S04_text_is_stored_as_utf_8(self) -> None:  # noqa: N802
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

    def test_S04_long_text(self) -> None:  # noqa: N802
        """Text longer than any buffer, with characters of several bytes, is stored whole."""
        self.needs_any_content()
        text = "aé日🙂" * 100_000
        name = self.storage.save("long.txt", io.StringIO(text))
        self.assertEqual(self.read(name), text.encode())

    def test_S05_half_read_content_is_saved_from_the_start(self) -> None:  # noqa: N802
        """Where the caller's reading stopped does not matter."""
        data = self.content(5000)
        for number, source in enumerate(
            (ContentFile(data), io.BytesIO(data), File(io.BytesIO(data), "x"))
        ):
            with self.subTest(type(source).__name__):
                source.read(1234)
                name = self.storage.save(f"{number}/half.txt", source)
                self.assertEqual(self.read(name), data)

    def test_S06_unseekable_source_of_unknown_size(self) -> None:  # noqa: N802
        """A pipe can be saved, bare or in a File."""
        data = self.content(300_000)
        for number, source in enumerate((Unseekable(data), File(Unseekable(data), "pipe"))):
            with self.subTest(number):
                name = self.storage.save(f"{number}/pipe.txt", source)
                self.assertEqual(self.read(name), data)

    def test_S07_source_with_only_read(self) -> None:  # noqa: N802
        """An object with nothing but ``read()`` can be saved."""
        data = self.content(200_000)
        name = self.storage.save("d/readonly.txt", ReadOnly(data))
        self.assertFiles({name: data})

    def test_S08_source_shorter_than_declared(self) -> None:  # noqa: N802
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

    def test_S09_source_longer_than_declared(self) -> None:  # noqa: N802
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

    def test_S10_failing_source_leaves_nothing(self) -> None:  # noqa: N802
        """The caller's error comes through, and nothing exists or is listed."""
        for size in (1000, 300_000):
            with self.subTest(size=size):
                with self.assertRaises(SourceFailure):
                    self.storage.save("d/fails.txt", Failing(self.content(size)))
                self.assertFalse(self.storage.exists("d/fails.txt"))
                self.assertFiles({})

    def test_S11_failing_source_keeps_the_old_file(self) -> None:  # noqa: N802
        """An existing file of that name keeps its bytes."""
        data = self.content()
        name = self.put("d/old.txt", data)
        for size in (1000, 300_000):
            with self.subTest(size=size):
                with self.assertRaises(SourceFailure):
                    self.storage.save("d/old.txt", Failing(self.content(size)))
                self.assertFiles({name: data})

    def test_S12_not_visible_until_complete(self) -> None:  # noqa: N802
        """While a file is being saved, nobody finds, opens or lists it."""
        for size in (1000, 300_000):
            seen: list[bool] = []
            data = self.content(size)
            wanted = f"{size}/new.txt"
            name = self.expected_name(wanted, data)

            def look(name: str = name, seen: list[bool] = seen) -> None:
                other = self.another()
                seen.append(other.exists(name))
                seen.append(name in self.all_names(other))
                try:
                    other.open(name).close()
                    seen.append(True)
                except FileNotFoundError:
                    seen.append(False)

            with self.subTest(size=size):
                source = Pausing(data, lambda: self.in_threads(look))  # noqa: B023
                self.assertEqual(self.storage.save(wanted, source), name)
                self.assertEqual(seen, [False, False, False])
                self.assertEqual(self.read(name), data)

    def test_S12_old_content_visible_until_replaced(self) -> None:  # noqa: N802
        """While a file is being replaced, everybody reads the old bytes."""
        self.needs("opens_for_writing")
        old, new = self.content(5000), self.content(300_000)
        name = self.put("replaced.txt", old)
        with self.storage.open(name, "wb") as file:
            file.write(new[:200_000])
            self.assertEqual(self.read(name, self.another()), old)
            file.write(new[200_000:])
        self.assertFiles({name: new})

    def test_S13_max_length(self) -> None:  # noqa: N802
        """The returned name has at most ``max_length`` characters."""
        wanted = "d/" + "n" * 60 + ".txt"
        if len(self.expected_name(wanted, self.content(seed=1))) < len(wanted):
            self.not_applicable("the name does not depend on the one that is asked for")
        files = {}
        for _ in range(3):
            data = self.content()
            name = self.storage.save(wanted, ContentFile(data), max_length=30)
            self.assertLessEqual(len(name), 30)
            if self.same_name == "overwrite":
                files.clear()
            files[name] = data
        self.assertFiles(files)

    def test_S13_impossible_max_length(self) -> None:  # noqa: N802
        """When no name is short enough, the name is refused and nothing is stored."""
        with self.assertRaises(SuspiciousFileOperation):
            self.storage.save("directory/name.txt", ContentFile(self.content()), max_length=5)
        self.assertFiles({})

    def test_S14_max_length_when_the_race_is_lost(self) -> None:  # noqa: N802
        """The name chosen after losing a race has at most ``max_length`` characters too."""
        if self.same_name != "alternative":
            self.not_applicable("there is no alternative name to choose")
        wanted = "d/" + "n" * 20 + ".txt"
        other, mine, theirs = self.another(), self.content(), self.content()
        lost: list[str] = []

        def lose(name: str) -> None:
            if not lost:
                lost.append(name)
                self.in_threads(lambda: lost.append(self.put(wanted, theirs, other)))

        limit = len(self.expected_name(wanted, mine))
        with before_write(self.storage, lose):
            name = self.storage.save(wanted, ContentFile(mine), max_length=limit)
        self.assertEqual(lost[0], lost[1])
        self.assertLessEqual(len(name), limit)
        self.assertFiles({lost[1]: theirs, name: mine})

    def test_S15_parents_appear(self) -> None:  # noqa: N802
        """Directories need not be made first."""
        data = self.content()
        name = self.put("p/q/r/s/t.txt", data)
        self.assertFiles({name: data})
        parents = name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            self.assertTrue(self.storage.exists("/".join(parents[:depth])))

    def test_S16_every_kind_of_file(self) -> None:  # noqa: N802
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

    def test_S17_callers_file_stays_open_at_its_end(self) -> None:  # noqa: N802
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

    def test_S18_save_without_its_public_half(self) -> None:  # noqa: N802
        """``_save()`` works when called directly, as ManifestFilesMixin does."""
        data = self.content()
        name = self.storage._save("d/direct.txt", ContentFile(data))  # noqa: SLF001
        self.assertEqual(name, self.expected_name("d/direct.txt", data))
        self.assertFiles({name: data})

    def test_S19_name_of_the_content(self) -> None:  # noqa: N802
        """``name=None`` takes the content's own name."""
        data = self.content()
        name = self.storage.save(None, ContentFile(data, name="d/own.txt"))
        self.assertEqual(name, self.expected_name("d/own.txt", data))
        self.assertFiles({name: data})

    def test_S19_no_name_at_all(self) -> None:  # noqa: N802
        """Without any name nothing is stored and the caller is told."""
        with self.assertRaises((ValueError, TypeError, SuspiciousFileOperation, OSError)):
            self.storage.save(None, ContentFile(self.content()))
        self.assertFiles({})

    def test_S20_names_that_are_not_plain_strings(self) -> None:  # noqa: N802
        """Paths, lazily translated and safe strings are names, and a plain str comes back."""
        kinds: list[Any] = [
            pathlib.PurePosixPath("k/path.txt"),
            gettext_lazy("k/lazy.txt"),
            mark_safe("k/safe.txt"),  # noqa: S308 - no page shows it
        ]
        for wanted in kinds:
            with self.subTest(type(wanted).__name__):
                data = self.content()
                name = self.storage.save(wanted, ContentFile(data))
                self.assertIs(type(name), str)
                self.assertEqual(name, self.expected_name(str(wanted), data))
                self.assertEqual(self.read(type(wanted)(name) if wanted is kinds[0] else name), data)

    def test_S20_content_made_by_a_generator(self) -> None:  # noqa: N802
        """Content whose chunks a generator makes can be saved."""
        data = self.content(100_000)
        pieces = [data[start : start + 777] for start in range(0, len(data), 777)]
        name = self.storage.save("generated.txt", Chunks(*pieces))
        self.assertFiles({name: data})

    def test_S21_sizes_around_the_part_size(self) -> None:  # noqa: N802
        """One byte less, one more, several parts: every size comes back whole."""
        part = self.part_size
        files = {}
        for size in (1, part - 1, part, part + 1, 2 * part, 2 * part + 1, 5 * part - 1):
            data = self.content(size)
            files[self.put(f"{size}.bin", data)] = data
            stream = self.content(size)
            files[str(self.storage.save(f"{size}s.bin", Unseekable(stream, 60_000)))] = stream
        self.assertFiles(files)

    def test_S22_content_type(self) -> None:  # noqa: N802
        """An explicit content type wins, else the name tells, else it is octet-stream."""
        self.needs("keeps_content_type")
        data = self.content()
        explicit = SimpleUploadedFile("x.txt", data, content_type="application/x-odd")
        for wanted, source, expected in (
            ("d/x.txt", explicit, "application/x-odd"),
            ("d/y.css", ContentFile(data), "text/css"),
            ("d/z.tar.gz", ContentFile(data), "application/gzip"),
            ("d/unknown", ContentFile(data), "application/octet-stream"),
        ):
            name = self.storage.save(wanted, source)
            self.assertEqual(self.storage.stat(name).content_type, expected)
