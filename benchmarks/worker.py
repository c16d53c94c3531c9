"""A process that does the work of one subject; the program beside it says what, line by line.

Run as ``worker.py SETUP``. Each line of its input is a row and a turn; each line that it prints is
what that took: the seconds of each repetition, and by how many bytes the process grew at its peak.
It runs under this package and under django-storages 1.14.6, which has the same name.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import io
import json
import os
import resource
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Not this directory, whose modules have names of their own kind; ours at the end, see above.
sys.path[0] = tempfile.gettempdir() if sys.path[0] == str(Path(__file__).parent) else sys.path[0]
sys.path.append(str(Path(__file__).resolve().parent.parent))

from benchmarks.rows import MB, Row  # noqa: E402 - found only now
from benchmarks.sources import Source  # noqa: E402
from benchmarks.subjects import FEW, Subject, make, must  # noqa: E402

WARM_UP = 4 * MB
Work = tuple[Callable[[], object], Callable[[], object]]  # what is timed; what cleans up after it


class Doing:
    """The works, for one subject and the names that it is told."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.subject: Subject = make(setup)
        self.names: dict[str, str] = setup.get("names", {})
        self.url_of_saved = setup.get("url_of_saved", False)
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.numbers = iter(range(10**9))
        self.sources: dict[int, Source] = {}
        self.waiting: Callable[[], object] = nothing

    def source(self, size: int) -> Source:
        """What is saved: made once, and each time a little different."""
        if size not in self.sources:
            self.sources[size] = Source(size)
            atexit.register(self.sources[size].close)
        return self.sources[size]

    def fresh(self, directory: str) -> str:
        """A name that nobody has used."""
        return f"{directory}/{self.mark}-{next(self.numbers)}.png"

    def work(self, row: Row, size: int) -> Work:
        """Prepare; return what is to be timed, and what comes after it."""
        kind = row.kind.removeprefix("names-")
        found: Work = getattr(self, f"_{kind}")(row, size)
        return found

    # -- the works

    def _save(self, row: Row, size: int) -> Work:
        """Save under a free name: in a directory of its own, or among others."""
        directory = f"many/{row.count}" if row.count else f"saved-{self.mark}-{next(self.numbers)}"
        source = self.source(size)
        saved: list[str] = []

        def save() -> None:
            saved.append(self.subject.save(self.fresh(directory), source))

        def after() -> None:
            source.renew()
            if size >= MB or row.count:
                self.subject.delete(saved.pop())

        if not row.count:  # the directory is made
            save()
            after()
        return save, after

    def _taken(self, row: Row, size: int) -> Work:
        """Save under a name that is taken."""
        del row
        source = self.source(size)
        name = self.fresh(f"taken-{self.mark}")
        self.subject.save(name, source)
        source.renew()
        return lambda: must(self.subject.take(name, source) != "", "a name"), source.renew

    def _write(self, row: Row, size: int) -> Work:
        """Write through ``open("wb")``."""
        del row
        source = self.source(size)
        directory = f"written-{self.mark}"
        self.subject.save(self.fresh(directory), source)
        return (lambda: self.subject.write(self.fresh(directory), source.data())), source.renew

    def _read(self, row: Row, size: int) -> Work:
        """Open and read all."""
        name = self.name(f"many/{row.count}/0.png" if row.count else f"read/{size}.png")
        return (lambda: must(self.subject.read(name) == size, "all of the file")), nothing

    def _part(self, row: Row, size: int) -> Work:
        """Ten bytes in the middle."""
        del row
        name = self.name(f"read/{size}.png")
        return lambda: must(self.subject.part(name, size // 2) == FEW, "ten bytes"), nothing

    def _missing(self, row: Row, size: int) -> Work:
        """Open what is not there."""
        del row, size
        return partial(self.subject.missing, "read/missing.png"), nothing

    def _exists(self, row: Row, size: int) -> Work:
        """Ask."""
        name = self.name(f"many/{row.count}/0.png" if row.count else f"read/{size}.png")
        return lambda: must(self.subject.exists(name), "True"), nothing

    def _size(self, row: Row, size: int) -> Work:
        """Ask."""
        del row
        name = self.name(f"read/{size}.png")
        return lambda: must(self.subject.size(name) == size, "the size"), nothing

    def _url(self, row: Row, size: int) -> Work:
        """Make one; a new name each time."""
        del row, size
        if self.url_of_saved:
            name = self.name("read/1000.png")
            return lambda: must(self.subject.url(name) != "", "a URL"), nothing
        return lambda: must(self.subject.url(self.fresh("photos/2026")) != "", "a URL"), nothing

    def _list(self, row: Row, size: int) -> Work:
        """List a directory."""
        del size
        return (
            lambda: must(self.subject.list(f"many/{row.count}") >= row.count, "every name"),
            nothing,
        )

    def _many(self, row: Row, size: int) -> Work:
        """Save many small files, from some threads; timed is all of it."""
        directory = f"many-{self.mark}-{next(self.numbers)}"
        if hasattr(self.subject, "save_all"):
            if row.threads > 1:
                raise NotImplementedError
            files = Path(tempfile.mkdtemp())
            for number in range(row.count):
                (files / f"{number}").write_bytes(self.source(size).renew().data())
            return (
                partial(self.subject.save_all, directory, files, row.count),
                partial(remove, files),
            )
        self.subject.save(self.fresh(directory), self.source(size))
        subjects = [self.subject.thread(number) for number in range(row.threads)]
        sources = [Source(size) for _ in subjects]
        shares = [range(row.count)[at :: row.threads] for at in range(row.threads)]

        def save_some(subject: Subject, source: Source, share: range) -> None:
            for _ in share:
                subject.save(self.fresh(directory), source.renew())

        def after() -> None:
            for subject in subjects[1:]:
                if subject is not self.subject:
                    subject.close()

        return partial(at_once, save_some, list(zip(subjects, sources, shares, strict=True))), after

    # -- besides

    def name(self, name: str) -> str:
        """The name under which that file is stored."""
        return self.names.get(name, name)

    def fill(self, given: dict[str, Any]) -> dict[str, Any]:
        """Save what is read: ``sizes`` of files, and ``count`` names in a directory."""
        names = {}
        for size in given.get("sizes", ()):
            source = Source(size)
            names[f"read/{size}.png"] = self.subject.save(f"read/{size}.png", source)
            source.close()
        if "count" in given:
            directory = f"many/{given['count']}"
            if given["from"] == 0:  # the one that is read
                asked = f"{directory}/0.png"
                names[asked] = self.subject.save(asked, Source(1000))
            else:
                self.fill_directory(directory, range(given["from"], given["count"]), given)
        return {"names": names}

    def fill_directory(self, directory: str, numbers: range, given: dict[str, Any]) -> None:
        """Save so many files, from some threads."""

        def save(subject: Subject, own: range) -> None:
            source = Source(1000)
            for number in own:
                subject.save(f"{directory}/{number}.png", source.renew())

        count = given["threads"]
        at_once(save, [(self.subject.thread(at), numbers[at::count]) for at in range(count)])

    def do(self, given: dict[str, Any]) -> dict[str, Any]:
        """Do a row's work, as often as it says."""
        row = Row(**given["row"])
        if given.get("warm_up"):
            return self.warm_up(row)
        timed, after = self.work(row, row.size)
        if given.get("count"):  # only what comes now is to be counted
            self.waiting = timed
            return {"ready": True}
        before = reset_peak()
        took: list[float] = []
        while len(took) < row.repeats and sum(took) < row.seconds:
            started = time.perf_counter()
            timed()
            took.append(time.perf_counter() - started)
            after()
        per = row.count if row.kind == "many" else 1
        return {"seconds": [each / per for each in took], "growth": peak() - before}

    def warm_up(self, row: Row) -> dict[str, Any]:
        """The same with less: what is needed is imported, connected, and was used once."""
        size = row.size
        if row.kind == "save":
            size = min(size, WARM_UP)
        elif row.kind == "read" and f"read/{MB}.png" in self.names:
            size = min(size, MB)
        if row.kind == "many":
            row = dataclasses.replace(row, count=row.threads)
        timed, after = self.work(row, size)
        timed()
        after()
        return {}

    def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        """What there is to say to a line."""
        if "names" in given:
            self.names = given["names"]
            return {}
        if "go" in given:
            self.waiting()
            return {"seconds": []}
        return self.fill(given["fill"]) if "fill" in given else self.do(given)


def at_once(work: Callable[..., None], given: list[tuple[Any, ...]]) -> None:
    """Do it in a thread for each; the first failure is raised at the end."""
    failures: list[Exception] = []

    def one(*arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - it is told
            failures.append(error)

    threads = [threading.Thread(target=one, args=arguments) for arguments in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def nothing() -> None:
    """Nothing is to be cleaned up."""


def remove(directory: Path) -> None:
    """Remove a directory of files."""
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


def peak() -> int:
    """The most memory that this process has had, in bytes, since ``reset_peak``."""
    if sys.platform == "linux":  # getrusage would also tell its parent's
        with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123 - allocates less
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found * 1024


def reset_peak() -> int:
    """Let the peak be what is used now, where the system can; return it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak()


def main() -> None:
    """Do what is asked until there is nothing more."""
    doing = Doing(json.loads(sys.argv[1]))
    # What the libraries print is not ours to read.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = doing.answer(given)
        except (NotImplementedError, io.UnsupportedOperation):
            answer = {"lacks": True}
        except Exception as error:  # noqa: BLE001 - it is told
            answer = told(error)
        print(json.dumps(answer), file=answers, flush=True)
    with contextlib.suppress(Exception):
        doing.subject.close()


def told(error: BaseException) -> dict[str, Any]:
    """An error's kind as an answer; all of it, which may name places, goes where errors go."""
    traceback.print_exception(error)
    return {"error": f"fails: {type(error).__name__}"}


if __name__ == "__main__":
    main()
