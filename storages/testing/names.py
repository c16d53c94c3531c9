"""Names: what may be a name stays exactly that name, and no two names are confused."""

from __future__ import annotations

import posixpath
import unicodedata

from django.core.exceptions import SuspiciousFileOperation

from storages.testing.case import ContractCase

__all__ = ["ODD_NAMES", "NamesContract"]

#: Names that are legal, and that clients, servers and URLs like to damage.
ODD_NAMES: dict[str, str] = {
    "space": "a b.txt",
    "leading space": " a.txt",
    "trailing space": "a.txt ",
    "unicode": "žluťoučký-日本語-🙂.txt",
    "right to left": "ملف.txt",
    "brackets": "a[1](2).txt",
    "braces": "{a}{0}.txt",
    "percent": "a%46%2e%2E%.txt",
    "query": "a+b&c=d.txt",
    "fragment": "a#b?c.txt",
    "quotes": 'o\'brien "x" `y`.txt',
    "sql": "x' or '1'='1",
    "shell": "$HOME;ls|cat>x*&!.txt",
    "colon": "a:b@c,d.txt",
    "scheme": "http:x",
    "leading dot": ".hidden",
    "leading dash": "-rf",
    "tilde": "~root",
    "dots": "a..b...txt",
    "three dots": "...",
    "200 bytes": "n" * 196 + ".txt",
    "200 bytes of unicode": "é" * 98 + ".txt",
    "10 levels": "1/2/3/4/5/6/7/8/9/a.txt",
    "no extension": "name",
    "two extensions": "a.tar.gz",
    "upper case": "READ.ME",
    "number": "0",
    "null": "None",
}


