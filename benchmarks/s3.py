"""The S3 storage beside raw boto3 and beside today's django-storages: requests, speed, memory.

``make bench-s3``, or ``.venv/bin/python benchmarks/s3.py save-large read-large`` for some rows.
``make bench-s3 ARGS=--docs`` writes tables and figures into docs/backends/s3.rst.

Each figure comes from a process of its own: it warms up, does the work several times and prints
the median. The three take turns, in several rounds, on one server, so that a busy machine is
equally busy for all; each row shows the best round of each. Only the ratios say something: the
server shares the machine. Requests are counted where botocore sends them.

``--check`` fails when a goal is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import timeit
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "backends" / "s3.rst"
sys.path.insert(0, str(ROOT))

from benchmarks import shared  # noqa: E402 - found only now
from benchmarks.s3_work import MIB, Row, rows  # noqa: E402
from benchmarks.shared import NONE, times  # noqa: E402

# ------------------------------------------------------------------ the parent


def peer_python() -> Path:
    """The Python of today's django-storages."""
    import boto3

    return shared.peer_python("s3", f"boto3=={boto3.__version__}")


def run(subject: str, name: str, setup: dict[str, Any]) -> dict[str, Any]:
    """Run one child; return what it printed."""
    python = peer_python() if subject == "peer" else Path(sys.executable)
    # The peer's package has our package's name.
    environment = {**os.environ, "PYTHONPATH": str(ROOT) if subject == "ours" else ""}
    program = Path(__file__).with_name("s3_work.py")
    command = [str(python), str(program), subject, name, json.dumps(setup)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, env=environment, cwd=ROOT.anchor
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@contextmanager
def server(name: str) -> Iterator[Any]:
    """One of the tests' servers."""
    from tests.servers.radosgw import RadosGW
    from tests.servers.s3 import Moto, Rclone

    with {"radosgw": RadosGW, "moto": Moto, "rclone": Rclone}[name]() as started:
        yield started


Results = dict[str, dict[str, dict[str, Any]]]


def measure(server_name: str, wanted: list[str], size: int, rounds: int) -> Results:
    """Measure rows on a server: row -> subject -> figures, each the best of its rounds."""
    results: Results = {}
    with server(server_name) as started:
        setup = {
            "bucket": started.new_bucket(),
            "options": started.options(),
            "size": size,
        }
        for name in wanted:
            row = rows(size)[name]
            found: dict[str, dict[str, Any]] = {}
            for _ in range(rounds):
                for subject in ("boto3", "peer", "ours"):
                    if row.work(subject) is None:
                        continue
                    result = run(subject, name, setup)
                    if subject not in found or result["seconds"] < found[subject]["seconds"]:
                        result["growth"] = max(
                            result["growth"], found.get(subject, result)["growth"]
                        )
                        found[subject] = result
            results[name] = found
            print("  ".join(cells(row, found)), flush=True)
    return results


def requests(figures: dict[str, Any]) -> str:
    """``HEAD 2, GET``."""
    counted = sorted(figures["requests"].items())
    return ", ".join(f"{n} {method}" if n > 1 else method for method, n in counted) or "none"


def cells(row: Row, found: dict[str, dict[str, Any]]) -> list[str]:
    """The columns of a row."""
    ours, peer = found["ours"], found["peer"]
    raw = found.get("boto3")
    return [
        row.title,
        times(raw["seconds"]) if raw else NONE,
        times(peer["seconds"]),
        times(ours["seconds"]),
        f"{raw['seconds'] / ours['seconds']:.2f}" if raw else NONE,
        f"{peer['seconds'] / ours['seconds']:.3g}",
        requests(peer),
        requests(ours),
        f"{peer['received'] / MIB:.1f}",
        f"{ours['received'] / MIB:.1f}",
        f"{peer['growth'] / MIB:.1f}",
        f"{ours['growth'] / MIB:.1f}",
    ]


def missed(name: str, size: int, results: Results) -> Iterator[str]:
    """Yield the goals of a row that were not reached."""
    row, found = rows(size)[name], results[name]
    ours = found["ours"]
    for goal in filter(None, row.goal.split(", ")):
        kind, number = goal.split()
        if kind == "requests":
            reached = sum(ours["requests"].values()) <= int(number)
        elif kind in {"growth", "received"}:
            reached = ours[kind] <= int(number) * MIB
        else:
            other = results.get("url-plain", {}).get("peer") if kind == "unsigned" else found[kind]
            reached = other is None or other["seconds"] / ours["seconds"] >= float(number)
        if not reached:
            yield f"{row.title}: {goal} was not reached"


HEADINGS = (
    "work",
    "boto3",
    "1.14.6",
    "now",
    "boto3 / now",
    "1.14.6 / now",
    "requests, 1.14.6",
    "requests, now",
    "MiB received, 1.14.6",
    "MiB received, now",
    "MiB of memory, 1.14.6",
    "MiB of memory, now",
)


def table(server_name: str, results: Results, size: int, rounds: int) -> str:
    """One server's results as reStructuredText."""
    best = f"the best of {rounds} rounds" if rounds > 1 else "of one round"
    found = (cells(rows(size)[name], figures) for name, figures in results.items())
    return f"On {server_name}, each figure {best}:\n\n{shared.table([HEADINGS, *found])}"


def hashing() -> str:
    """What it costs this machine to hash 1 MB, in milliseconds, as a sentence."""
    block = os.urandom(MIB)
    kinds: dict[str, Callable[[bytes], Any]] = {
        "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
        "SHA-256": hashlib.sha256,
        "CRC-32": zlib.crc32,
    }
    found = [
        f"{kind} {times(min(timeit.repeat(partial(work, block), number=10, repeat=20)) / 10)}"
        for kind, work in kinds.items()
    ]
    return f"Hashing 1 MB took, in this run: {', '.join(found)}."


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(rows(MIB))} (default: all)")
    parser.add_argument("--server", nargs="+", default=["radosgw"], metavar="NAME")
    parser.add_argument("--size", type=int, default=100, help="MiB of the large file (100)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all take turns (3)")
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    given = parser.parse_args()
    size = given.size * MIB
    if unknown := set(given.rows) - set(rows(size)):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if given.docs and given.rows:
        parser.error("the documentation shows every row")
    tables, failures = [], []
    for name in given.server:
        print(f"{name}: {' | '.join(HEADINGS)}", flush=True)
        results = measure(name, given.rows or list(rows(size)), size, given.rounds)
        tables.append(table(name, results, size, given.rounds))
        failures += [f"{name}: {it}" for row in results for it in missed(row, size, results)]
    if given.docs:
        reached = [f"Goals that this run missed: {'; '.join(failures)}."] if failures else []
        shared.write(PAGE, "s3.py", "\n\n".join([*tables, hashing(), *reached]))
    print(*(failures or ["every goal was reached"]), sep="\n")
    if given.check and failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
