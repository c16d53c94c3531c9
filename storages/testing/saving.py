"""Saving: a file is stored whole under a name of its own, or not at all."""

from __future__ import annotations

import errno
import itertools
import pathlib
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import (
    SimpleUploadedFile,
    TemporaryUploadedFile,
)
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from storages.testing.case import ContractCase
from storages.testing.sources import (
    Failing,
    Pausing,
    SourceFailure,
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

    def test_S01_bytes_round_trip(self) -> None:
        """Every byte value comes back, and save returns the name."""
        data = self.content(0) + bytes(range(256)) * 3
        if not self.accepts_any_content:
            data = self.content(2000)
        name = self.put("s/all.bin", data)
        self.assertEqual(name, self.expected_name("s/all.bin", data))
        self.assertFiles({name: data})

    def test_S02_same_name_twice(self) -> None:
        """The second file of a name gets another name, or replaces the first, as declared."""
        one, first, two, second = self.save_twice("s/same.txt")
        if self.same_name == "overwrite":
            self.assertEqual(one, two)
            self.assertFiles({one: second})
        else:
            self.assertNotEqual(one, two)
            self.assertFiles({one: first, two: second})

    def test_S02_many_times_the_same_name(self) -> None:
        """Ten files of one name: all are kept, or the last one, as declared."""
        contents = [self.content() for _ in range(10)]
        names = [self.put("same", data) for data in contents]
        expected = dict(zip(names, contents, strict=True))
        self.assertEqual(len(expected), 1 if self.same_name == "overwrite" else 10)
        self.assertFiles(expected)

    def test_S02_same_content_twice(self) -> None:
        """Equal contents have one name only where names follow the content."""
        data = self.content()
        one, two = self.put("same.txt", data), self.put("same.txt", data)
        self.assertEqual(one != two, self.same_name == "alternative")
        self.assertFiles({one: data, two: data})

    def test_S10_failing_source_leaves_nothing(self) -> None:
        """The caller's error comes through as it is, and nothing exists or is listed."""
        kinds: list[type[Exception]] = [SourceFailure, OSError]
        for size, kind in itertools.product((1000, 300_000), kinds):
            with self.subTest(size=size, kind=kind):
                failure = kind(errno.EIO, "the source failed half-way")
                with self.assertRaises(kind) as caught:
                    self.storage.save("d/fails.txt", Failing(self.content(size), failure=failure))
                self.assertIs(caught.exception, failure)
                # Whoever follows what it came of, such as an error tracker, comes to an end.
                links: list[BaseException] = []
                link: BaseException | None = failure
                while link is not None:
                    self.assertNotIn(link, links)
                    links.append(link)
                    link = link.__cause__ or link.__context__
                self.assertFalse(self.storage.exists("d/fails.txt"))
                self.assertFiles({})

    def test_S11_failing_source_keeps_the_old_file(self) -> None:
        """An existing file of that name keeps its bytes."""
        data = self.content()
        name = self.put("d/old.txt", data)
        for size in (1000, 300_000):
            with self.subTest(size=size):
                with self.assertRaises(SourceFailure):
                    self.storage.save("d/old.txt", Failing(self.content(size)))
                self.assertFiles({name: data})

    def test_S12_not_visible_until_complete(self) -> None:
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
                except self.missing:
                    seen.append(False)

            with self.subTest(size=size):
                source = Pausing(data, lambda: self.in_threads(look))
                self.assertEqual(self.storage.save(wanted, source), name)
                self.assertEqual(seen, [False, False, False])
                self.assertEqual(self.read(name), data)

    def test_S12_old_content_visible_until_replaced(self) -> None:
        """While a file is being replaced, everybody reads the old bytes."""
        self.needs("opens_for_writing")
        old, new = self.content(5000), self.content(300_000)
        name = self.put("replaced.txt", old)
        with self.storage.open(name, "wb") as file:
            file.write(new[:200_000])
            self.assertEqual(self.read(name, self.another()), old)
            file.write(new[200_000:])
        self.assertFiles({name: new})

    def test_S13_max_length(self) -> None:
        """The returned name has at most ``max_length`` characters."""
        wanted = "d/" + "n" * 60 + ".txt"
        if len(self.expected_name(wanted, self.content(seed=1))) < len(wanted):
            self.not_applicable("the name does not depend on the one that is asked for")
        files: dict[str, bytes] = {}
        for _ in range(3):
            data = self.content()
            name = self.storage.save(wanted, ContentFile(data), max_length=30)
            self.assertLessEqual(len(name), 30)
            files[name] = data
        self.assertFiles(files)

    def test_S13_impossible_max_length(self) -> None:
        """When no name is short enough, the name is refused and nothing is stored."""
        with self.assertRaises(SuspiciousFileOperation):
            self.storage.save("directory/name.txt", ContentFile(self.content()), max_length=5)
        self.assertFiles({})

    def test_S14_max_length_when_the_race_is_lost(self) -> None:
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

    def test_S15_parents_appear(self) -> None:
        """Directories need not be made first."""
        data = self.content()
        name = self.put("p/q/r/s/t.txt", data)
        self.assertFiles({name: data})
        parents = name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            self.assertTrue(self.storage.exists("/".join(parents[:depth])))

    def test_S18_save_without_its_public_half(self) -> None:
        """``_save()`` works when called directly, as ManifestFilesMixin does."""
        data = self.content()
        name = self.storage._save("d/direct.txt", ContentFile(data))
        self.assertIn(name, {"d/direct.txt", self.expected_name("d/direct.txt", data)})
        self.assertFiles({name: data})

    def test_S19_name_of_the_content(self) -> None:
        """``name=None`` takes the content's own name."""
        data = self.content()
        name = self.storage.save(None, ContentFile(data, name="d/own.txt"))
        self.assertEqual(name, self.expected_name("d/own.txt", data))
        self.assertFiles({name: data})

    def test_S19_no_name_at_all(self) -> None:
        """Without any name nothing is stored and the caller is told."""
        with self.assertRaises((ValueError, TypeError, SuspiciousFileOperation, OSError)):
            self.storage.save(None, ContentFile(self.content()))
        self.assertFiles({})

    def test_S20_names_that_are_not_plain_strings(self) -> None:
        """Paths, lazily translated and safe strings are names, and a plain str comes back."""
        kinds: list[Any] = [
            pathlib.PurePosixPath("k/path.txt"),
            gettext_lazy("k/lazy.txt"),
            mark_safe("k/safe.txt"),
        ]
        for wanted in kinds:
            with self.subTest(type(wanted).__name__):
                data = self.content()
                name = self.storage.save(wanted, ContentFile(data))
                self.assertIs(type(name), str)
                self.assertEqual(name, self.expected_name(str(wanted), data))
                self.assertEqual(
                    self.read(type(wanted)(name) if wanted is kinds[0] else name), data
                )

    def test_S22_content_type(self) -> None:
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
