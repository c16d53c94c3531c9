"""``storages.views.serve`` under load, beside Django's ``static.serve`` and a ``FileResponse``.

``make bench-serving``, or ``.venv/bin/python benchmarks/serving.py --check``.

``wrk`` asks for one file over and over, on many connections that stay open: of gunicorn (WSGI, one
worker with eight threads), then of uvicorn (ASGI). Each view has a server process of its own, so
that its memory is its own, and all take turns of ``--seconds``, ``--rounds`` times, so that a busy
machine is equally busy for all; the file is the same one on this disk. Only the ratios say
something: wrk shares the machine. CPU is what the server used itself, for a request.

``--check`` fails when ours does less than the better of the others by more than ``MARGIN``, when
a request failed, or when memory grew by more than ``MOST_GROWTH`` from the first third of the time
to the last.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.gunicorn import Gunicorn  # noqa: E402 - found only now
from tests.servers.process import find  # noqa: E402
from tests.servers.uvicorn import Uvicorn  # noqa: E402
from tests.servers.web import WebServer  # noqa: E402

MIB = 1024 * 1024
MARGIN = 0.05  # two runs of the same view differ by that much
MOST_GROWTH = 32 * MIB
WARM_UP = 4  # seconds
NAME = "load.bin"
OURS = "storages"
VIEWS = {
    OURS: "/files/public/",
    "static.serve": "/static-serve/",
    "FileResponse": "/file-response/",
}
SERVERS: dict[str, Callable[..., WebServer]] = {"WSGI": Gunicorn, "ASGI": Uvicorn}
HEADINGS = ("server", "view", "requests/s", "ours", "MB/s", "CPU", "errors", "MiB", "growth")


@dataclass
class Figures:
    """What one view did in its turns; ``memory`` was looked at again and again."""

    requests: int = 0
    seconds: float = 0.0
    read: float = 0.0
    errors: int = 0
    cpu: float = 0.0
    memory: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def growth(self) -> int:
        """By how much the memory of the last third of the time is above that of the first."""
        third = max(1, len(self.memory) // 3)
        return round(median(self.memory[-third:]) - median(self.memory[:third]))


Results: TypeAlias = dict[str, Figures]


def wrk(url: str, connections: int, seconds: int, server: WebServer, found: Figures) -> None:
    """Ask for ``url`` for so long; add up what happened, look at the server's memory meanwhile."""
    program = find("wrk", package="wrk")
    command = [program, "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s"]
    used = server.cpu()
    with subprocess.Popen(
        [*command, url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            found.memory.append(server.memory())
            time.sleep(0.2)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        sys.exit(f"wrk failed:\n{printed}")
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m), ([\d.]+)([KMGT]?)B read", printed)
    if total is None:
        sys.exit(f"wrk printed what is not understood:\n{printed}")
    found.requests += int(total[1])
    found.seconds += float(total[2]) * {"ms": 1e-3, "s": 1, "m": 60}[total[3]]
    found.read += float(total[4]) * 1024.0 ** " KMGT".index(total[5] or " ")
    found.errors += sum(
        int(number)
        for line in re.findall(r"(?:Socket errors|Non-2xx or 3xx responses):.*", printed)
        for number in re.findall(r"\d+(?=[,\s]|$)", line)
    )
    found.cpu += server.cpu() - used


def measure(kind: Callable[..., WebServer], given: argparse.Namespace, root: Path) -> Results:
    """Let the views of one kind of server take turns."""
    results: Results = {view: Figures() for view in VIEWS}
    told = {"SERVING_ROOT": str(root), "SERVING_QUIET": "1", "PYTHONWARNINGS": "ignore"}
    with ExitStack() as stack:
        servers = {view: stack.enter_context(kind(**told)) for view in VIEWS}
        for turn in range(given.rounds + 1):
            for view, server in servers.items():
                url = f"{server.url}{VIEWS[view]}{NAME}"
                found = results[view] if turn else Figures()  # the first is to warm up
                wrk(url, given.connections, given.seconds if turn else WARM_UP, server, found)
                print(f"turn {turn}: {view}: {found.rate:.0f} requests/s", flush=True)
    return results


def cells(server: str, view: str, found: Results) -> tuple[str, ...]:
    """The columns of a row."""
    its = found[view]
    return (
        server,
        view,
        f"{its.rate:.0f}",
        f"{found[OURS].rate / its.rate:.2f}",
        f"{its.read / its.seconds / 1e6:.0f}",
        f"{its.cpu / its.requests * 1e3:.2f} ms",
        str(its.errors),
        f"{max(its.memory) / MIB:.0f}",
        f"{its.growth / MIB:+.1f}",
    )


def missed(server: str, found: Results) -> list[str]:
    """The goals that were not reached."""
    ours = found[OURS]
    others = max(its.rate for view, its in found.items() if view != OURS)
    goals = {
        f"{ours.rate / others:.2f} of the better of the others": ours.rate >= others * (1 - MARGIN),
        f"{ours.errors} requests failed": ours.errors == 0,
        f"memory grew by {ours.growth / MIB:.1f} MiB": ours.growth <= MOST_GROWTH,
    }
    return [f"{server}: {goal}" for goal, reached in goals.items() if not reached]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("servers", nargs="*", help=f"of {', '.join(SERVERS)} (default: all)")
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of the file (1000000)")
    parser.add_argument("--connections", type=int, default=64, help="at once (64)")
    parser.add_argument("--seconds", type=int, default=10, help="of each turn (10)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each view (3)")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    given = parser.parse_args()
    if unknown := set(given.servers) - set(SERVERS):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    failures = []
    rows: list[tuple[str, ...]] = [HEADINGS]
    root = Path(tempfile.mkdtemp(prefix="storages-bench-"))
    try:
        (root / "media").mkdir()
        (root / "media" / NAME).write_bytes(os.urandom(given.size))
        for name in given.servers or SERVERS:
            found = measure(SERVERS[name], given, root)
            rows += [cells(name, view, found) for view in VIEWS]
            failures += missed(name, found)
    finally:
        shutil.rmtree(root)
    print(*(" | ".join(row) for row in rows), sep="\n")
    print(*(failures or ["every goal was reached"]), sep="\n")
    if given.check and failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
