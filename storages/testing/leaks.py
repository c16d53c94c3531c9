"""Endurance: thousands of operations leave descriptors, threads, connections and memory alone."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.staging import is_temporary
from storages.testing.case import ContractCase
from storages.testing.sources import Failing, SourceFailure
from storages.testing.threads import run_threads

__all__ = ["LeaksContract", "Usage"]

logger = logging.getLogger("storages.testing.leaks")

_DESCRIPTORS = Path("/proc/self/fd")
_MIB = 1024 * 1024
THREADS = 8


@dataclass(frozen=True)
class Usage:
    """What this process holds, after a garbage collection."""

    descriptors: int
    sockets: int
    threads: int
    #: Resident memory, in bytes.
    memory: int
    #: Objects of the classes of this package, and of who derives from them, by class.
    objects: Counter[str] = field(repr=False)

    @classmethod
    def now(cls) -> Usage:
        """Measure."""
        for _ in range(2):  # what a finalizer lets go of is garbage of the next round
            gc.collect()
        links = []
        for descriptor in _DESCRIPTORS.iterdir():
            with suppress(OSError):  # that of the listing itself
                links.append(str(descriptor.readlink()))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            descriptors=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            threads=threading.active_count(),
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
            objects=Counter(_classes()),
        )

    def grown(self, before: Usage) -> Counter[str]:
        """Return by how many each class has more objects than before."""
        return self.objects - before.objects

    def __str__(self) -> str:
        return (
            f"{self.descriptors} descriptors ({self.sockets} sockets), {self.threads} threads, "
            f"{self.memory / _MIB:.1f} MiB, {self.objects.total()} objects"
        )


def _classes() -> Iterator[str]:
    for found in gc.get_objects():
        kind = type(found)
        module = getattr(kind, "__module__", None)
        if isinstance(module, str) and module.startswith("storages."):
            yield f"{module}.{kind.__qualname__}"


class _Work:
    """One thread's work: a mix of operations, which leaves nothing stored behind."""

    def __init__(self, case: LeaksContract, storage: Any, label: str) -> None:
        self.case = case
        self.storage = storage
        self.label = label
        self.done = 0
        self.kept: list[str] = []
        self._operations = [
            self.save_small,
            self.read_whole,
            self.ask,
            self.read_part,
            self.refused_name,
            self.save_large,
            self.abandon_reader,
            self.failing_source,
            self.list,
            self.save_small,
            self.missing,
            self.url,
            self.copy,
            self.move,
            self.write,
            self.abandon_writer,
            self.abandon_listing,
            self.delete_some,
        ]

    def run(self, count: int) -> None:
        """Do so many operations, one of each kind after the other, and delete what is there."""
        for number in range(count):
            self._operations[(self.done + number) % len(self._operations)]()
        self.done += count
        self.delete_some()
        for name in self.kept:
            self.storage.delete(name)
        self.kept.clear()

    def name(self, suffix: str = "") -> str:
        return f"leaks/{self.label}/{self.done % 7}{suffix}.png"

    def save(self, size: int) -> None:
        content = ContentFile(self.case.content(size))
        self.kept.append(self.storage.save(self.name(), content))

    def save_small(self) -> None:
        self.save(100)

    def save_large(self) -> None:
        self.save(self.case.leak_size)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        if not self.kept:
            self.save_small()
        with self.storage.open(self.kept[-1]) as file:
            yield file

    def read_whole(self) -> None:
        with self.reading() as file:
            file.read()

    def read_part(self) -> None:
        with self.reading() as file:
            file.read(10)
            file.seek(50)
            file.read(1)

    def abandon_reader(self) -> None:
        with self.reading():
            self.storage.open(self.kept[-1]).read(3)
            self.storage.open(self.kept[0])

    def ask(self) -> None:
        if not self.kept:
            self.save_small()
        self.case.assertTrue(self.storage.exists(self.kept[-1]))
        self.case.assertFalse(self.storage.exists("leaks/no/such"))
        self.storage.size(self.kept[-1])

    def list(self) -> None:
        if self.case.lists:
            self.storage.listdir("")
            with suppress(FileNotFoundError):
                self.storage.listdir(f"leaks/{self.label}/none")

    def abandon_listing(self) -> None:
        if self.case.lists and self.case.extended:
            next(iter(self.storage.scandir("")), None)
            next(iter(self.storage.walk("")), None)

    def url(self) -> None:
        with suppress(NotImplementedError, ValueError, FileNotFoundError):
            self.storage.url("leaks/some.png")

    def missing(self) -> None:
        if TimeoutError in self.case.missing:
            return  # it would be waited for
        with suppress(FileNotFoundError):
            self.storage.open("leaks/no/such")
        with suppress(FileNotFoundError):
            self.storage.size("leaks/no/such")

    def refused_name(self) -> None:
        with suppress(SuspiciousFileOperation):
            self.storage.save("../x", ContentFile(b""))

    def failing_source(self) -> None:
        with suppress(SourceFailure):
            self.storage.save(self.name(), Failing(self.case.content(self.case.leak_size)))

    def transfer(self, method: str) -> None:
        if not (self.case.copies and self.case.extended):
            return
        if not self.kept:
            self.save_small()
        target = self.name(f"-{method}")
        source = self.kept[-1]
        getattr(self.storage, method)(source, target, overwrite=True)
        if method == "move":
            self.kept[:] = [name for name in self.kept if name != source]
        self.kept.append(target)

    def copy(self) -> None:
        self.transfer("copy")

    def move(self) -> None:
        self.transfer("move")

    def write(self) -> None:
        if self.case.opens_for_writing and self.case.accepts_any_content:
            name = self.name("-written")
            with self.storage.open(name, "wb") as file:
                file.write(b"written")
            with self.storage.open(name, "ab") as file:
                file.write(b" and more")
            self.kept.append(name)

    def abandon_writer(self) -> None:
        if self.case.opens_for_writing:
            self.storage.open(self.name("-given-up"), "wb").write(b"never there")
            with suppress(SourceFailure), self.storage.open(self.name("-left"), "wb") as file:
                file.write(b"never there")
                raise SourceFailure

    def delete_some(self) -> None:
        for name in self.kept[2:]:
            self.storage.delete(name)
        self.storage.delete("leaks/no/such")
        del self.kept[2:]


