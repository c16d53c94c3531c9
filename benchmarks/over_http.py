"""The HTTP backends beside curl: speed and memory, on the servers of the tests.

``make bench-http``, or ``.venv/bin/python benchmarks/over_http.py couchdb --docs``.

Each storage and curl save and read the same new file, in turns, in several rounds, on one server;
a row shows the best round of each. Only the ratios say something: the server shares the machine,
and is mostly what is slow. A backend is a :class:`Service` in ``SERVICES``. A storage that compares
MD5s is also measured beside a curl that does: ``md5sum`` reads what it downloads, and the file
before an upload.

``--docs`` writes each table into ``docs/backends/<backend>.rst``, between the marks there.
``--check`` fails when a ratio is below 0.9 (to the curl that does the same) or the process grew by
more than 32 MiB.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import shared  # noqa: E402 - found only now
from benchmarks.shared import times  # noqa: E402

HEADINGS = ("work", "curl", "storage", "curl / storage", "MiB")
HASHED = ("curl and md5sum", "that / storage")
GOAL = 0.9
MOST_MIB = 32
GROWTH = 2  # where it is among the figures
MB = 1_000_000
FAILED = "curl failed: {}"


@dataclass
class Place:
    """A storage, and what to say to curl to do the same.

    ``put(name, path)`` and ``get(name)`` return curl's arguments. ``get`` is asked for the name
    that the storage's save returned, so the two read the same file.
    """

    storage: Any
    put: Callable[[str, Path], list[str]]
    get: Callable[[str], list[str]]


@dataclass(frozen=True)
class Service:
    """A backend: how to begin its server, how large a file it is measured with.

    In each round a file is read ``reads`` times: more where that takes so short a time that
    whatever else the machine does decides.
    """

    place: Callable[[], Any]  # a context manager that gives a Place
    size: int = 100 * MB
    reads: int = 1
    compares_md5: bool = False


# ------------------------------------------------------------------ the services


@contextmanager
def cloudfiles() -> Iterator[Place]:
    """Swift, with what it stores in memory. 100 MB are two segments and a manifest, curl's one."""
    from storages.backends.cloudfiles import CloudFilesStorage
    from storages.http import quoted
    from tests.servers.swift import Swift

    with Swift() as server:
        storage = CloudFilesStorage(
            server.user_name, server.key, server.new_container(), auth_url=server.auth_url
        )
        account, token = server.credentials()
        authorized = ["-H", f"X-Auth-Token: {token}"]

        def url(name: str) -> str:
            return f"{account}/{storage.container}/{quoted(name)}"

        with storage:
            yield Place(
                storage,
                lambda name, path: ["-T", str(path), *authorized, url(name)],
                lambda name: [*authorized, url(name)],
            )


@contextmanager
def couchdb() -> Iterator[Place]:
    """pouchdb-server takes twenty times as long for five times as much."""
    from storages.backends.couchdb import CouchDBStorage
    from storages.http import quoted
    from tests.servers.pouchdb import PouchDB

    with PouchDB() as server:
        storage = CouchDBStorage(server=server.url, database=server.new_database())

        def url(name: str) -> str:
            return f"{server.url}/{storage.database}/{quoted(name)}/content"

        binary = ["-H", "Content-Type: application/octet-stream"]
        with storage:
            yield Place(
                storage,
                lambda name, path: ["-T", str(path), *binary, url(name)],
                lambda name: [url(name)],
            )


@contextmanager
def tahoe() -> Iterator[Place]:
    """One node, which encrypts, hashes and stores; the grid keeps equal content once."""
    from storages.backends.tahoe import TahoeStorage
    from tests.servers.tahoe import Tahoe

    with Tahoe() as server:
        cap = server.new_directory()

        def url(name: str) -> str:
            return server.url + server.path(cap, name)

        with TahoeStorage(server.url, cap) as storage:
            yield Place(
                storage,
                lambda name, path: ["-T", str(path), f"{url(name)}?format=CHK&replace=false"],
                lambda name: [url(name)],
            )


@contextmanager
def ipfs() -> Iterator[Place]:
    """A node that cuts, hashes and stores; every round has new content, for equal one is known."""
    from storages.backends.ipfs import InterPlanetaryFileSystemStorage
    from tests.servers.js_ipfs import JsIPFS

    with JsIPFS() as node, InterPlanetaryFileSystemStorage(node.url) as storage:
        add = "add?pin=true&cid-version=0&raw-leaves=false&chunker=size-262144&progress=false"
        binary = "type=application/octet-stream"
        yield Place(
            storage,
            lambda _, path: ["-F", f"file=@{path};{binary}", f"{storage.api_url}/{add}"],
            lambda name: ["-X", "POST", f"{storage.api_url}/cat?arg=/ipfs/{name}"],
        )


SERVICES: dict[str, Service] = {
    "cloudfiles": Service(cloudfiles, compares_md5=True),
    "couchdb": Service(couchdb, size=20 * MB, compares_md5=True),
    "ipfs": Service(ipfs),
    "tahoe": Service(tahoe),
}

