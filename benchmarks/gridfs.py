"""The GridFS storage beside pymongo's own GridFSBucket, on SecantusDB.

``make bench-gridfs``, or ``.venv/bin/python benchmarks/gridfs.py --check --docs``.

Each figure comes from a process of its own: it warms up, does the work several times and prints the
median, and by how much it grew. Both take turns, in several rounds, on one server, so that a busy
machine is equally busy for both; a row shows the best round of each. Only the ratios say something:
the server shares the machine. Commands and bytes are counted in one more run, behind a proxy. Each
run has a database of its own, which is dropped, because this server gets slow with much data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# In the place of this directory, where pymongo's gridfs would be this module.
sys.path[0] = str(ROOT)

from benchmarks import shared  # noqa: E402 - found only now

KB = 1000
MB = 1000 * KB
KIB = 1024
MIB = 1024 * KIB
READ = 256 * KIB  # bytes that are read at a time
SUBJECTS = ("bucket", "ours")
HEADINGS = (
    "work",
    "GridFSBucket",
    "storage",
    "GridFSBucket / storage",
    "commands, GridFSBucket",
    "commands, storage",
    "kB moved, GridFSBucket",
    "kB moved, storage",
    "MiB of memory, GridFSBucket",
    "MiB of memory, storage",
)
Figures = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A piece of work: the bytes of its file, how often it is done, what must be reached."""

    title: str
    work: str  # save, read or part
    size: int
    times: int = 1
    ratio: float = 0.0  # GridFSBucket's time to ours, at least
    moved: int = 0  # bytes, at most
    growth: int = 32  # MiB, at most


ROWS = {
    "save-small": Row("save 1 kB", "save", KB, times=50),
    "read-small": Row("read 1 kB", "read", KB, times=50),
    "save": Row("save 100 MB", "save", 100 * MB, ratio=1.0),
    "read": Row("read 100 MB", "read", 100 * MB, ratio=1.0),
    "part": Row("read 4 KiB out of 100 MB", "part", 100 * MB, times=20, moved=MIB),
    "save-huge": Row("save 500 MB", "save", 500 * MB),
    "read-huge": Row("read 500 MB", "read", 500 * MB),
}

# ------------------------------------------------------------------ the child


class Bucket:
    """pymongo's."""

    def __init__(self, uri: str, database: str, options: dict[str, Any]) -> None:
        import gridfs
        import pymongo

        self.client: Any = pymongo.MongoClient(uri, **options)
        self.bucket = gridfs.GridFSBucket(self.client[database])

    def save(self, name: str, path: Path) -> None:
        """Upload a file."""
        with path.open("rb") as file:
            self.bucket.upload_from_stream(name, file)

    def read(self, name: str) -> int:
        """Download one; return its length."""
        with self.bucket.open_download_stream_by_name(name) as stream:
            return sum(len(block) for block in iter(lambda: stream.read(READ), b""))

    def part(self, name: str, offset: int) -> int:
        """Read 4 KiB."""
        with self.bucket.open_download_stream_by_name(name) as stream:
            stream.seek(offset)
            return len(stream.read(4 * KIB))

    def close(self) -> None:
        """Disconnect."""
        self.client.close()


class Ours:
    """The storage."""

    def __init__(self, uri: str, database: str, options: dict[str, Any]) -> None:
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(USE_TZ=True)
            django.setup()
        from storages.backends.gridfs import GridFSStorage

        self.storage = GridFSStorage(uri=uri, database_name=database, client_options=options)

    def save(self, name: str, path: Path) -> None:
        """Save a file."""
        from django.core.files import File

        with path.open("rb") as file:
            self.storage.save(name, File(file))

    def read(self, name: str) -> int:
        """Read one; return its length."""
        with self.storage.open(name) as file:
            return sum(len(block) for block in file.chunks(READ))

    def part(self, name: str, offset: int) -> int:
        """Read 4 KiB."""
        with self.storage.open(name) as file:
            file.seek(offset)
            return len(file.read(4 * KIB))

    def close(self) -> None:
        """Disconnect."""
        self.storage.close()


