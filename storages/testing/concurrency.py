"""Concurrency: no file is lost, whoever saves, reads and deletes at the same time.

Each race is forced at the place where it is lost, and also run unforced. With the network backends
come C05 (two machines) and the sockets of C08.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from storages.testing.case import ContractCase
from storages.testing.processes import compare_and_read, run_processes, save_after_gate
from storages.testing.saving import before_write, temporary_upload

__all__ = ["ConcurrencyContract"]

WRITERS = 8


class ConcurrencyContract(ContractCase):
    """Chapter C."""

    def assertAllKept(self, names: list[str], contents: list[bytes]) -> None:
        """Every save has its own name and content; where one name is replaced, one is whole."""
        if self.same_name == "overwrite":
            self.assertEqual(len(set(names)), 1)
            self.assertEqual(self.all_names(), set(names))
            self.assertIn(self.read(names[0]), contents)
            self.assertEqual(self.storage.size(names[0]), len(self.read(names[0])))
        else:
            self.assertEqual(len(set(names)), len(contents))
            self.assertFiles(dict(zip(names, contents, strict=True)))

    def save_at_once(
        self, make_source: Callable[[bytes], Any], storages: list[Any], size: int = 5000
    ) -> None:
        """Save one name from one thread per storage object, with different contents."""
        contents = [self.content(size + number) for number in range(len(storages))]
        sources = [make_source(data) for data in contents]
        saves = [
            lambda s=storage, c=source: s.save("d/race.txt", c)
            for storage, source in zip(storages, sources, strict=True)
        ]
        self.assertAllKept(self.in_threads(*saves), contents)

    def test_C01_threads_saving_one_name(self) -> None:
        """Eight threads that save one name get eight names with their own contents."""
        for size in (100, 200_000):
            self.save_at_once(ContentFile, [self.storage] * WRITERS, size)
            for name in self.all_names():
                self.storage.delete(name)

    def test_C01_storage_objects_saving_one_name(self) -> None:
        """The same with eight storage objects, several times."""
        for _ in range(3):
            self.save_at_once(ContentFile, [self.another() for _ in range(WRITERS)])
            for name in self.all_names():
                self.storage.delete(name)

    def force(self, make_source: Callable[[bytes], Any]) -> None:
        """Save one name twice, both told that it is free before either is written."""
        storages = [self.another(), self.another()]
        meeting = threading.Barrier(2)
        met: list[str] = []

        def meet(name: str) -> None:
            if len(met) < 2:
                met.append(name)
                meeting.wait(30)

        with before_write(storages[0], meet), before_write(storages[1], meet):
            self.save_at_once(make_source, storages)
        self.assertEqual(len(met), 2)
        self.assertEqual(len(set(met)), 2 if self.same_name == "content-addressed" else 1)

    def test_C02_forced_race(self) -> None:
        """Both writers were told "free" before either wrote: both files are kept."""
        self.force(ContentFile)

    def test_C03_forced_race_of_temporary_uploads(self) -> None:
        """The same for large uploads, which Django would move into place."""

        def upload(data: bytes) -> Any:
            made = temporary_upload(data)
            self.addCleanup(made.close)
            return made

        self.force(upload)

    def test_C04_processes_saving_one_name(self) -> None:
        """The same with eight processes, each with its own storage object."""
        self.needs("multi_process")
        contents = [self.content(20_000 + number) for number in range(WRITERS)]
        pickled = pickle.dumps(self.storage)
        arguments = [(pickled, "d/race.txt", data) for data in contents]
        self.assertAllKept(
            run_processes(self.start_method, save_after_gate, arguments),
            contents,
        )

    def test_C06_readers_during_overwrites(self) -> None:
        """While a file is replaced again and again, readers get whole versions, and never none."""
        self.needs("opens_for_writing")
        versions = [self.content(size) for size in (100, 200_000, 70_000)]
        name = self.put("d/live.txt", versions[0])
        done = threading.Event()
        readers = 3

        def write() -> int:
            storage = self.make_storage()
            until = time.monotonic() + 1.0
            count = 0
            while count < 10 or time.monotonic() < until:
                self.write(name, versions[count % 3], storage)
                count += 1
            done.set()
            return count

        def read() -> int:
            storage = self.make_storage()
            count = 0
            while not done.is_set():
                self.assertTrue(storage.exists(name))
                try:
                    found = self.read(name, storage)
                except OSError as error:
                    # A store that cannot keep the old version open tells so; a gap is no excuse.
                    if isinstance(error, FileNotFoundError) or "chang" not in str(error):
                        raise
                    continue
                if found not in versions:  # assertIn() would print them
                    self.fail(f"{len(found)} bytes were read that are none of the versions.")
                count += 1
            return count

        results = self.in_threads(write, *[read] * readers)
        self.assertGreaterEqual(results[0], 10)
        self.assertGreater(sum(results[1:]), 0)

    def test_C07_one_storage_object_for_many_threads(self) -> None:
        """Twelve threads share one storage object for everything, each with its own files."""

        def work(number: int) -> None:
            for step in range(3):
                data = self.content(10_000, seed=10_000 * number + step)
                name = self.put(f"t{number}/{step}.txt", data)
                self.assertEqual(name, self.expected_name(f"t{number}/{step}.txt", data))
                self.assertEqual(self.read(name), data)
                self.assertEqual(self.storage.size(name), len(data))
                directory, _, base = name.rpartition("/")
                if self.lists:
                    self.assertIn(base, self.storage.listdir(directory)[1])
                self.storage.delete(name)
                self.assertFalse(self.storage.exists(name))

        self.in_threads(*[lambda n=n: work(n) for n in range(12)])
        self.assertEqual(self.all_names(), set())

    def test_C08_after_fork(self) -> None:
        """A storage that was used goes on working in forked children, and in the parent."""
        self.needs("multi_process")
        if self.start_method != "fork":
            self.not_applicable("this platform does not fork")
        contents = [self.content(50_000) for _ in range(3)]
        names = [self.put(f"{number}.txt", data) for number, data in enumerate(contents)]
        self.assertEqual(self.read(names[0]), contents[0])
        # Not pickled: the very object, with whatever it has open.
        arguments = [(self.storage, n, d, 20) for n, d in zip(names, contents, strict=True)]
        results = run_processes("fork", compare_and_read, arguments)
        self.assertEqual(results, [True] * 3)
        self.assertFiles(dict(zip(names, contents, strict=True)))

    def test_C08_child_saves(self) -> None:
        """What a forked child saves with the parent's storage object, the parent reads."""
        self.needs("multi_process")
        if self.start_method != "fork":
            self.not_applicable("this platform does not fork")
        mine, theirs = self.content(), self.content()
        name = self.put("mine.txt", mine)
        (saved,) = run_processes("fork", save_after_gate, [(self.storage, "theirs.txt", theirs)])
        self.assertFiles({name: mine, saved: theirs})

    def test_C09_delete_against_save(self) -> None:
        """Deleting and saving one name at once ends as if one had come after the other."""
        for step in range(15):
            old, new = self.content(), self.content(3000)
            name = self.put(f"c{step}/x.txt", old)
            other = self.another()
            _, saved = self.in_threads(
                lambda: self.storage.delete(name),  # noqa: B023 - called at once
                lambda: self.put(f"c{step}/x.txt", new, other),  # noqa: B023
            )
            names = {n for n in self.all_names() if n.startswith(f"c{step}/") or not self.lists}
            found = {n: self.read(n) for n in names}
            if self.same_name == "overwrite":
                self.assertIn(found, [{}, {saved: new}])
            else:
                self.assertEqual(found, {saved: new})
            if not self.lists:
                self.storage.delete(saved)

    def test_C10_compare_and_swap(self) -> None:
        """A counter kept by compare-and-swap loses no step."""
        if not self.if_match:
            # Without the capability an update in place still notices that another one came first.
            self.needs("opens_for_writing")
            self.needs("extended")
            name = self.put("counter.txt", self.content(100))
            if self.storage.stat(name).version is None:
                self.not_applicable("declared if_match = False, and the store tells no version")
            other = self.content(100)
            with self.assertOurs(OSError), self.storage.open(name, "r+b") as file:
                file.write(b"")
                file.seek(50)
                file.write(b"x")
                self.write(name, other, self.another())
            self.assertFiles({name: other})
            return
        self.fail("declared if_match, for which the contract has no case yet")

    def test_C11_interleaved_writes(self) -> None:
        """Two large writes to one name, piece by piece in turns: one of them wins, whole."""
        self.needs("opens_for_writing")
        contents = [self.content(400_000), self.content(500_000)]
        files = [self.another().open("w.bin", "wb") for _ in contents]
        for start in range(0, 500_000, 50_000):
            for file, data in zip(files, contents, strict=True):
                file.write(data[start : start + 50_000])
        for file in files:
            file.close()
        self.assertFiles({"w.bin": contents[1]})

    def test_C11_racing_writes(self) -> None:
        """Eight threads write one name at once: one content wins, whole."""
        self.needs("opens_for_writing")
        contents = [self.content(100_000 + number) for number in range(WRITERS)]
        writes = [lambda d=data: self.write("w.bin", d, self.another()) for data in contents]
        self.in_threads(*writes)
        self.assertEqual(self.all_names(), {"w.bin"})
        self.assertIn(self.read("w.bin"), contents)
