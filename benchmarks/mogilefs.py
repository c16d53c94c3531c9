"""The MogileFS storage beside ``curl`` to a storage node: speed, memory, tracker commands, bytes.

``make bench-mogilefs``, or ``.venv/bin/python benchmarks/mogilefs.py --check --docs``.

Each storage and curl save and read the same new file, in turns, in several rounds, on one cluster
of the tests' trackers and three nginx; a row shows the best round of each. curl asks no tracker.
What passes is counted by proxies before trackers and nodes, in a run of its own.

``--docs`` writes the tables into docs/backends/mogilefs.rst, between the marks there. ``--check``
fails when a goal is missed: 0.9 of curl's speed in a class without a hash, 32 MiB of memory, also
for a file that is five times as large, 1 MiB moved for 4 KiB of a large file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import over_http, shared
from benchmarks.over_http import GOAL, MB, MOST_MIB, Place, Service
from storages.backends.mogilefs import MogileFSStorage
from tests.faults.proxy import TCPProxy
from tests.servers.mogile import MogileFS, Node, storing
from tests.servers.nginx import Nginx
from tests.servers.process import HOST

SHM = Path("/dev/shm")  # noqa: S108 - only the default, and temporary files have random names
MEMORY = SHM if SHM.is_dir() else Path(tempfile.gettempdir())
COUNTED = ("work", "tracker commands", "requests to nodes", "kB moved")
MOST_KB = 1024
KIB = 1024
MANY = 1500
READS = 5
LARGER = 5  # times as large is the file that memory is measured with too
SETTLES = 0.1  # seconds until a proxy has counted what it has passed on


@dataclass(frozen=True)
class Counts:
    """What a work has cost."""

    commands: int
    requests: int
    moved: int  # bytes, both ways

    def cells(self, work: str) -> tuple[str, ...]:
        """The columns of a row."""
        return work, str(self.commands), str(self.requests), f"{self.moved / 1000:.1f}"


class Cluster(MogileFS):
    """With nginx on all three nodes, so that it is the same for all which of them is used."""

    def make_nodes(self) -> list[Node]:
        """Three of them."""
        return [Nginx(storing) for _ in range(3)]


@contextmanager
def place(kind: str | None = None) -> Iterator[Place]:
    """A cluster, a storage for a class of it, and curl to its nodes."""
    with Cluster() as cluster, MogileFSStorage(**cluster.options(mogile_class=kind)) as storage:
        yield Place(
            storage,
            # It would ask first whether it may send.
            lambda name, path: ["-T", str(path), "-H", "Expect:", f"{cluster.nodes[0].url}/{name}"],
            lambda name: [storage.get_mogile_paths(name)[0]],
        )


def speeds(size: int, rounds: int) -> dict[str, list[float]]:
    """Work -> the seconds of curl and of the storage, and the growth in MiB."""
    found = over_http.measure(Service(place, reads=READS), size, rounds)
    hashed = over_http.measure(Service(partial(place, "hashed"), reads=READS), size, rounds)
    found |= {f"{work}, class with MD5": figures for work, figures in hashed.items()}
    return found | over_http.measure(Service(place), LARGER * size, 1)


def counts(size: int) -> dict[str, Counts]:
    """Work -> what passed for it."""
    from django.core.files import File
    from django.core.files.base import ContentFile

    def part(storage: Any) -> None:
        with storage.open("large") as file:
            file.seek(size // 2)
            file.read(4 * KIB)

    def whole(storage: Any) -> None:
        with storage.open("small-0") as file:
            file.read()

    small = ContentFile(os.urandom(1000))
    works: dict[str, Callable[[Any], object]] = {
        "save 1 kB": lambda storage: storage.save("new", small),
        "read 1 kB": whole,
        f"read 4 KiB of {size // MB} MB": part,
        "exists": lambda storage: storage.exists("small-0"),
        "size": lambda storage: storage.size("small-0"),
        f"list {MANY}": lambda storage: storage.listdir("many"),
        "delete": lambda storage: storage.delete("small-0"),
    }
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        given = cluster.options()
        direct = stack.enter_context(MogileFSStorage(**given))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with over_http.new_file(directory / "large", size).open("rb") as file:
            direct.save("large", File(file))
        direct.save("small-0", small)
        for number in range(MANY):
            direct.save(f"many/{number}", ContentFile(b""))
        trackers = [stack.enter_context(TCPProxy(tracker.port)) for tracker in cluster.trackers]
        nodes = [stack.enter_context(TCPProxy(node.port)) for node in cluster.nodes]
        for node, proxy in zip(cluster.nodes, nodes, strict=True):
            cluster.show(node, proxy.port)
        addresses = [f"{HOST}:{proxy.port}" for proxy in trackers]
        found = {}
        for name, work in works.items():
            with MogileFSStorage(**{**given, "trackers": addresses}) as storage:
                if name.startswith("save"):  # not its first: then it knows which hashes there are
                    storage.save("before", small)
                before = passed(cluster, trackers, nodes)
                work(storage)
                after = passed(cluster, trackers, nodes)
                found[name] = Counts(*(b - a for a, b in zip(before, after, strict=True)))
        return found


def passed(
    cluster: MogileFS, trackers: list[TCPProxy], nodes: list[TCPProxy]
) -> tuple[int, int, int]:
    """Return the commands, the requests and the bytes so far."""
    time.sleep(SETTLES)
    requests = sum(each.turns_up for proxy in nodes for each in proxy.traffic)
    moved = sum(proxy.up + proxy.down for proxy in (*trackers, *nodes))
    return cluster.all_counts().total(), requests, moved


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=100, help="MB of the file (100)")
    parser.add_argument("--rounds", type=int, default=5, help="how often both take turns (5)")
    parser.add_argument("--docs", action="store_true", help="write the documentation's tables")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    parser.add_argument(
        "--directory",
        type=Path,
        default=MEMORY,
        help=f"of the nodes' files and of what is sent ({MEMORY}: clients are compared, not disks)",
    )
    given = parser.parse_args()
    os.environ["TMPDIR"] = tempfile.tempdir = str(given.directory)
    missed = []
    measured: list[tuple[str, ...]] = [over_http.HEADINGS]
    for work, figures in speeds(given.size * MB, given.rounds).items():
        theirs, ours, grown = figures
        name, *compared, memory = over_http.cells(work, figures)
        if work.endswith(f" {LARGER * given.size} MB"):  # once, and for its memory
            compared = [shared.NONE] * len(compared)
        measured.append((name, *compared, memory))
        print(" | ".join(measured[-1]), flush=True)
        slow = theirs / ours < GOAL and work.endswith(f" {given.size} MB")
        if slow or grown > MOST_MIB:
            missed.append(f"{work}: the goal was not reached")
    counted: list[tuple[str, ...]] = [COUNTED]
    for work, found in counts(given.size * MB).items():
        counted.append(found.cells(work))
        print(" | ".join(counted[-1]), flush=True)
        if "4 KiB" in work and found.moved > MOST_KB * KIB:
            missed.append(f"{work}: the goal was not reached")
    if given.docs:
        page = shared.ROOT / "docs" / "backends" / "mogilefs.rst"
        text = f"{shared.table(measured)}\n\n{shared.table(counted)}"
        shared.write(page, "mogilefs.py", text)
    print(*(missed or ["every goal was reached"]), sep="\n")
    if given.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(USE_TZ=True)
    django.setup()
    main()