class NamesContract(ContractCase):
    """Chapter N."""

    def test_N01_odd_names_round_trip(self) -> None:
        """A file of an odd name can be saved, opened, measured, found, listed and deleted."""
        for number, (kind, odd) in enumerate(ODD_NAMES.items()):
            with self.subTest(kind, name=odd):
                data = self.content(50 + number)
                wanted = f"n{number}/{odd}"
                name = self.put(wanted, data)
                self.assertEqual(name, self.expected_name(wanted, data))
                self.assertEqual(self.read(name), data)
                self.assertEqual(self.storage.size(name), len(data))
                self.assertTrue(self.storage.exists(name))
                directory, base = posixpath.split(name)
                if self.lists:
                    self.assertEqual(self.storage.listdir(directory), ([], [base]))
                self.storage.delete(name)
                self.assertFalse(self.storage.exists(name))

    def test_N01_odd_names_of_directories(self) -> None:
        """An odd name works as a directory too."""
        files: dict[str, bytes] = {}
        for odd in ODD_NAMES.values():
            data = self.content()
            files[self.put(f"{odd}/f.txt", data)] = data
        self.assertFiles(files)
        self.assertListings(files)

    def test_N02_name_is_returned_as_given(self) -> None:
        """A free name is returned exactly as it was given, never re-encoded."""
        for number, odd in enumerate(ODD_NAMES.values()):
            data = self.content()
            wanted = f"{number}/{odd}"
            self.assertEqual(self.put(wanted, data), self.expected_name(wanted, data))

    def test_N03_similar_names_do_not_collide(self) -> None:
        """Names that only look alike are different files."""
        files: dict[str, bytes] = {}
        names = ["x/a", "x/a_b", "x/a-b", "x/a b", "x/a.b", "x/ab", "x/a%20b", "x/a+b", "xa", "x_a"]
        for wanted in names:
            data = self.content()
            expected = self.expected_name(wanted, data)
            name = self.put(wanted, data)
            self.assertNotIn(name, files)
            if expected not in files:  # else two names are rewritten to the same one
                self.assertEqual(name, expected)
            files[name] = data
        self.assertFiles(files)

    def test_N04_names_that_differ_in_case(self) -> None:
        """``a.txt`` and ``A.TXT`` are two files, or one where that is declared."""
        first, second = self.content(), self.content()
        lower, upper = self.put("case/a.txt", first), self.put("case/A.txt", second)
        if self.case_sensitive:
            self.assertEqual(upper, self.expected_name("case/A.txt", second))
            self.assertFiles({lower: first, upper: second})
        else:
            self.assertTrue(self.storage.exists(lower.swapcase()))
            if self.same_name == "overwrite":
                self.assertEqual(self.read(lower), second)
            else:
                self.assertNotEqual(lower.lower(), upper.lower())
                self.assertEqual(self.read(lower), first)

    def test_N05_unicode_forms(self) -> None:
        """The NFC and NFD forms of a name are two files, or one where that is declared."""
        composed = unicodedata.normalize("NFC", "é/é.txt")
        decomposed = unicodedata.normalize("NFD", "é/é.txt")
        first, second = self.content(), self.content()
        one = self.put(composed, first)
        self.assertEqual(one, self.expected_name(composed, first))
        self.assertEqual(
            self.storage.exists(unicodedata.normalize("NFD", one)), not self.keeps_unicode_form
        )
        two = self.put(decomposed, second)
        if self.keeps_unicode_form:
            self.assertEqual(two, self.expected_name(decomposed, second))
            self.assertFiles({one: first, two: second})
        else:
            self.assertEqual(self.read(two), second)

    def test_N06_spaces_at_the_end_count(self) -> None:
        """``"a "`` and ``"a"`` are two files, or the first is refused; they are never one."""
        first, second = self.content(), self.content()
        name = self.put("s/a", first)
        try:
            other = self.put("s/a ", second)
        except (SuspiciousFileOperation, OSError):
            self.assertFiles({name: first})
        else:
            self.assertEqual(other, self.expected_name("s/a ", second))
            self.assertFiles({name: first, other: second})

    def test_N07_listing_does_not_leak_siblings(self) -> None:
        """A listing of ``dir`` has nothing of ``dir2`` or ``dir.txt``."""
        names = ["dir/a.txt", "dir2/b.txt", "dir.txt", "dir-x/c.txt", "di/d.txt", "dir/e/f.txt"]
        self.assertListings([self.put(name) for name in names])

    def test_N08_file_and_directory_of_one_stem(self) -> None:
        """``sub.txt`` and ``sub/x`` coexist."""
        data = {self.put("sub.txt", one): one for one in [self.content()]}
        data |= {self.put("sub/x", two): two for two in [self.content()]}
        self.assertFiles(data)
        self.assertListings(data)

    def test_N09_file_where_a_directory_is_needed(self) -> None:
        """Saving below a file fails with our error and changes nothing, or both are kept."""
        data = self.content()
        name = self.put("a", data)
        if self.nests_in_files:
            other = self.content()
            self.assertFiles({name: data, self.put(f"{name}/b", other): other})
        else:
            with self.assertOurs(NotADirectoryError, FileExistsError):
                self.put(f"{name}/b")
            self.assertFiles({name: data})

    def test_N09_writing_below_a_file(self) -> None:
        """Opening a name below a file for writing fails and changes nothing, or both are kept."""
        self.needs("opens_for_writing")
        data = self.content()
        name = self.put("a", data)
        if self.nests_in_files:
            self.write(f"{name}/b", data)
            self.assertFiles({name: data, f"{name}/b": data})
        else:
            with self.assertOurs(NotADirectoryError, FileExistsError):
                self.write(f"{name}/b", data)
            self.assertFiles({name: data})

    def test_N09_saving_over_a_directory(self) -> None:
        """A file is never put in the place of a directory: another name, or our error."""
        data, other = self.content(), self.content()
        name = self.put("d/x", data)
        directory = name.partition("/")[0]
        if self.expected_name(directory, other) != directory:
            self.not_applicable("save rewrites the name, so it cannot meet the directory's")
        if self.nests_in_files:
            self.assertFiles({name: data, self.put(directory, other): other})
        elif self.same_name == "overwrite":
            with self.assertOurs(IsADirectoryError, FileExistsError):
                self.put(directory, other)
            self.assertFiles({name: data})
        else:
            second = self.put(directory, other)
            self.assertNotEqual(second, directory)
            self.assertFiles({name: data, second: other})

    def test_N10_backslashes_become_slashes(self) -> None:
        """A backslash separates directories, as in Django, in every method."""
        data = self.content()
        name = self.put("d\\e\\f.txt", data)
        self.assertEqual(name, self.expected_name("d/e/f.txt", data))
        back = name.replace("/", "\\")
        self.assertTrue(self.storage.exists(back))
        self.assertEqual(self.read(back), data)
        self.assertEqual(self.storage.size(back), len(data))
        directory, base = posixpath.split(name)
        if self.lists:
            listed = self.storage.listdir(directory.replace("/", "\\"))
            self.assertEqual(listed, ([], [base]))
        if "modified" in self.supports_times:
            self.assertEqual(
                self.storage.get_modified_time(back), self.storage.get_modified_time(name)
            )
        if self.has_urls:
            storage = self.make_storage_with_base_url("/m/")
            self.assertEqual(storage.url(back), storage.url(name))
        self.assertFiles({name: data})
        self.storage.delete(back)
        self.assertFiles({})

    def test_N11_longest_component(self) -> None:
        """The longest component works as directory and file; one byte more is refused.

        Where components have no limit of their own, 300 bytes work.
        """
        if self.max_component is None:
            data = self.content()
            wanted = "d" * 300 + "/" + "f" * 300
            name = self.put(wanted, data)
            self.assertEqual(name, self.expected_name(wanted, data))
            self.assertFiles({name: data})
            return
        longest = self.max_component
        data = self.content()
        wanted = f"{'d' * longest}/{'f' * (longest - 4)}.txt"
        name = self.put(wanted, data)
        self.assertEqual(name, self.expected_name(wanted, data))
        self.assertFiles({name: data})
        for wanted in ("d" * (longest + 1) + "/f.txt", "f" * (longest - 3) + ".txt"):
            if self.expected_name(wanted, data).rpartition("/")[2] != wanted.rpartition("/")[2]:
                wanted = "d" * (longest + 1) + "/f.txt"  # noqa: PLW2901 - the name is rewritten
            with self.subTest(wanted=wanted), self.assertOurs():
                self.put(wanted)
            self.assertFiles({name: data})

    def test_N11_longest_name(self) -> None:
        """The longest whole name works; one character more is refused and leaves nothing.

        Where no limit is declared, 800 characters work.
        """
        if self.max_name is None:
            data = self.content()
            wanted = "d" * 99 + ("/" + "d" * 99) * 7
            name = self.put(wanted, data)
            self.assertEqual(name, self.expected_name(wanted, data))
            self.assertFiles({name: data})
            return
        part = "d" * 50 + "/"
        longest = (part * (self.max_name // len(part) + 1))[: self.max_name - 1].rstrip("/")
        longest += "x" * (self.max_name - len(longest))
        data = self.content()
        self.assertEqual(self.put(longest, data), longest)
        with self.assertOurs():
            self.put(longest + "x")
        self.assertFiles({longest: data})

    def test_N12_metacharacters_match_literally(self) -> None:
        """What means something to SQL LIKE, globs or regular expressions means itself."""
        names = ["a%", "ab", "a_", "a*", "a[b]", "a?", "a.", "a+", "a^", "a$", "(a)", "a|b", "axb"]
        stored = [self.put(f"{directory}/f{n}.txt") for n, directory in enumerate(names)]
        self.assertListings(stored)
        for directory in ("%", "_", "__", "*", "?", "a%b", ".*", "[a]"):
            self.assertFalse(self.storage.exists(directory), directory)
            self.assertFalse(self.storage.exists(f"{directory}/f0.txt"), directory)

    def test_N12_deleting_metacharacters(self) -> None:
        """Deleting ``a%`` or ``a_`` deletes that file only."""
        files: dict[str, bytes] = {}
        for wanted in ("a%", "a_", "ab", "a*", "abc"):
            data = self.content()
            files[self.put(f"m/{wanted}", data)] = data
        for name in [name for name in files if set("%_*") & set(name)]:
            self.storage.delete(name)
            del files[name]
            self.assertFiles(files)

    def test_N13_names_like_temporary_ones_are_ordinary(self) -> None:
        """Names that other programs use for temporary and lock files are the user's own."""
        files: dict[str, bytes] = {}
        for number, wanted in enumerate(
            (
                "x.part",
                "x.tmp",
                ".x.swp",
                "x~",
                "#x#",
                "x.lock",
                ".lock",
                "x.filepart",
                ".~tmp~",
                ".nfs0001",
                ".DS_Store",
                "tmp",
                "lost+found",
                ".fuse_hidden01",
            )
        ):
            data = self.content()
            files[self.put(f"t{number}/{wanted}", data)] = data
        self.assertFiles(files)
        self.assertListings(files)

    def test_N13_our_temporary_names_are_refused(self) -> None:
        """A name of the form that this package gives to unfinished files is refused everywhere."""
        self.needs("extended")
        from storages.staging import is_temporary, temporary_name

        reserved = temporary_name()
        self.assertTrue(is_temporary(reserved))
        for name in (reserved, f"d/{reserved}"):
            for attempt in (
                lambda name=name: self.put(name),
                lambda name=name: self.storage.open(name),
                lambda name=name: self.storage.open(name, "wb"),
                lambda name=name: self.storage.delete(name),
                lambda name=name: self.storage.exists(name),
            ):
                with self.assertRaises(SuspiciousFileOperation):
                    attempt()
        self.assertFiles({})

    def test_N14_one_file_has_one_name(self) -> None:
        """Spellings with empty or dot components are refused, not repaired, also by readers."""
        name = self.put("one/f.txt")
        for spelling in ("./" + name, "one/./f", "one//f", name + "/.", "/" + name):
            with self.subTest(spelling=spelling):
                with self.assertRaises(SuspiciousFileOperation):
                    self.storage.exists(spelling)
                with self.assertRaises(SuspiciousFileOperation):
                    self.storage.open(spelling)
