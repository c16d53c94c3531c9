"""Every backend beside its client library and today's django-storages, in one run.

``make bench``, or ``.venv/bin/python benchmarks/bench.py s3 sftp --quick``; ``--list`` names the
backends. What is measured is in rows.py, with whom and on which server in places_*.py.

Each subject is a process. All of a backend take turns at each piece of work, on one server, after
each has done it once to warm up; so a busy machine is equally busy for all. A figure is the median
of the turns, and a turn's that of its repetitions. Only the ratios say something: the server
shares the machine. Round trips and bytes are counted once more, behind a proxy; memory is what a
process grew by at its peak.

The results are in ``benchmarks/results/<machine>.json``, written after each row. ``--docs`` makes
the documentation's tables and plots from that file, after measuring or, with ``--no-run``, alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# In the place of this directory.
sys.path[0] = str(ROOT)

from benchmarks import machine, measuring  # noqa: E402 - found only now
from benchmarks.place import Place, memory_directory  # noqa: E402
from benchmarks.rows import EFFORTS, Effort, Row  # noqa: E402

RESULTS = Path(__file__).with_name("results")


def places() -> dict[str, type[Place]]:
    """Every backend, by name."""
    from benchmarks import places_http, places_local, places_remote

    kinds = (*places_remote.PLACES, *places_http.PLACES, *places_local.PLACES)
    return {kind.name: kind for kind in kinds}


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("backends", nargs="*", help="(default: all)")
    parser.add_argument("--list", action="store_true", help="name the backends")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="whether everything runs, 5 minutes")
    effort.add_argument("--full", action="store_true", help="also 1 GiB, hours")
    parser.add_argument(
        "--kinds", nargs="+", metavar="KIND", help="only such work: save, many, ..."
    )
    parser.add_argument("--turns", type=int, help="at most so many turns of each row")
    parser.add_argument("--names", type=int, help="at most so many names in a directory")
    parser.add_argument("--threads", type=int, nargs="+", help="how many save at once: 1 8")
    parser.add_argument("--minutes", type=float, default=0, help="measure no longer than that")
    parser.add_argument("--directory", help="of servers' files and of what is sent (in memory)")
    parser.add_argument("--output", type=Path, help="the file of results")
    parser.add_argument("--docs", action="store_true", help="write the documentation's figures")
    parser.add_argument(
        "--check", action="store_true", help="fail where it is slower, without cause"
    )
    parser.add_argument("--no-run", action="store_true", help="take the results that are there")
    return parser.parse_args()


def less(effort: Effort, given: argparse.Namespace) -> Effort:
    """The effort, cut down to what the command line says."""
    return dataclasses.replace(
        effort,
        turns=min(effort.turns, given.turns or effort.turns),
        names=tuple(each for each in effort.names if each <= (given.names or each)),
        threads=tuple(given.threads or effort.threads),
    )


def main() -> None:
    """Measure what the command line asks for."""
    given = arguments()
    known = places()
    if given.list:
        print(*known, sep="\n")
        return
    if unknown := set(given.backends) - set(known):
        sys.exit(f"no such backend: {', '.join(sorted(unknown))}")
    effort = less(EFFORTS["quick" if given.quick else "full" if given.full else "default"], given)
    # What is quick says nothing: it is not kept among the results.
    kept = Path(tempfile.gettempdir()) / "bench-quick.json"
    output = given.output or (kept if given.quick else RESULTS / f"{machine.name()}.json")
    if not given.no_run:
        # Who stops it in an orderly way stops its servers too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
        directory = given.directory or memory_directory()
        if directory:
            # The servers and the processes make their temporary directories there.
            os.environ["TMPDIR"] = tempfile.tempdir = directory
        run(given, effort, output, {name: known[name] for name in given.backends or known})
    print(f"results: {output}")
    results = json.loads(output.read_text(encoding="utf-8"))
    from benchmarks import pages, tables

    for line in tables.text(results):
        print(line)
    if given.docs:
        pages.write_all(results)
    unexplained = tables.unexplained(results)
    print(*(unexplained or ["nothing is slower without a cause that is told"]), sep="\n")
    if given.check and unexplained:
        sys.exit(1)


def written(results: dict[str, Any]) -> str:
    """The results as JSON, of which the short lists stand on one line each."""

    def joined(found: re.Match[str]) -> str:
        return f"[{' '.join(found[1].split())}]"

    return re.sub(r"\[([^\[\]{}]*)\]", joined, json.dumps(results, indent=1)) + "\n"


def run(
    given: argparse.Namespace, effort: Effort, output: Path, wanted: dict[str, type[Place]]
) -> None:
    """Measure; the file is written after each row."""
    results: dict[str, Any] = {"backends": {}}
    if output.exists() and given.backends:  # the others stay as they were
        results = json.loads(output.read_text(encoding="utf-8"))
    results |= {"machine": machine.facts(), "effort": effort.name}
    output.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    until = began + given.minutes * 60 if given.minutes else float("inf")
    kinds = set(given.kinds or ())

    def keep() -> None:
        partial = output.with_suffix(".part")
        partial.write_text(written(results), encoding="utf-8")
        partial.replace(output)

    def is_wanted(row: Row) -> bool:
        return not kinds or row.kind in kinds

    for at, (name, kind) in enumerate(wanted.items()):
        left = until - time.monotonic()
        if left <= 0:
            print(f"{name}: no time is left", flush=True)
            continue
        # Each gets its share; what one does not use the next ones have.
        share = time.monotonic() + left / (len(wanted) - at) * 1.5
        begun = time.monotonic()
        found: dict[str, Any] = {}
        results["backends"][name] = found
        try:
            measuring.measure(kind, effort, found, keep, min(until, share), is_wanted)
        except Exception as error:  # noqa: BLE001 - the others are measured still
            found["failed"] = type(error).__name__
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
        found["seconds"] = round(time.monotonic() - begun)
        keep()
        print(f"{name}: {found['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
