"""Listing: every file of the user's once, and nothing else."""

from __future__ import annotations

import threading

from django.db import connections

from storages.testing.case import ContractCase

__all__ = ["ListingContract"]


class ListingContract(ContractCase):
    """Chapter L."""

    def fill(self, directory: str, count: int, start: int = 0) -> dict[str, bytes]:
        """Store ``count`` files in one directory and return them; override to do it faster."""
        files: dict[str, bytes] = {}
        for number in range(start, start + count):
            data = self.content(30)
            files[self.put(f"{directory}/{number:05}.txt", data)] = data
        return files

    def test_L01_shape(self) -> None:
        """``listdir`` gives two lists of base names; ``a`` and ``a/`` are the same; "" the root."""
        self.needs("lists")
        name = self.put("a/b/c.txt")
        top = self.put("x.txt")
        self.assertListings([name, top])
        listed = self.storage.listdir("a")
        self.assertIsInstance(listed, tuple)
        self.assertEqual([type(part) for part in listed], [list, list])
        self.assertEqual(self.storage.listdir("a/"), listed)
        self.assertEqual(self.storage.listdir("a/b/"), self.storage.listdir("a/b"))

    def test_L01_root(self) -> None:
        """The root of an empty storage lists nothing."""
        self.needs("lists")
        self.assertEqual(self.storage.listdir(""), ([], []))

    def test_L02_L03_around_a_page(self) -> None:
        """A directory of a page less one, a page (L03), one more, and more lists all entries."""
        self.needs("lists")
        self.needs("slow")
        if self.page_size > 1000:
            self.not_applicable(f"declared page_size = {self.page_size}; override fill()")
        files: set[str] = set()
        for more in (self.page_size - 1, 1, 1, 99):
            files |= set(self.fill("many", more, len(files)))
            self.assertListings(files)
        self.assertEqual(len(files), self.page_size + 100)

    def test_L04_nothing_but_the_users_files(self) -> None:
        """While and after files are written, replaced and deleted, nothing else is listed."""
        self.needs("lists")
        data = self.content()
        name = self.put("d/a.txt", data)
        self.assertListings([name])
        if self.opens_for_writing:
            with self.storage.open("d/w.txt", "wb") as file:
                file.write(self.content(300_000))
                file.flush()
                self.assertListings([name])
            self.storage.delete("d/w.txt")
        gone = self.put("d/gone.txt")
        self.storage.delete(gone)
        self.assertFiles({name: data})

    def test_L05_missing_directory(self) -> None:
        """Listing a missing directory raises FileNotFoundError, or gives nothing, as declared."""
        self.needs("lists")
        self.put("d/a.txt")
        for missing in ("no", "d/no", "no/such/directory"):
            if self.lists_missing_as_empty:
                self.assertEqual(self.storage.listdir(missing), ([], []))
            else:
                with self.assertOurs(FileNotFoundError):
                    self.storage.listdir(missing)

    def test_L05_listing_a_file(self) -> None:
        """A file is no directory: listing it raises, or gives nothing where that is declared."""
        self.needs("lists")
        name = self.put("d/a.txt")
        if self.lists_missing_as_empty:
            self.assertEqual(self.storage.listdir(name), ([], []))
        else:
            with self.assertOurs(NotADirectoryError, FileNotFoundError):
                self.storage.listdir(name)

    def test_L06_while_others_insert_and_delete(self) -> None:
        """Names that nobody touches are listed exactly once while others come and go."""
        self.needs("lists")
        files = self.fill("busy", 60)
        directories = sorted({name.rpartition("/")[0] for name in files})
        kept = sorted(name.rpartition("/")[2] for name in files)
        done = threading.Event()
        failures: list[BaseException] = []

        def churn() -> None:
            storage = self.make_storage()
            try:
                while not done.is_set():
                    name = self.put(f"{directories[0]}/zz-churn.txt", storage=storage)
                    storage.delete(name)
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)
            finally:
                if hasattr(storage, "close"):
                    storage.close()
                connections.close_all()

        thread = threading.Thread(target=churn, daemon=True)
        thread.start()
        try:
            for _ in range(20):
                listed = [
                    name for directory in directories for name in self.storage.listdir(directory)[1]
                ]
                self.assertEqual(sorted(name for name in listed if name in kept), kept)
                self.assertEqual([n for n in listed if n not in kept and "churn" not in n], [])
        finally:
            done.set()
            thread.join(60)
        self.assertEqual(failures, [])

    def test_L07_only_directories(self) -> None:
        """A directory that has only directories lists them."""
        self.needs("lists")
        names = [self.put(f"top/{letter}/f.txt") for letter in "abc"]
        self.assertListings(names)
        self.assertEqual(sorted(self.storage.listdir("top")[0]), ["a", "b", "c"])
        self.assertEqual(self.storage.listdir("top")[1], [])

    def test_L08_entries_are_base_names(self) -> None:
        """No entry has a slash, none is empty, a dot or two; markers are not shown."""
        self.needs("lists")
        name = self.put("d/e/f/g.txt")
        parts = name.split("/")
        for depth in range(len(parts)):
            for part in self.storage.listdir("/".join(parts[:depth])):
                for entry in part:
                    self.assertNotIn("/", entry)
                    self.assertNotIn(entry, {"", ".", ".."})

    def test_L09_walk(self) -> None:
        """``walk`` yields every directory once, top down, from any start."""
        self.needs("lists")
        self.needs("extended")
        names = {self.put(n) for n in ("a.txt", "d/b.txt", "d/e/c.txt", "d/f/d.txt", "g/e.txt")}
        seen = list(self.storage.walk())
        tops = [top for top, _, _ in seen]
        self.assertEqual(tops[0], "")
        self.assertEqual(len(tops), len(set(tops)))
        found = {f"{top}/{name}" if top else name for top, _, files in seen for name in files}
        self.assertEqual(found, names)
        for top, directories, _ in seen:
            for directory in directories:
                self.assertGreater(tops.index(f"{top}/{directory}".lstrip("/")), tops.index(top))
        below = {f"{top}/{name}" for top, _, files in self.storage.walk("d") for name in files}
        self.assertEqual(below, {name for name in names if name.startswith("d/")})

    def test_L09_walk_pruned(self) -> None:
        """Removing a directory from the list keeps ``walk`` out of it."""
        self.needs("lists")
        self.needs("extended")
        for name in ("keep/a.txt", "skip/b.txt", "skip/deep/c.txt"):
            self.put(name)
        tops = []
        for top, directories, _ in self.storage.walk():
            tops.append(top)
            if "skip" in directories:
                directories.remove("skip")
        self.assertIn("keep", tops)
        self.assertEqual([top for top in tops if top.startswith("skip")], [])

    def test_L09_walk_deep(self) -> None:
        """A deep tree does not exhaust Python's stack, and a missing top raises."""
        self.needs("lists")
        self.needs("extended")
        name = self.put("/".join("d" * self.tree_depth) + "/f.txt")
        tops = [top for top, _, _ in self.storage.walk()]
        self.assertEqual(len(tops), name.count("/") + 1)
        if not self.lists_missing_as_empty:
            with self.assertOurs(FileNotFoundError):
                list(self.storage.walk("no/such/directory"))

    def test_L10_scandir(self) -> None:
        """``scandir`` gives what ``listdir`` gives; what it tells of a file agrees with stat."""
        self.needs("lists")
        self.needs("extended")
        names = [self.put("d/a.txt", self.content(1000)), self.put("d/e/b.txt")]
        directories, files = self.storage.listdir("d")
        entries = list(self.storage.scandir("d"))
        self.assertEqual(sorted(e.name for e in entries if e.is_dir), sorted(directories))
        self.assertEqual(sorted(e.name for e in entries if not e.is_dir), sorted(files))
        self.assertListings(names)
        for entry in entries:
            if entry.stat is not None and not entry.is_dir:
                self.assertEqual(entry.stat.size, self.storage.size(f"d/{entry.name}"))
        if not self.lists_missing_as_empty:
            with self.assertOurs(FileNotFoundError):
                self.storage.scandir("no/such")

    def test_L10_scantree(self) -> None:
        """``scantree`` gives every file below, once; what it tells of one agrees with stat."""
        self.needs("lists")
        self.needs("extended")
        names = {self.put(n) for n in ("a.txt", "d/b.txt", "d/e/f/c.txt", "dd/d.txt")}
        found = list(self.storage.scantree())
        self.assertEqual(sorted(name for name, _ in found), sorted(names))
        for name, stat in found:
            if stat is not None:
                self.assertEqual(stat.size, self.storage.size(name))
        below = sorted(name for name, _ in self.storage.scantree("d"))
        self.assertEqual(below, sorted(name for name in names if name.startswith("d/")))
        if not self.lists_missing_as_empty:
            with self.assertOurs(FileNotFoundError):
                list(self.storage.scantree("no/such"))

    def test_L11_no_listing(self) -> None:
        """Where there are no directories, listing raises NotImplementedError, whatever is asked."""
        if self.lists:
            self.not_applicable("declared lists = True")
        name = self.put("d/a.txt")
        for directory in ("", "d", name):
            with self.assertRaises(NotImplementedError):
                self.storage.listdir(directory)
            if self.extended:
                with self.assertRaises(NotImplementedError):
                    list(self.storage.scandir(directory))
                with self.assertRaises(NotImplementedError):
                    list(self.storage.walk(directory))
                with self.assertRaises(NotImplementedError):
                    list(self.storage.scantree(directory))