# ------------------------------------------------------------------ the measuring


def curl(*arguments: str, md5sum: bool = False) -> float:
    """Run curl, and let md5sum read what it downloads if that is wanted; return the seconds."""
    program = shutil.which("curl")
    if program is None:
        sys.exit("curl is not installed: apt-get install curl")
    command = [program, "-sS", "--fail", *arguments]
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if md5sum else subprocess.DEVNULL,
    ) as process:
        if md5sum:
            subprocess.run(["md5sum"], check=True, stdin=process.stdout, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - begun
    if process.returncode:
        sys.exit(FAILED.format(arguments[-1]))
    return took


def hashing(path: Path) -> float:
    """The seconds that md5sum takes for a file."""
    begun = time.perf_counter()
    subprocess.run(["md5sum", str(path)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def save(place: Place, name: str, path: Path) -> tuple[str, float]:
    """Save the file; return the name and the seconds."""
    from django.core.files import File

    with path.open("rb") as file:
        begun = time.perf_counter()
        saved = place.storage.save(name, File(file))
        return saved, time.perf_counter() - begun


def read(place: Place, name: str, size: int) -> float:
    """Read the file; return the seconds."""
    begun = time.perf_counter()
    with place.storage.open(name) as file:
        length = sum(len(chunk) for chunk in file.chunks(256 * 1024))
    took = time.perf_counter() - begun
    if length != size:
        sys.exit(f"{size} bytes were saved, {length} were read")
    return took


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(service: Service, size: int, rounds: int) -> dict[str, list[float]]:
    """Return for each work the seconds of curl and of the storage, and the growth in MiB.

    Where the storage compares MD5s, also the seconds of a curl that does.
    """
    best: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as directory, service.place() as place:
        path = Path(directory) / "content"
        warm, _ = save(place, "warm", small := new_file(Path(directory) / "small", 1000))
        read(place, warm, small.stat().st_size)
        for number in range(rounds):
            new_file(path, size)  # new each time: some servers keep equal content once
            before = peak()
            name, up = save(place, f"storage-{number}", path)
            saved = peak()
            downs, theirs, hashed = [], [], []
            for _ in range(service.reads):
                downs.append(read(place, name, size))
                theirs.append(curl(*place.get(name)))
                if service.compares_md5:
                    hashed.append(curl(*place.get(name), md5sum=True))
            grown = (saved - before, peak() - saved)
            new_file(path, size)
            others = curl(*place.put(f"curl-{number}", path))
            first = [others + hashing(path)] if service.compares_md5 else []
            for work, figures in (
                ("save", (others, up, grown[0], *first)),
                ("read", (min(theirs), min(downs), grown[1], *sorted(hashed)[:1])),
            ):
                row = f"{work} {size // MB} MB"
                found = best.setdefault(row, list(figures))
                best[row] = [
                    (max if at == GROWTH else min)(pair)
                    for at, pair in enumerate(zip(found, figures, strict=True))
                ]
    return best


def new_file(path: Path, size: int) -> Path:
    """Fill a file with what cannot be compressed."""
    with path.open("wb") as file:
        for at in range(0, size, MB):
            file.write(os.urandom(min(MB, size - at)))
    return path


def cells(work: str, figures: list[float]) -> tuple[str, ...]:
    """The columns of a row."""
    theirs, ours, grown, *hashed = figures
    return (
        work,
        times(theirs),
        times(ours),
        f"{theirs / ours:.2f}",
        f"{grown:.1f}",
        *(cell for seconds in hashed for cell in (times(seconds), f"{seconds / ours:.2f}")),
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("backends", nargs="*", help=f"of {', '.join(SERVICES)} (default: all)")
    parser.add_argument("--size", type=int, help="MB of the file (default: as the backend says)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all take turns (3)")
    parser.add_argument("--docs", action="store_true", help="write the documentation's tables")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    given = parser.parse_args()
    if unknown := set(given.backends) - set(SERVICES):
        parser.error(f"no such backend: {', '.join(sorted(unknown))}")
    missed = []
    for name in given.backends or SERVICES:
        service = SERVICES[name]
        best = measure(service, given.size * MB if given.size else service.size, given.rounds)
        for work, figures in best.items():
            print(f"{name}: {' | '.join(cells(work, figures))}", flush=True)
            theirs = figures[-1] if service.compares_md5 else figures[0]
            if theirs / figures[1] < GOAL or figures[GROWTH] > MOST_MIB:
                missed.append(f"{name}: {work}: the goal was not reached")
        if given.docs:
            rows = [cells(work, figures) for work, figures in best.items()]
            page = ROOT / "docs" / "backends" / f"{name}.rst"
            headings = (*HEADINGS, *(HASHED if service.compares_md5 else ()))
            shared.write(page, "over_http.py", shared.table([headings, *rows]))
    print(*(missed or ["every goal was reached"]), sep="\n")
    if given.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(USE_TZ=True)
    django.setup()
    main()
