"""Measure a storage beside a program, a client library and today's django-storages.

What benchmarks/sftp.py and benchmarks/ftp.py share; what is measured is in remote_work.py. Each
figure comes from a process of its own: it warms up, does the work several times and prints the
median. All take turns, in several rounds, on one server, so that a busy machine is equally busy
for all; each row shows the best round of each. Only the ratios say something: the server shares
the machine. Round trips and bytes are counted by a proxy that the process then uses once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import shared  # noqa: E402 - found only now
from benchmarks.remote_subjects import KB, LISTED, MANY, MIB  # noqa: E402
from benchmarks.remote_work import READ, Row, rows  # noqa: E402
from benchmarks.shared import NONE, times  # noqa: E402
from tests.faults.proxy import TCPProxy  # noqa: E402

SHM = Path("/dev/shm")  # noqa: S108 - only the default, and temporary files have random names
MEMORY = SHM if SHM.is_dir() else Path(tempfile.gettempdir())
COLUMNS = ("round trips", "kB moved", "MiB of memory")
Figures = dict[str, Any]
Results = dict[str, dict[str, Figures]]


@dataclass
class Place:
    """A running server: what the children are told, and where its files are on this machine."""

    setup: dict[str, Any]
    directory: Path
    watched: TCPProxy

    def fill(self, sizes: list[int]) -> None:
        """Make what is read."""
        for size in sizes:
            block = os.urandom(min(size, MIB))
            with (self.directory / READ.format(size)).open("wb") as file:
                for _ in range(max(1, size // MIB)):
                    file.write(block)
        (self.directory / "many").mkdir()
        for number in range(LISTED):
            (self.directory / "many" / str(number)).touch()
        self.kept = set(self.directory.iterdir())

    def clear(self) -> None:
        """Remove what was saved."""
        for path in set(self.directory.iterdir()) - self.kept:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def counted(self) -> dict[str, int]:
        """What the watching proxy has counted so far."""
        trips = sum(each.turns_up for each in self.watched.traffic if not each.data)
        return {"trips": trips, "bytes": self.watched.up + self.watched.down}


@dataclass(frozen=True)
class Benchmark:
    """One protocol's: its server, the others' names, the goals of rows, the page."""

    name: str
    place: Callable[[], AbstractContextManager[Place]]
    command: str
    raw: str
    package: str  # that the peer needs beside itself
    goals: Mapping[str, str]

    @property
    def page(self) -> Path:
        """Where the table is."""
        return ROOT / "docs" / "backends" / f"{self.name}.rst"

    def rows(self, size: int) -> dict[str, Row]:
        """Every row."""
        return rows(size, self.goals)

    def peer_python(self) -> Path:
        """The Python of today's django-storages."""
        return shared.peer_python(self.name, self.package)

    def run(self, subject: str, name: str, place: Place) -> Figures:
        """Run one child, tell it the counts when it asks, return what it printed."""
        python = self.peer_python() if subject == "peer" else Path(sys.executable)
        # The peer's package has our package's name.
        environment = {**os.environ, "PYTHONPATH": str(ROOT) if subject == "ours" else ""}
        program = Path(__file__).with_name("remote_work.py")
        command = [str(python), str(program), subject, name, json.dumps(place.setup)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT.anchor,
        ) as process:
            for line in process.stdout or ():
                if line == "count\n" and process.stdin:
                    print(json.dumps(place.counted()), file=process.stdin, flush=True)
                else:
                    result: Figures = json.loads(line)
        if process.returncode:
            raise RuntimeError(f"{subject} failed in {name}")
        place.clear()
        return result

    def measure(self, place: Place, wanted: list[str], size: int, rounds: int) -> Results:
        """Measure rows: row -> subject -> figures, each the best of its rounds."""
        results: Results = {}
        for name in wanted:
            row = self.rows(size)[name]
            found: dict[str, Figures] = {}
            for _ in range(rounds):
                for subject in row.subjects:
                    result = self.run(subject, name, place)
                    if subject not in found or result["seconds"] < found[subject]["seconds"]:
                        before = found.get(subject, result)["growth"]
                        found[subject] = {**result, "growth": max(before, result["growth"])}
            results[name] = found
            print("  ".join(cells(row, found)), flush=True)
        return results

    def headings(self) -> list[str]:
        """The columns."""
        others = (self.command, self.raw, "1.14.6")
        return [
            "work",
            *others,
            "now",
            *(f"{other} / now" for other in others),
            *(f"{what}, {who}" for what in COLUMNS for who in ("1.14.6", "now")),
        ]

    def table(self, results: Results, size: int) -> str:
        """The results as reStructuredText."""
        found = (cells(self.rows(size)[name], figures) for name, figures in results.items())
        return shared.table([self.headings(), *found])

    def main(self) -> None:
        """Measure what the command line asks for."""
        parser = argparse.ArgumentParser(description=f"Measure the {self.name.upper()} storage.")
        names = list(self.rows(MIB))
        parser.add_argument("rows", nargs="*", help=f"of {', '.join(names)} (default: all)")
        parser.add_argument("--size", type=int, default=100, help="MiB of the large file (100)")
        parser.add_argument("--rounds", type=int, default=3, help="how often all take turns (3)")
        parser.add_argument("--docs", action="store_true", help="write the page's table")
        parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
        parser.add_argument(
            "--directory",
            type=Path,
            default=MEMORY,
            help=f"of the server's files and of what is sent ({MEMORY}: clients are compared, not "
            "disks)",
        )
        given = parser.parse_args()
        # The servers and the children make their temporary directories there.
        os.environ["TMPDIR"] = tempfile.tempdir = str(given.directory)
        size = given.size * MIB
        if unknown := set(given.rows) - set(names):
            parser.error(f"no such row: {', '.join(sorted(unknown))}")
        print(" | ".join(self.headings()), flush=True)
        with self.place() as place, tempfile.TemporaryDirectory() as static:
            for number in range(MANY):
                (Path(static) / f"{number}.css").write_bytes(os.urandom(KB))
            place.setup |= {"size": size, "static": static}
            place.fill([KB, MIB, 4 * MIB, size, 10 * size])
            results = self.measure(place, given.rows or names, size, given.rounds)
        failures = [it for name in results for it in self.missed(name, size, results[name])]
        if given.docs:
            shared.write(self.page, f"{self.name}.py", self.table(results, size))
        print(*(failures or ["every goal was reached"]), sep="\n")
        if given.check and failures:
            sys.exit(1)

    def missed(self, name: str, size: int, found: dict[str, Figures]) -> Iterator[str]:
        """Yield the goals of a row that were not reached."""
        row, ours = self.rows(size)[name], found["ours"]
        for goal in filter(None, row.goal.split(", ")):
            kind, number = goal.split()
            limits = {
                "growth": ours["growth"] / MIB,
                "trips": ours.get("counts", {}).get("trips"),
                "moved": ours.get("counts", {}).get("bytes", 0) / KB,
            }
            if kind in limits:
                reached = limits[kind] <= float(number)
            else:
                reached = found[kind]["seconds"] / ours["seconds"] >= float(number)
            if not reached:
                yield f"{row.title}: {goal} was not reached"


def cells(row: Row, found: dict[str, Figures]) -> list[str]:
    """The columns of a row."""
    ours = found["ours"]
    others = [found.get(subject) for subject in ("command", "raw", "peer")]
    both = [found.get("peer"), ours]
    counts = [figures and figures.get("counts") for figures in both]
    return [
        row.title,
        *(times(other["seconds"]) if other else NONE for other in others),
        times(ours["seconds"]),
        *(f"{other['seconds'] / ours['seconds']:.2f}" if other else NONE for other in others),
        *(str(count["trips"]) if count else NONE for count in counts),
        *(f"{count['bytes'] / KB:.1f}" if count else NONE for count in counts),
        *(f"{figures['growth'] / MIB:.1f}" if figures else NONE for figures in both),
    ]
