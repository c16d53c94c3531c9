"""Stat, exists, delete: what is there is told, what is not there is told apart from "cannot tell".

What only a service over a network can get wrong has its place here: Z08 with a real refusal, Z13
with a real dead server, Z14 (a store that answers 403 for a missing file). Here the hooks fail
instead, which tests the core.
"""

from __future__ import annotations

import hashlib
import unicodedata

from storages.testing.case import ContractCase

__all__ = ["StatContract"]


class StatContract(ContractCase):
    """Chapter Z."""

    def assertMissing(self, name: str) -> None:
        """Nothing is known of ``name``, and every question says so by FileNotFoundError."""
        self.assertFalse(self.storage.exists(name))
        questions = [self.storage.size, self.storage.open]
        questions += [getattr(self.storage, f"get_{kind}_time") for kind in self.supports_times]
        if self.extended:
            questions.append(self.storage.stat)
        for question in questions:
            with self.subTest(question=question.__name__):
                with self.assertOurs(FileNotFoundError) as caught:
                    question(name)
                self.assertIn(name.rpartition("/")[2], str(caught[0]))

    def test_Z01_missing_file(self) -> None:
        """A missing file does not exist, and size, times and open raise and name it."""
        self.put("other.txt")
        self.assertMissing("missing.txt")

    def test_Z01_empty_storage(self) -> None:
        """The same holds where nothing has ever been stored."""
        self.assertMissing("missing.txt")
        self.assertFiles({})

    def test_Z02_missing_directory(self) -> None:
        """A file in a missing directory is missing in the same way."""
        self.put("d/other.txt")
        self.assertMissing("no/such/directory/missing.txt")
        self.assertMissing("d/no/missing.txt")

    def test_Z03_below_a_file(self) -> None:
        """A file below a *file* is missing in the same way."""
        name = self.put("d/file.txt")
        self.assertMissing(f"{name}/missing.txt")
        self.assertMissing(f"{name}/no/missing.txt")

    def test_Z04_directories_exist(self) -> None:
        """``exists`` is true for the root and for directories, with or without a slash."""
        self.needs("lists")
        name = self.put("d/e/f.txt")
        self.assertTrue(self.storage.exists(""))
        self.assertTrue(self.storage.exists("d"))
        self.assertTrue(self.storage.exists("d/e"))
        self.assertTrue(self.storage.exists("d/e/"))
        self.assertTrue(self.storage.exists(name))
        for missing in ("", "/"):
            self.assertFalse(self.storage.exists(f"d/f{missing}"))

    def test_Z05_size_of_a_directory(self) -> None:
        """A directory has no size."""
        name = self.put("d/e/f.txt")
        for directory in ("d", name.rpartition("/")[0]):
            with self.assertOurs(IsADirectoryError, FileNotFoundError):
                self.storage.size(directory)

    def test_Z06_deleting_a_missing_file(self) -> None:
        """Deleting what is not there succeeds, as often as one likes, and deletes nothing."""
        data = self.content()
        name = self.put("d/file.txt", data)
        for missing in ("missing.txt", "no/such/file", "d/missing", f"{name}/below"):
            self.assertIsNone(self.storage.delete(missing))
        self.assertIsNone(self.storage.delete(name))
        self.assertIsNone(self.storage.delete(name))
        self.assertFiles({})

    def test_Z07_deleting_nothing(self) -> None:
        """``delete("")`` is a ValueError."""
        data = self.content()
        name = self.put("file.txt", data)
        for nothing in ("", None):
            with self.assertRaises(ValueError):
                self.storage.delete(nothing)
        self.assertFiles({name: data})

    def test_Z08_refused_delete(self) -> None:
        """When the store refuses to delete, PermissionError comes out, and the file is there."""
        self.needs("extended")
        data = self.content()
        name = self.put("d/file.txt", data)
        with self.refusing(self.storage):
            with self.assertOurs(PermissionError):
                self.storage.delete(name)
            with self.assertOurs(PermissionError):
                self.storage.delete_many([name])
        self.assertFiles({name: data})

    def test_Z09_name_is_free_after_delete(self) -> None:
        """After deleting a file its name can be used again, at once."""
        for _ in range(3):
            data = self.content()
            name = self.put("d/again.txt", data)
            self.assertEqual(name, self.expected_name("d/again.txt", data))
            self.assertFiles({name: data})
            self.storage.delete(name)
            self.assertFiles({})

    def test_Z10_siblings_survive(self) -> None:
        """Deleting a file deletes nothing else."""
        files = {}
        for wanted in ("d/a", "d/ab", "d/a.txt", "d/b", "da", "d/c/a"):
            data = self.content()
            files[self.put(wanted, data)] = data
        for name in list(files):
            self.storage.delete(name)
            del files[name]
            self.assertFiles(files)

    def test_Z11_last_file_of_a_directory(self) -> None:
        """Deleting the last file removes its directory, or leaves it empty, as declared."""
        self.needs("lists")
        name = self.put("d/e/f.txt")
        directory = name.rpartition("/")[0]
        self.storage.delete(name)
        self.assertIs(self.storage.exists(directory), not self.directory_removed_with_last_file)
        if not self.directory_removed_with_last_file:
            self.assertEqual(self.storage.listdir(directory), ([], []))
        self.assertTrue(self.storage.exists(""))

    def test_Z12_deleting_directories(self) -> None:
        """An empty directory can be deleted, and made anew; a full one keeps its files."""
        self.needs("lists")
        data = self.content()
        name = self.put("d/e/f.txt", data)
        directory = name.rpartition("/")[0]
        for full in (directory, directory + "/", name.partition("/")[0]):
            if self.deletes_files_only:
                self.assertIsNone(self.storage.delete(full))
            else:
                with self.assertOurs(OSError):
                    self.storage.delete(full)
            self.assertFiles({name: data})
        self.storage.delete(name)
        self.storage.delete(directory)
        self.assertFalse(self.storage.exists(directory))
        for _ in range(2):
            name = self.put("e\u0301/e\u0301", data)
            # The store may have kept another spelling, of those that Unicode calls equal.
            name = name if self.keeps_unicode_form else unicodedata.normalize("NFC", name)
            self.assertFiles({name: data})
            self.storage.delete(name)
            self.storage.delete(name.rpartition("/")[0])

    def test_Z13_cannot_tell(self) -> None:
        """When the store cannot be asked, ``exists`` raises; it never answers False."""
        self.needs("extended")
        name = self.put("file.txt")
        missing = self.expected_name("missing.txt", self.content())
        failures = [
            ConnectionError(111, "Connection refused"),
            TimeoutError(110, "timed out"),
            PermissionError(13, "Permission denied"),
            OSError(5, "Input/output error"),
        ]
        for failure in failures:
            with self.subTest(type(failure).__name__), self.failing(self.storage, failure):
                for asked in (name, missing, ""):
                    with self.assertOurs(type(failure)):
                        self.storage.exists(asked)
                with self.assertOurs(type(failure)):
                    self.storage.size(name)

    def test_Z15_stat(self) -> None:
        """``stat`` tells size, times and version at once, and what it cannot tell is None."""
        self.needs("extended")
        data = self.content(1000)
        name = self.put("d/file.txt", data)
        stat = self.storage.stat(name)
        self.assertEqual(stat.size, 1000)
        self.assertEqual(stat.modified is not None, "modified" in self.supports_times)
        self.assertEqual(stat.accessed is not None, "accessed" in self.supports_times)
        if self.integrity is not None:
            self.assertTrue(stat.checksum.startswith(f"{self.integrity}:"), stat.checksum)
        with self.storage.open(name) as file:
            self.assertEqual(file.stat.version, stat.version)
            self.assertEqual(file.stat.size, 1000)

    def test_Z15_version_differs_with_the_content(self) -> None:
        """A file that was replaced has another version, also by content of the same size."""
        self.needs("extended")
        if self.same_name == "content-addressed" and not self.opens_for_writing:
            self.not_applicable("a file cannot be replaced by another one")
        name = self.put("d/file.txt", self.content(1000))
        versions = [self.storage.stat(name).version]
        if versions == [None]:
            self.not_applicable("the store tells no version")
        for _ in range(3):
            self.replace(name, self.content(1000))
            versions.append(self.storage.stat(name).version)
        self.assertEqual(len(set(versions)), 4, versions)

    def test_Z16_checksum(self) -> None:
        """The checksum that ``stat`` tells is that of the content; None where nothing is kept."""
        self.needs("extended")
        data = self.content(200_000)
        checksum = self.storage.stat(self.put("sum.bin", data)).checksum
        if self.integrity is None:
            self.assertIsNone(checksum)
        else:
            expected = hashlib.new(self.integrity, data).hexdigest()
            self.assertEqual(checksum, f"{self.integrity}:{expected}")
