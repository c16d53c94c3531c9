"""Measure a place: processes that take turns, row by row."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import shared
from benchmarks.place import COMMAND, HASHING, OURS, PEER, Place
from benchmarks.rows import FAR, GIB, KB, NEAR, WATCHED, Effort, Row
from benchmarks.shared import ROOT

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["measure"]

WITHIN = 60.0  # seconds for one turn: what takes longer has hung
PATIENCE = 25.0  # the same, where threads save at once
SETTLES = 0.05  # seconds until a proxy has counted what it has passed on
LONG = 8.0  # seconds: a subject that needs so much for a turn has no other
MANY = 30.0  # seconds for one row of a subject: then it has no more turns
Figures = dict[str, Any]
Results = dict[str, Any]


class Worker:
    """A process that is one subject."""

    def __init__(self, place: Place, subject: str, line: str, names: dict[str, str]) -> None:
        setup = place.setup(subject, line)
        setup["names"] = names
        setup["sizes"] = {name: int(name[5:-4]) for name in names if name.startswith("read/")}
        python = str(sys.executable)
        if subject == PEER:
            needed = [f"{name}=={version(name)}" for name in place.peer_packages]
            python = str(shared.peer_python(place.name, *needed))
        # The peer's package has our package's name.
        environment = {**os.environ, "PYTHONPATH": str(ROOT) if subject != PEER else ""}
        environment["PYTHONWARNINGS"] = "ignore"
        self.told = b""
        self.process = subprocess.Popen(
            [python, str(Path(__file__).with_name("worker.py")), json.dumps(setup)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("BENCH_ERRORS") else subprocess.DEVNULL,
            env=environment,
            cwd=ROOT.anchor,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for mypy
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdout.close()

    def ask(self, *, within: float = WITHIN, **given: Any) -> Figures:
        """Let it do something; return its answer."""
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        if self.process.poll() is not None:
            return {"error": f"the process ended with {self.process.returncode}"}
        self.process.stdin.write(json.dumps(given).encode() + b"\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], within)[0]:
            self.process.kill()
            return {"error": f"hangs: no end within {within:.0f} s"}
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"the process ended with {self.process.wait()}"}
        answer: Figures = json.loads(line)
        return answer


class Measuring:
    """One place, one effort. ``results`` fills as it goes; ``until`` is the latest moment."""

    def __init__(
        self,
        place: Place,
        effort: Effort,
        results: Results,
        saved: Callable[[], None],
        until: float,
    ) -> None:
        self.place = place
        self.until = until
        large = min(effort.large, place.large)
        sizes = sorted({min(size, large) if size < GIB else size for size in effort.sizes})
        files = min(effort.files, place.files)
        self.effort = dataclasses.replace(effort, large=large, sizes=tuple(sizes), files=files)
        self.results = results
        self.saved = saved
        self.names: dict[str, dict[str, str]] = {subject: {} for subject in place.subjects}
        self.workers: dict[tuple[str, str], Worker] = {}
        self.stack = ExitStack()
        self.filled: dict[int, bool] = {}
        self.hung: set[str] = set()

    def run(self, wanted: Callable[[Row], bool]) -> None:
        """Measure every row that is wanted."""
        rows = [row for row in self.effort.rows() if self.suits(row) and wanted(row)]
        with self.stack:
            self.fill_sizes(rows)
            for line in (NEAR, WATCHED, FAR):
                self.place.use(line)
                for row in rows:
                    if row.line == line:
                        self.row(row)
                    elif line == WATCHED and row.counted and self.place.remote:
                        self.count(row)
                    self.saved()
                self.end(line)

    def suits(self, row: Row) -> bool:
        """Whether the row can be done there at all."""
        if row.line == FAR and not self.place.remote:
            return False
        if self.place.kinds and row.kind not in self.place.kinds:
            return False
        if row.kind.startswith("names-") and not self.place.lists:
            return False
        return row.count <= self.place.most_names or not row.kind.startswith("names-")

    # -- what is read

    def fill_sizes(self, rows: Iterable[Row]) -> None:
        """Save the files that are read."""
        sizes = {row.size for row in rows if row.kind in {"read", "part"}} | {KB}
        usual = sorted(size for size in sizes if size <= self.place.most_bytes)
        for filler in self.place.fillers:
            with Worker(self.place, filler, NEAR, {}) as worker:
                answer = worker.ask(fill={"sizes": usual})
            if "names" not in answer:
                raise RuntimeError(f"{self.place.name}: {filler} cannot save: {answer}")
            self.know(filler, answer["names"])

    def fill_names(self, count: int) -> bool:
        """Make a directory of so many names, unless it is there; whether it could be made."""
        if count not in self.filled:
            self.filled[count] = False
            self.fill_directory(count)
            self.filled[count] = True
        return self.filled[count]

    def fill_directory(self, count: int) -> None:
        """Let each filler make it; RuntimeError when one cannot."""
        for at, filler in enumerate(self.place.fillers):
            with Worker(self.place, filler, NEAR, {}) as worker:
                first = worker.ask(fill={"from": 0, "count": count, "threads": 1})
                there = self.place.fill(count) if at == 0 else 1
                rest = {"from": there, "count": count, "threads": self.place.fill_threads}
                answer = worker.ask(fill=rest, within=600) if there < count else first
            if "error" in {**first, **answer}:
                raise RuntimeError(f"{self.place.name}: {filler} cannot fill: {first} {answer}")
            self.know(filler, first["names"])

    def know(self, filler: str, names: dict[str, str]) -> None:
        """Remember under which names something lies."""
        for subject, known in self.names.items():
            if subject == filler or (filler == OURS and subject not in self.place.fillers):
                known.update(names)

    # -- one row

    def worker(self, subject: str, line: str) -> Worker:
        """The process that is this subject there."""
        found = self.workers.get((subject, line))
        if found is None or found.process.poll() is not None:
            found = Worker(self.place, subject, line, self.names[subject])
            self.stack.callback(found.__exit__)
            self.workers[subject, line] = found
        return found

    def end(self, line: str) -> None:
        """End the processes of a line."""
        for key in [key for key in self.workers if key[1] == line]:
            self.workers.pop(key).__exit__()

    def subjects(self, row: Row) -> list[str]:
        """Who does a row."""
        found = []
        for subject in self.place.subjects:
            # A program's start is most of what it takes for little.
            program = subject in {COMMAND, HASHING}
            small = row.size < 10 * KB * KB and row.kind != "many"
            if program and (small or row.kind == "part" or row.line == FAR):
                continue
            if subject == HASHING and row.kind == "many":
                continue
            found.append(subject)
        return found

    def row(self, row: Row) -> None:
        """Let all take turns."""
        if time.monotonic() > self.until:
            return
        if row.kind.startswith("names-"):
            try:
                if not self.fill_names(row.count):
                    return
            except Exception as error:  # noqa: BLE001 - the other rows can be measured
                print(f"{self.place.name}: {row.count} names: {error}", flush=True)
                return
            self.tell()
        figures: dict[str, Figures] = {}
        began = time.monotonic()
        with ExitStack() as stack:
            workers = self.warmed_up(row, figures, stack)
            spent = dict.fromkeys(workers, 0.0)
            for turn in range(row.turns):
                # Who comes last is first in the next turn.
                for subject in sorted(workers, reverse=bool(turn % 2)):
                    if turn and (spent[subject] > MANY or spent[subject] / turn > LONG):
                        continue
                    begun = time.monotonic()
                    self.turn(row, subject, workers, figures)
                    spent[subject] += time.monotonic() - begun
        if figures:
            told = {**dataclasses.asdict(row), "spent": round(time.monotonic() - began, 1)}
            self.results["rows"][row.key] = {**told, "subjects": figures}

    def warmed_up(
        self, row: Row, figures: dict[str, Figures], stack: ExitStack
    ) -> dict[str, Worker]:
        """The processes that do a row, after they have done it once with less."""
        workers: dict[str, Worker] = {}
        told = dataclasses.asdict(row)
        for subject in self.subjects(row):
            why = self.place.why_not(subject, row.kind, row.line, row.size)
            if row.threads > 1 and subject in self.hung:
                why = "hangs"
            if why is not None:
                figures[subject] = {"why": why}
                continue
            if row.fresh:
                worker = Worker(self.place, subject, row.line, self.names[subject])
                stack.enter_context(worker)
            else:
                worker = self.worker(subject, row.line)
            if answer := worker.ask(row=told, warm_up=True, within=patience(row)):
                self.drop(subject, row, answer, figures)
            else:
                workers[subject] = worker
        return workers

    def turn(
        self, row: Row, subject: str, workers: dict[str, Worker], figures: dict[str, Figures]
    ) -> None:
        """Let one do it as often as a turn is."""
        answer = workers[subject].ask(row=dataclasses.asdict(row), within=patience(row))
        if "seconds" not in answer:
            self.drop(subject, row, answer, figures)
            del workers[subject]
            return
        found = figures.setdefault(subject, {"turns": [], "repeats": 0, "growth": 0})
        found["turns"].append(float(f"{median(answer['seconds']):.4g}"))
        found["repeats"] += len(answer["seconds"])
        found["growth"] = max(found["growth"], answer["growth"])

    def drop(self, subject: str, row: Row, answer: Figures, figures: dict[str, Figures]) -> None:
        """It cannot do the row. After an error its connection may be of no use to the next."""
        if "error" in answer:
            figures[subject] = {"why": answer["error"]}
            if row.threads > 1 and answer["error"].startswith("hangs"):
                self.hung.add(subject)
            if not row.fresh:
                self.workers.pop((subject, row.line)).__exit__()

    def tell(self) -> None:
        """Let the processes that run know the names."""
        for (subject, _), worker in self.workers.items():
            worker.ask(names=self.names[subject])

    def count(self, row: Row) -> None:
        """Count what passes, once."""
        found = self.results["rows"].get(row.key)
        if found is None or time.monotonic() > self.until:
            return
        told = dataclasses.asdict(row)
        for subject, figures in found["subjects"].items():
            if "turns" not in figures or subject in {COMMAND, HASHING}:
                continue
            worker = self.worker(subject, WATCHED)
            if worker.ask(row=told, warm_up=True):
                self.workers.pop((subject, WATCHED)).__exit__()
                continue
            # It prepares (a directory, say), waits to be told, does it once.
            if "ready" not in worker.ask(row=told, count=True):
                continue
            time.sleep(SETTLES)
            before = self.place.counted()
            if "seconds" not in worker.ask(go=True):
                continue
            time.sleep(SETTLES)
            after = self.place.counted()
            figures["counts"] = {name: after[name] - before[name] for name in after}


def patience(row: Row) -> float:
    """When a process that does a row has hung, in seconds."""
    return PATIENCE if row.threads > 1 else WITHIN * max(1, row.size * 10 // GIB)


def measure(  # noqa: PLR0913, PLR0917 - what there is to say
    kind: type[Place],
    effort: Effort,
    results: Results,
    saved: Callable[[], None],
    until: float,
    wanted: Callable[[Row], bool],
) -> None:
    """Measure one place; the results are there as far as it came."""
    with kind() as place:
        results |= {
            "page": place.page,
            "server": place.server,
            "subjects": dict(place.subjects),
            "rows": {},
        }
        Measuring(place, effort, results, saved, until).run(wanted)