def peak() -> int:
    """The most memory that this process has had, in bytes; getrusage also tells its parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * KIB


def child(subject: str, row: Row, setup: dict[str, Any]) -> None:
    """Do the work of a row, or count what it asks; print the figures."""
    from pymongo.monitoring import CommandListener

    class Counting(CommandListener):
        """Counts commands, except those of connecting."""

        count = 0

        def started(self, event: Any) -> None:
            self.count += event.command_name not in {"hello", "ping", "endSessions"}

        def succeeded(self, event: Any) -> None:
            pass

        def failed(self, event: Any) -> None:
            pass

    counting = Counting()
    options = {"event_listeners": [counting]} if setup["count"] else {}
    made: Any = {"bucket": Bucket, "ours": Ours}[subject](setup["uri"], setup["database"], options)
    path = Path(setup["path"])
    warm = Path(setup["small"])
    made.save("warm", warm)
    made.read("warm")
    made.part("warm", 0)
    numbers = iter(range(10**6))
    works: dict[str, Callable[[], Any]] = {
        "save": lambda: made.save(f"saved-{next(numbers)}", path),
        "read": lambda: made.read("file"),
        "part": lambda: made.part("file", row.size // 2),
    }
    counting.count = 0
    print("begin", flush=True)
    sys.stdin.readline()
    before = peak()
    seconds = []
    for _ in range(1 if setup["count"] else row.times):
        begun = time.perf_counter()
        works[row.work]()
        seconds.append(time.perf_counter() - begun)
    figures = {
        "seconds": statistics.median(seconds),
        "growth": peak() - before,
        "commands": counting.count,
    }
    print(json.dumps(figures), flush=True)
    sys.stdin.readline()
    made.close()


# ------------------------------------------------------------------ the parent


class Place:
    """A running server, a proxy before it, and the files that are saved."""

    def __init__(self, server: Any, proxy: Any, directory: Path) -> None:
        self.server = server
        self.proxy = proxy
        self.directory = directory

    def file(self, size: int) -> Path:
        """A file with what cannot be compressed."""
        path = self.directory / str(size)
        if not path.exists():
            with path.open("wb") as file:
                for at in range(0, size, MB):
                    file.write(os.urandom(min(MB, size - at)))
        return path

    def run(self, subject: str, name: str, *, count: bool) -> Figures:
        """Run one child."""
        row = ROWS[name]
        database = self.server.new_database()
        port = self.proxy.port if count else self.server.port
        setup = {
            "uri": f"mongodb://127.0.0.1:{port}/?serverMonitoringMode=poll",
            "database": database,
            "path": str(self.file(row.size)),
            "small": str(self.file(KB)),
            "count": count,
        }
        if row.work != "save":
            filler = Ours(self.server.uri, database, {})
            filler.save("file", self.file(row.size))
            filler.close()
        command = [sys.executable, __file__, "--child", subject, name, json.dumps(setup)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None  # noqa: S101 - for mypy
            assert process.stdout is not None  # noqa: S101
            process.stdout.readline()
            before = self.proxy.up + self.proxy.down
            print(file=process.stdin, flush=True)
            figures: Figures = json.loads(process.stdout.readline())
            figures["moved"] = self.proxy.up + self.proxy.down - before
            print(file=process.stdin, flush=True)
        self.server.drop(database)
        if process.returncode:
            raise RuntimeError(f"{subject} failed in {name}")
        return figures

    def measure(self, name: str, rounds: int) -> dict[str, Figures]:
        """Measure a row: subject -> figures, the seconds the best of the rounds."""
        found: dict[str, Figures] = {}
        for _ in range(rounds):
            for subject in SUBJECTS:
                new = self.run(subject, name, count=False)
                old = found.setdefault(subject, new)
                old["seconds"] = min(old["seconds"], new["seconds"])
                old["growth"] = max(old["growth"], new["growth"])
        for subject in SUBJECTS:
            counted = self.run(subject, name, count=True)
            found[subject] |= {it: counted[it] for it in ("commands", "moved")}
        return found


def cells(row: Row, found: dict[str, Figures]) -> list[str]:
    """The columns of a row."""
    both = [found[subject] for subject in SUBJECTS]
    return [
        row.title,
        *(shared.times(it["seconds"]) for it in both),
        f"{both[0]['seconds'] / both[1]['seconds']:.2f}",
        *(str(it["commands"]) for it in both),
        *(f"{it['moved'] / KB:.1f}" for it in both),
        *(f"{it['growth'] / MIB:.1f}" for it in both),
    ]


def missed(row: Row, found: dict[str, Figures]) -> Iterator[str]:
    """Yield the goals that were not reached."""
    ours = found["ours"]
    if found["bucket"]["seconds"] / ours["seconds"] < row.ratio:
        yield f"{row.title}: slower than GridFSBucket"
    if row.moved and ours["moved"] > row.moved:
        yield f"{row.title}: more than {row.moved} bytes moved"
    if ours["growth"] > row.growth * MIB:
        yield f"{row.title}: the process grew by more than {row.growth} MiB"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="how often both take turns (3)")
    parser.add_argument("--docs", action="store_true", help="write the documentation's table")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        subject, name, setup = given.rows
        child(subject, ROWS[name], json.loads(setup))
        return
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    from tests.faults.proxy import TCPProxy
    from tests.servers.secantus import Secantus

    table = [list(HEADINGS)]
    failures: list[str] = []
    print(" | ".join(HEADINGS), flush=True)
    with (
        Secantus() as server,
        TCPProxy(server.port) as proxy,
        tempfile.TemporaryDirectory() as directory,
    ):
        place = Place(server, proxy, Path(directory))
        for name in given.rows or ROWS:
            found = place.measure(name, given.rounds)
            table.append(cells(ROWS[name], found))
            print("  ".join(table[-1]), flush=True)
            failures += missed(ROWS[name], found)
    if given.docs:
        page = ROOT / "docs" / "backends" / "gridfs.rst"
        shared.write(page, "gridfs.py", shared.table(table))
    print(*(failures or ["every goal was reached"]), sep="\n")
    if given.check and failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