class LeaksContract(ContractCase):
    """Chapter B, from B10 on."""

    leak_size: ClassVar[int] = 200_000
    """The size of a large file; it is staged on disk."""

    leak_patience: ClassVar[float] = 60.0
    """Seconds for what ends in the background, on a machine that does much else."""

    @contextmanager
    def enduring(self) -> Iterator[Path]:
        """Give the directory in which the block stages what it saves; nothing is left there."""
        if not _DESCRIPTORS.is_dir():
            self.not_applicable("this platform does not tell its open files")
        with (
            tempfile.TemporaryDirectory(prefix="storages-leaks-") as staging,
            override_settings(FILE_UPLOAD_TEMP_DIR=staging, FILE_UPLOAD_MAX_MEMORY_SIZE=64 * 1024),
            warnings.catch_warnings(),
        ):
            # Of the writers and readers that are abandoned here.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
            gc.freeze()  # what is there already need not be looked at again and again
            try:
                yield Path(staging)
            finally:
                gc.unfreeze()
            # There may be empty files: locks, of which there are so many and no more.
            files = [path for path in Path(staging).rglob("*") if path.is_file()]
            self.assertEqual([path for path in files if path.stat().st_size], [])
            self.assertLess(len(files), 5000)

    def in_turns(self, storage: Any, count: int) -> None:
        """Do ``count`` operations, half of them in eight threads that come and go."""
        _Work(self, storage, "main").run(count // 2)
        left = count - count // 2
        share = 18 if self.full else 6
        while left > 0:
            size = max(1, min(share, left // THREADS))
            works = [_Work(self, storage, f"thread-{n}") for n in range(THREADS)]
            for number, work in enumerate(works):
                work.done = number * share  # not all the same at once
            run = [partial(work.run, size) for work in works]
            errors = [r for r in run_threads(*run) if isinstance(r, BaseException)]
            del works, run
            if errors:
                raise errors[0]
            left -= size * THREADS

    def told(self, what: str, usage: Usage) -> Usage:
        """Log a measurement, for who wants to see the figures."""
        logger.info("%s, %s: %s", type(self).__name__, what, usage)
        return usage

    def awaited(self, what: str, before: Usage, *, descriptors: int, threads: int) -> Usage:
        """Measure again until no more than so many have been added, for a while.

        What has been closed may end in the background: a library's threads, with their sockets.
        """
        until = time.monotonic() + self.leak_patience
        while True:
            usage = Usage.now()
            added = (usage.descriptors - before.descriptors, usage.threads - before.threads)
            if (added[0] <= descriptors and added[1] <= threads) or time.monotonic() > until:
                break
            time.sleep(0.1)
        self.told(what, usage)
        self.assertLessEqual(added[0], descriptors, ("descriptors", before, usage))
        self.assertLessEqual(added[1], threads, ("threads", before, usage))
        return usage

    @property
    def leak_warming(self) -> int:
        """How many operations come before the first measurement."""
        return 320 if self.full else min(36, self.leak_operations)

    def kept_objects(self, before: Usage, after: Usage, most: int = 0) -> dict[str, int]:
        """Return the classes of which more objects are there than a cache of ours may hold."""
        most = most or (100 if self.full else 25)
        return {name: grown for name, grown in after.grown(before).items() if grown > most}

    def test_B10_mixed_operations(self) -> None:
        """Thousands of operations of all kinds, in threads that come and go, leave no trace."""
        with self.enduring():
            fresh = Usage.now()
            storage = self.make_storage()
            close: Callable[[], None] = getattr(storage, "close", lambda: None)
            self.in_turns(storage, self.leak_warming)
            close()
            # By as much as the process is not to go back to: its libraries are loaded now.
            closed = self.awaited("closed after warming up", fresh, descriptors=8, threads=0)
            self.in_turns(storage, self.leak_warming)
            stages = [self.told("warm", Usage.now())]
            for third in range(3):
                close()
                self.in_turns(storage, self.leak_operations // 3)
                # A pool may hold a connection per thread to each of a service's servers.
                usage = self.awaited(
                    f"after third {third + 1}", stages[0], descriptors=4 * THREADS, threads=4
                )
                self.assertLess(usage.memory - stages[0].memory, 64 * _MIB, stages)
                self.assertEqual(self.kept_objects(stages[0], usage), {})
                stages.append(usage)
            if self.full:
                # A leak goes on in each third; a cache or the allocator comes to an end.
                self.assertLess(stages[3].memory - stages[2].memory, 8 * _MIB, stages)
            close()
            end = self.awaited("closed", closed, descriptors=0, threads=0)
            self.assertLessEqual(end.sockets, fresh.sockets, (fresh, end))
            self.assertEqual(self.kept_objects(closed, end), {})
        self.assertNoTemporaries(storage)

    def assertNoTemporaries(self, storage: Any) -> None:
        """On a disk, no file is left that was being written."""
        if self.has_paths:
            tree = os.walk(storage.path(""))
            self.assertEqual([f for _, _, files in tree for f in files if is_temporary(f)], [])

    def test_B11_storages_come_and_go(self) -> None:
        """Storages that are made, used and dropped, not closed, leave nothing when collected."""
        rounds = max(8, self.leak_operations // 20)
        with self.enduring():
            name = self.put("leaks/kept.png")
            self.use_and_drop(name, 3)
            before = self.told("some dropped", Usage.now())
            self.use_and_drop(name, rounds)
            after = self.awaited(f"{rounds} dropped", before, descriptors=2, threads=2)
            self.assertEqual(self.kept_objects(before, after, rounds // 2), {})

    def use_and_drop(self, name: str, count: int) -> None:
        """Make a storage so many times, and read a file by it."""
        for _ in range(count):
            storage = self.make_storage()
            with storage.open(name) as file:
                file.read(10)
            self.assertTrue(storage.exists(name))
