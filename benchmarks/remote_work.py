"""What benchmarks/sftp.py and benchmarks/ftp.py measure, and the process that measures it.

Run by those programs, as ``remote_work.py SUBJECT ROW SETUP``. A subject is ``ours`` or ``peer`` (a
storage), ``raw`` (the client library) or ``command`` (a program).
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

# At the end: one of the subjects is a package that is called as one here is.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from benchmarks.remote_subjects import (
    ADAPTERS,
    KB,
    MANY,
    MIB,
    SUBJECTS,
    Anew,
    Subject,
    must,
    storage_options,
)

WARM_UP = 4 * MIB
READ = "read-{}.bin"  # the parent puts files of these sizes there

# ---------------------------------------------------------------------- the rows

# Each work is a function of (subject, size in bytes): it prepares, and returns what is timed.
Work = Callable[[Any, int], Callable[[], None]]


def upload(size: int) -> IO[bytes]:
    """A file on disk, as an upload of that size is."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    block = os.urandom(min(size, MIB))
    for _ in range(max(1, size // MIB)):
        file.write(block)
    file.flush()
    return file


def fresh() -> Iterator[str]:
    """Names that nobody has used."""
    number = 0
    while True:
        number += 1
        yield f"saved-{os.getpid()}-{time.monotonic_ns()}-{number}.bin"


def saving(subject: Subject, size: int) -> Callable[[], None]:
    """Save ``size`` bytes under a free name."""
    names, file = fresh(), upload(size)
    return lambda: subject.save(next(names), file)


def saving_all(subject: Subject, size: int) -> Callable[[], None]:
    """Save many small files."""
    names = fresh()
    directory = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for number in range(MANY):
        (directory / str(number)).write_bytes(os.urandom(size))
    return lambda: subject.save_all(next(names), directory)


def reading(subject: Subject, size: int) -> Callable[[], None]:
    """Read all of a file of that size."""
    return lambda: subject.read(READ.format(size), size)


def beginning(subject: Subject, size: int) -> Callable[[], None]:
    """Read the first ten bytes of a file of that size."""
    return lambda: subject.begin(READ.format(size))


def asking(method: str) -> Work:
    """Ask ``exists`` or ``size``."""
    return lambda subject, size: partial(getattr(subject, method), READ.format(size))


def listing(subject: Subject, size: int) -> Callable[[], None]:
    """List a directory of many names."""
    del size
    return lambda: subject.list("many")


def collecting(subject: Subject, size: int) -> Callable[[], None]:
    """Run collectstatic; ``size`` 1 is the second time."""
    from django.core.management import call_command

    del subject
    collect = partial(call_command, "collectstatic", interactive=False, verbosity=0)
    if size:
        collect()
    return lambda: must(collect() is None, "an end")


ALL = ("command", "raw", "peer", "ours")


@dataclass(frozen=True)
class Row:
    """One line of the table: what, how large, how often, by whom, and the goals.

    ``line`` is "slow" for the one with a delay. ``connects``: it connects each time. ``counts``:
    what passes is counted. A goal is "command 0.8" (so many times as fast as that), "trips 3",
    "growth 32" (MiB) or "moved 1024" (kB): at most.
    """

    title: str
    work: Work
    subjects: tuple[str, ...] = ("raw", "peer", "ours")
    size: int = KB
    times: int = 40
    goal: str = ""
    line: str = "direct"
    connects: bool = False
    counts: bool = True
    warm_up: bool = True


def rows(size: int, goals: Mapping[str, str]) -> dict[str, Row]:
    """Every row, by a short name; ``size`` is that of the large file in bytes."""
    large = f"{size // MIB} MB"
    far = ", 20 ms away"
    big = partial(Row, size=size, times=3, counts=False)
    huge = partial(big, subjects=("ours",), size=10 * size, times=1, goal="growth 32")
    found = {
        "save": Row("save 1 kB", saving),
        "read": Row("open and read 1 kB", reading),
        "save-1": Row("save 1 MB", saving, size=MIB, times=10),
        "read-1": Row("open and read 1 MB", reading, size=MIB, times=10),
        "exists": Row("exists()", asking("exists")),
        "size": Row("size()", asking("size")),
        "list": Row("list 1,000 names", listing, times=5),
        "begin": Row(f"first 10 bytes of {large}", beginning, size=size, times=5),
        "save-many": Row("save 500 files of 1 kB", saving_all, ALL, times=1, counts=False),
        "save-large": big(f"save {large}", saving, ("raw", "peer", "ours")),
        "read-large": big(f"open and read {large}", reading, ("raw", "peer", "ours"), times=1),
        "save-connect": big(f"connect and save {large}", saving, ALL, connects=True),
        "read-connect": big(f"connect and read {large}", reading, ("command", "raw", "ours"),
                            connects=True),
        "save-far": big(f"connect and save {large}{far}", saving, ("command", "raw", "ours"),
                        line="slow", connects=True),
        "read-far": big(f"connect and read {large}{far}", reading, ("command", "raw", "ours"),
                        line="slow", connects=True),
        "save-huge": huge(f"save {10 * size // MIB} MB", saving),
        "read-huge": huge(f"open and read {10 * size // MIB} MB", reading),
        "collect": Row("collectstatic, 500 files", collecting, ("peer", "ours"), size=0, times=1,
                       warm_up=False, counts=False),
        "collect-again": Row("collectstatic again", collecting, ("peer", "ours"), size=1, times=3,
                             warm_up=False, counts=False),
    }  # fmt: skip
    for name, goal in goals.items():
        both = ", ".join(filter(None, [found[name].goal, goal]))
        found[name] = Row(**{**vars(found[name]), "goal": both})
    return found


# --------------------------------------------------------------------- the child


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * KB


def passed() -> dict[str, int]:
    """Ask the parent what its watching proxy has counted so far."""
    print("count", flush=True)
    counts: dict[str, int] = json.loads(sys.stdin.readline())
    return counts


def configure(setup: dict[str, Any]) -> None:
    """Set Django up, with the storage as that of the static files."""
    import django
    from django.conf import settings

    kind = {
        "BACKEND": ADAPTERS[setup["protocol"]],
        "OPTIONS": storage_options(setup, setup["ports"]["direct"]),
    }
    files = "django.core.files.storage.FileSystemStorage"
    settings.configure(
        USE_TZ=True,
        MEDIA_URL="/media/",
        STATIC_URL="/static/",
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATICFILES_DIRS=[setup["static"]],
        STORAGES={"default": {"BACKEND": files}, "staticfiles": kind},
    )
    django.setup()


def child(subject: str, row: Row, setup: dict[str, Any]) -> dict[str, Any]:
    """Do one row's work in this process; return what it took."""
    make = partial(SUBJECTS[setup["protocol"]][subject], setup)
    port = setup["ports"][row.line]
    used: Any = Anew(partial(make, port)) if row.connects else make(port)
    if row.warm_up:
        # A smaller file first: everything is imported and connected, every buffer was used once.
        row.work(used, min(row.size, WARM_UP))()
    timed = row.work(used, row.size)
    before = peak()
    took = []
    for _ in range(row.times):
        started = time.perf_counter()
        timed()
        took.append(time.perf_counter() - started)
    result: dict[str, Any] = {"seconds": statistics.median(took), "growth": peak() - before}
    used.close()
    if row.counts:
        watched = make(setup["ports"]["watched"])
        row.work(watched, KB)()
        timed = row.work(watched, row.size)
        start = passed()
        timed()
        end = passed()
        result["counts"] = {name: end[name] - start[name] for name in end}
        watched.close()
    return result


if __name__ == "__main__":
    given = json.loads(sys.argv[3])
    configure(given)
    which = rows(given["size"], {})[sys.argv[2]]
    print(json.dumps(child(sys.argv[1], which, given)))
