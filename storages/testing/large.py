"""Large: files bigger than memory pass through, and many files cost no connections."""

from __future__ import annotations

import os
import pickle
import tempfile

from storages.testing.case import ContractCase
from storages.testing.processes import peak_of_round_trip, run_processes

__all__ = ["LargeContract"]

GIB = 1024**3


def _open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - nothing but a count is wanted


class LargeContract(ContractCase):
    """Chapter B."""

    def test_B01_memory(self) -> None:
        """Saving and reading 64 MiB makes a process grow by less than half of that."""
        self.needs("bounded_memory")
        self.needs("multi_process")
        self.needs("slow")
        arguments = (pickle.dumps(self.storage), "d/large.bin", self.content(0), self.memory_size)
        ((growth, equal),) = run_processes(self.start_method, peak_of_round_trip, [arguments])
        self.assertTrue(equal)
        self.assertLess(growth, self.memory_size // 2)

    def test_B02_B03_five_gigabytes(self) -> None:
        """A sparse source of 5 GiB is saved, and read at offsets beyond 2 and 4 GiB (B03)."""
        self.needs("bounded_memory")
        self.needs("huge")
        marks = {0: self.content(0) or b"start", 2 * GIB + 1: b"past 2 GiB", 4 * GIB + 7: b"past 4"}
        with tempfile.TemporaryFile() as source:
            for offset, mark in marks.items():
                source.seek(offset)
                source.write(mark)
            source.truncate(5 * GIB)
            source.seek(0)
            name = self.storage.save("huge.bin", source)
        self.assertEqual(self.storage.size(name), 5 * GIB)
        with self.storage.open(name) as file:
            for offset, mark in marks.items():
                file.seek(offset)
                self.assertEqual(file.read(len(mark)), mark)
            file.seek(-3, os.SEEK_END)
            self.assertEqual(file.read(), b"\0\0\0")

    def test_B04_many_small_files(self) -> None:
        """Many small files leave no file descriptor open."""
        count = 300 if self.slow else 30
        if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
            self.not_applicable("this platform does not tell its open files")
        self.read(self.put("warm.txt"))
        before = _open_files()
        for number in range(count):
            data = self.content()
            name = self.put(f"many/{number % 10}/{number}.txt", data)
            self.assertEqual(self.read(name), data)
        self.assertLessEqual(_open_files(), before + 2)
