"""Made-up names, for every public method.

Whatever text is given as a name: it is refused, or it is the name of a file like any other. And
made-up histories, on a storage whose calls fail now and then.
"""

from __future__ import annotations

import inspect
import os
import posixpath
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from hypothesis import strategies as st

from storages import names as judge
from storages.base import RemoteStorage
from storages.errors import StorageError
from storages.testing.case import listing_of
from storages.testing.made_up import made_up_names, repeated, some_alike
from storages.testing.methods import NAMES, MethodsCase, public_methods
from storages.testing.model import interrupted, run_model

__all__ = ["FuzzContract"]

T = TypeVar("T")


class FuzzContract(MethodsCase):
    """Made-up names, for every public method (chapter X, from 20 on)."""

    changing = frozenset({"save", "delete", "delete_many", "copy", "move", "open"})
    """The public methods that change what is stored, without their asynchronous twins."""

    # What may be said to a name -----------------------------------------------------------------

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What may be raised for a name that is no file's: as Django does, or an error of ours."""
        error = StorageError if self.extended else OSError
        return (SuspiciousFileOperation, error, NotImplementedError, ValueError)

    def must_be_refused(self, name: str) -> bool:
        """Whether the package's judge refuses ``name`` as a file's."""
        try:
            judge.file_name(name)
        except SuspiciousFileOperation:
            return self.extended
        return False

    def fits(self, name: str) -> bool:
        """Whether ``name`` is so short that no storage has a reason to refuse it."""
        longest = self.max_component or 1000
        whole = min(self.max_name or 200, 200)
        # A suffix may be put at its end.
        parts = name.replace("\\", "/").split("/")
        return len(name) <= whole and all(len(part.encode()) <= longest - 10 for part in parts)

    def shown(self, name: str) -> str:
        """The form in which a listing shows ``name``."""
        return name if self.keeps_unicode_form else unicodedata.normalize("NFC", name)

    def same(self, name: str) -> str:
        """What two names that are one file's have in common."""
        name = self.shown(name)
        return name if self.case_sensitive else name.casefold()

    # Helpers ------------------------------------------------------------------------------------

    def assertStored(self, files: dict[str, bytes]) -> None:
        """Exactly ``files`` are stored, listed everywhere, and each can be read by its name."""
        self.assertEqual(self.all_names(), {self.shown(name) for name in files})
        for name, data in files.items():
            self.assertEqual(self.read(name), data, ascii(name))
            self.assertEqual(self.storage.size(name), len(data), ascii(name))
            self.assertTrue(self.storage.exists(name), ascii(name))
            if self.lists:
                directory, base = posixpath.split(name)
                self.assertIn(self.shown(base), self.storage.listdir(directory)[1])

    def remove_all(self, files: Iterable[str]) -> None:
        """Delete the files, and the directories that they or a refused one have left behind."""
        for name in files:
            self.storage.delete(name)
        if not self.real_directories:
            return
        found = [""]
        for directory in found:
            found += [judge.join(directory, name) for name in self.storage.listdir(directory)[0]]
        for directory in reversed(found[1:]):
            self.storage.delete(directory)

    def save_one(self, wanted: str, data: bytes, files: dict[str, bytes]) -> None:
        """Save ``data`` as ``wanted``, if that is a name, and note it in ``files``."""
        as_path = wanted.replace("\\", "/")
        # A file in the way of another, or a directory: chapter N tests what happens then.
        shown = [self.same(name) for name in files]
        free = self.same(as_path) not in shown and not listing_of(shown, self.same(as_path))[1]
        free = free and not any(name.startswith(f"{self.same(as_path)}/") for name in shown)
        below = any(self.same(as_path).startswith(f"{name}/") for name in shown)
        try:
            name = self.storage.save(wanted, ContentFile(data))
        except self.refusals as error:
            if self.must_be_refused(wanted):
                self.assertIsInstance(error, SuspiciousFileOperation, ascii(wanted))
            elif self.fits(wanted) and (self.nests_in_files or (free and not below)):
                raise
            return
        self.assertFalse(self.must_be_refused(wanted), ascii(wanted))
        expected = self.expected_name(as_path, data)
        if self.same_name == "alternative":
            self.assertNotIn(self.same(name), shown, ascii(wanted))
        if free and self.same(expected) not in shown:
            self.assertEqual(name, expected)
        for other in [each for each in files if self.same(each) == self.same(name)]:
            del files[other]
        files[name] = data

    def repeated(self, strategy: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
        """Check as many examples as are declared."""
        repeated(strategy, check, self.fuzz_examples)

    def twins_of(self, method: str) -> set[str]:
        """The method and its asynchronous twin."""
        return {method, f"a{method}"}

    # Cases --------------------------------------------------------------------------------------

    def test_X20_made_up_names_round_trip(self) -> None:
        """A name is refused and nothing stored, or it is a file's: found, read, listed, deleted.

        Names that are alike are never one file's, unless that is declared.
        """

        def check(wanted: list[str]) -> None:
            files: dict[str, bytes] = {}
            try:
                for each in wanted:
                    self.save_one(each, self.content(40), files)
                self.assertStored(files)
                if len(files) > 1:
                    gone = next(iter(files))
                    del files[gone]
                    self.storage.delete(gone)
                    self.assertFalse(self.storage.exists(gone) and not self.is_parent(gone, files))
                    self.assertStored(files)
            finally:
                self.remove_all(files)
            self.assertEqual(self.all_names(), set())

        self.repeated(some_alike(), check)

    def test_O02_random_histories_with_failures(self) -> None:
        """Where calls fail now and then, and are tried again, nobody notices."""
        self.needs("lists")
        if not isinstance(self.storage, RemoteStorage):
            self.not_applicable("the storage tries nothing again: it is on no network")
        examples = 20 * self.model_examples if self.full else 2
        with interrupted(self.storage, 7) as failures:
            steps = 60 if self.full else 25
            run_model(self, examples, steps=steps, derandomize=not self.full, unanswered=failures)
        self.assertGreater(sum(failures.fired.values()), 5)

    def test_O02_long_random_histories(self) -> None:
        """Many histories, and long ones, leave the storage as they leave a dict."""
        self.needs("lists")
        if not self.full:
            self.not_applicable("the quick pass has the short histories of the contract")
        run_model(self, 20 * self.model_examples, steps=100)

    def is_parent(self, name: str, files: Iterable[str]) -> bool:
        """Whether one of ``files`` is below ``name``."""
        return any(self.same(other).startswith(f"{self.same(name)}/") for other in files)

    def test_X21_every_reading_method(self) -> None:
        """No method that only asks knows a file that is not there, or fails in another way."""
        kept = self.keep()
        changing = set().union(*map(self.twins_of, self.changing - {"open"}))
        methods = [(m, s) for m, s in public_methods(self.storage) if m not in changing]
        self.assertLessEqual({"open", "exists", "size", "listdir"}, {name for name, _ in methods})

        def check(name: str) -> None:
            for method, signature in methods:
                for spot in sorted(NAMES & set(signature.parameters)):
                    try:
                        result = self.call(method, signature, name, spot)
                    except self.refusals:
                        continue
                    self.judge(method, name, result, kept)
            self.assertStored(kept)

        self.repeated(made_up_names().filter(lambda name: name not in kept), check)

    def keep(self) -> dict[str, bytes]:
        """Store files that no method with another name may touch."""
        files = {}
        for name in ("harmless", "neighbours/x"):
            data = self.content(40)
            files[self.put(name, data)] = data
        return files

    def judge(self, method: str, name: str, result: Any, kept: dict[str, bytes]) -> None:
        """Look at what a method has said of a name, under which there is no file."""
        if method in self.makes_names | {"get_available_name", "get_alternative_name"}:
            self.assertIsInstance(result, str)
            return
        plain = method.removeprefix("a")
        if plain in {"open", "size", "stat"} and self.same(name.replace("\\", "/")) not in kept:
            self.fail(f"{method} knows {name!a}")
        if plain == "exists" and result:
            place = self.same(name.replace("\\", "/")).rstrip("/")
            found = place in {"", "."} or place in kept or self.is_parent(place, kept)
            self.assertTrue(found, ascii(name))
        if plain == "url":
            self.assertRegex(result, r"\A[!-~]*\Z", ascii(name))
        if plain == "path":
            root = os.path.normpath(self.storage.path(""))
            self.assertEqual(os.path.commonpath([root, os.path.normpath(result)]), root)

    def test_X22_every_changing_method(self) -> None:
        """A method changes nothing but the file that it was told to."""
        wanted = set().union(*map(self.twins_of, self.changing - {"open"}))
        methods = [
            (method, signature, spot)
            for method, signature in public_methods(self.storage)
            if method in wanted
            for spot in sorted(NAMES & set(signature.parameters))
        ]
        self.assertLessEqual({"save", "delete"}, {name for name, _, _ in methods})

        def check(drawn: tuple[str, bool, tuple[str, inspect.Signature, str]]) -> None:
            name, there, way = drawn
            files = self.keep()
            made: Iterable[str] = files
            try:
                known = list(files)
                if there:
                    self.save_one(name, self.content(40), files)
                saved = [each for each in files if each not in known]
                touched = self.change(name, saved, *way)
                made = sorted(self.all_names())
                before, after = set(map(self.same, files)), set(map(self.same, made))
                self.assertLessEqual(before ^ after, touched, f"{way[0]}({way[2]}={name!a})")
                for other, data in files.items():
                    if self.same(other) not in touched:
                        self.assertEqual(self.read(other), data)
            finally:
                self.remove_all(made)
            self.assertEqual(self.all_names(), set())

        self.repeated(st.tuples(made_up_names(), st.booleans(), st.sampled_from(methods)), check)

    def change(
        self, name: str, saved: list[str], method: str, signature: inspect.Signature, spot: str
    ) -> set[str]:
        """Call a method; return the names that it may have touched (``saved``: what is there)."""
        touched = {self.same(each) for each in (name.replace("\\", "/").rstrip("/"), *saved)}
        if method.endswith("move"):
            touched.add("harmless")
        try:
            result = self.call(method, signature, name, spot)
        except self.refusals:
            # Whatever stops it, a refused name has not been looked for.
            return set() if self.must_be_refused(name.removesuffix("/")) else touched
        if isinstance(result, str):
            touched.add(self.same(result))
        return touched

    def test_X23_every_mode(self) -> None:
        """``open()`` makes a file of that name and no other, in every mode, or refuses it."""
        self.needs("opens_for_writing")

        def check(drawn: tuple[str, str]) -> None:
            name, mode = drawn
            files = self.keep()
            data = self.content(60)
            try:
                try:
                    with self.storage.open(name, mode) as file:
                        file.write(data)
                except self.refusals:
                    if not self.must_be_refused(name) and self.fits(name) and "r" not in mode:
                        place = self.same(name.replace("\\", "/"))
                        if self.nests_in_files:
                            raise
                        # In the way: a directory of that name, or a file above it.
                        self.assertTrue(
                            "x" in mode
                            or self.is_parent(place, files)
                            or any(place.startswith(f"{each}/") for each in files),
                            ascii(name),
                        )
                else:
                    self.assertFalse(self.must_be_refused(name), ascii(name))
                    place = name.replace("\\", "/")
                    for other in [each for each in files if self.same(each) == self.same(place)]:
                        if mode[0] in "ar":
                            data = files[other] + data if mode[0] == "a" else data
                        del files[other]
                    files[place] = data
                self.assertStored(files)
            finally:
                self.remove_all(files)
            self.assertEqual(self.all_names(), set())

        modes = st.sampled_from(["wb", "xb", "ab", "r+b", "w+b"])
        self.repeated(st.tuples(made_up_names(), modes), check)
