"""``collectstatic`` beside today's django-storages: first and second run, requests, memory.

``make bench-static``, or ``.venv/bin/python benchmarks/collectstatic.py s3 --files 500``.
``make bench-static ARGS=--docs`` writes the table into docs/static.rst.

Each figure is the command ``collectstatic`` in a process of its own, from its start to its end,
less importing Django and the client library, and the first connection. The two take turns on one
server, each in a place of its own; of second runs, which are repeated for ten seconds, the best
counts. Only the ratios say something: the server shares the machine.
On S3 both use ``S3ManifestStaticStorage``; on SFTP and FTP, where django-storages has no such
class, plain storages. ``…, far`` is the same through a proxy that is 5 ms away.

``--check`` fails when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.shared import NONE, ROOT, peer_python, table, times, write
from tests.faults.ftpproxy import FTPProxy
from tests.faults.proxy import TCPProxy
from tests.servers.ftp import Proftpd
from tests.servers.radosgw import RadosGW
from tests.servers.sshd import Sshd

PAGE = ROOT / "docs" / "static.rst"
KB = 1000
MIB = 1024 * 1024
#: Goals: how many times faster; MiB that ten times the files may cost more than the names do.
FIRST, AGAIN, MEMORY = 3, 20, 16
#: The second run is repeated so often at most, and until so many seconds are spent.
MOST, LONG = 5, 10
Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a subject stores its files."""

    protocol: str
    options: Callable[[], dict[str, Any]]
    package: str = ""
    manifest: bool = False


class Ftpd(Proftpd):
    """With a password that needs no quoting: django-storages 1.14.6 does not undo it."""

    password = "benchmark"  # noqa: S105 - of a server that lives as long as this program


@contextmanager
def s3() -> Iterator[Place]:
    """A bucket on Ceph."""
    import boto3

    with RadosGW() as server:
        yield Place(
            "s3",
            lambda: server.options(bucket_name=server.new_bucket()),
            f"boto3=={boto3.__version__}",
            manifest=True,
        )


@contextmanager
def sftp(delay: float = 0) -> Iterator[Place]:
    """A directory behind OpenSSH's server."""
    import paramiko

    with Sshd() as server, TCPProxy(server.port, delay=delay) as slow:
        port = slow.port if delay else server.port

        def options() -> dict[str, Any]:
            root = str(server.new_directory(uuid.uuid4().hex))
            given = server.options(root_path=root, params={"port": port})
            # The proxy's port is not in the file of known hosts; the peer trusts everybody.
            return {**given, "known_host_file": known_hosts(server, port)}

        yield Place("sftp", options, f"paramiko=={paramiko.__version__}")


def known_hosts(server: Sshd, port: int) -> str:
    """A file of known hosts, with the server at that port as well."""
    text = server.known_hosts.read_text(encoding="utf-8")
    path = server.directory / f"known_hosts_{port}"
    path.write_text(text.replace(f"]:{server.port}", f"]:{port}"), encoding="utf-8")
    return str(path)


@contextmanager
def ftp(delay: float = 0) -> Iterator[Place]:
    """A directory behind proftpd."""
    with Ftpd() as server, FTPProxy(server.port, delay=delay) as slow:

        def options() -> dict[str, Any]:
            url = server.location(server.new_place())
            if delay:
                url = url.replace(f":{server.port}/", f":{slow.port}/")
            return {"location": f"{url}/", "base_url": "/static/"}

        yield Place("ftp", options)


SERVERS: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "s3": s3,
    "sftp": sftp,
    "sftp, far": lambda: sftp(0.0025),
    "ftp": ftp,
    "ftp, far": lambda: ftp(0.0025),
}


def fill(directory: Path, count: int) -> None:
    """Make static files of a kilobyte: stylesheets that refer to images, scripts, images."""
    for number in range(count):
        top = directory / f"app{number // 100}"
        kind = number % 10
        if kind < 3:  # noqa: PLR2004 - three of ten are stylesheets
            name = f"css/{number}.css"
            text = f"p {{ background: url(../img/{number - kind + 9}.png) }} /* {number} */"
            data = text.encode().ljust(KB)
        elif kind < 6:  # noqa: PLR2004 - three are scripts
            name, data = f"js/{number}.js", f"// {number}".encode().ljust(KB)
        else:
            name, data = f"img/{number}.png", os.urandom(KB)
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def run(subject: str, place: Place, options: dict[str, Any], source: Path) -> dict[str, Any]:
    """Run the command once; return what it took."""
    ours = subject == "ours"
    python = sys.executable if ours else str(peer_python(place.protocol, place.package))
    # The peer's package has our package's name.
    environment = {**os.environ, "PYTHONPATH": str(ROOT) if ours else ""}
    told = {
        "subject": subject,
        "protocol": place.protocol,
        "manifest": place.manifest,
        "options": options,
        "source": str(source),
    }
    program = Path(__file__).with_name("collectstatic_work.py")
    done = subprocess.run(
        [python, str(program), json.dumps(told, default=str)],
        stdout=subprocess.PIPE,
        check=True,
        env=environment,
        cwd=ROOT.anchor,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(place: Place, count: int) -> Figures:
    """Measure both subjects' first and second run."""
    found: Figures = {}
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory), count)
        for subject in ("peer", "ours"):
            options = place.options()
            found[f"{subject} first"] = run(subject, place, options, Path(directory))
            again = [run(subject, place, options, Path(directory))]
            while len(again) < MOST and sum(each["seconds"] for each in again) < LONG:
                again.append(run(subject, place, options, Path(directory)))
            found[f"{subject} again"] = min(again, key=lambda each: each["seconds"])
    return found


def faster(found: Figures, which: str) -> float:
    """How many times faster ours is."""
    ratio: float = found[f"peer {which}"]["seconds"] / found[f"ours {which}"]["seconds"]
    return ratio


HEADINGS = (
    "store",
    "files",
    "run",
    "1.14.6",
    "now",
    "1.14.6 / now",
    "requests, 1.14.6",
    "requests, now",
    "MiB of memory, 1.14.6",
    "MiB of memory, now",
)


def cells(name: str, count: int, found: Figures) -> Iterator[Sequence[str]]:
    """Two rows of the table."""
    for which in ("first", "again"):
        both = [found[f"{subject} {which}"] for subject in ("peer", "ours")]
        yield (
            name,
            str(count),
            which,
            *(times(each["seconds"]) for each in both),
            f"{faster(found, which):.3g}",
            *(str(each.get("requests", NONE)) for each in both),
            *(f"{each['growth'] / MIB:.1f}" for each in both),
        )


def alone(count: int) -> str:
    """How long the command takes by itself, as part of a sentence."""
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory), count)
        runs = [run("ours", Place("none", dict), {}, Path(directory)) for _ in range(MOST)]
    return f"{times(min(each['seconds'] for each in runs))} for {count} files"


def missed(name: str, results: dict[int, Figures]) -> Iterator[str]:
    """Yield the goals that were not reached."""
    for count, found in results.items():
        if name == "s3":
            if faster(found, "first") < FIRST:
                yield f"{name}, {count} files: the first run is not {FIRST} times faster"
            # One request lists a thousand: the files, their hashed copies, and the manifest.
            most = math.ceil((2 * count + 1) / 1000) + 2
            if found["ours again"]["requests"] > most:
                yield f"{name}, {count} files: the second run makes more than {most} requests"
        if faster(found, "again") < AGAIN:
            yield f"{name}, {count} files: the second run is not {AGAIN} times faster"
    growth = [found["ours first"]["growth"] / MIB for found in results.values()]
    if growth and max(growth) - min(growth) > MEMORY:
        yield f"{name}: memory grows with the number of files"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stores", nargs="*", help=f"of {', '.join(SERVERS)} (default: all)")
    parser.add_argument("--files", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--check", action="store_true", help="fail when a goal is missed")
    given = parser.parse_args()
    if unknown := set(given.stores) - set(SERVERS):
        parser.error(f"no such store: {', '.join(sorted(unknown))}")
    if given.docs and (given.stores or given.files != [500, 5000]):
        parser.error("the documentation shows everything")
    print(" | ".join(HEADINGS), flush=True)
    rows: list[Sequence[str]] = [HEADINGS]
    failures: list[str] = []
    for name in given.stores or SERVERS:
        results: dict[int, Figures] = {}
        # What is far takes the peer too long with many.
        counts = given.files[:1] if "far" in name else given.files
        with SERVERS[name]() as place:
            for count in counts:
                results[count] = measure(place, count)
                for row in cells(name, count, results[count]):
                    rows.append(row)
                    print("  ".join(row), flush=True)
        failures += missed(name, results)
    if given.docs:
        floor = " and ".join(alone(count) for count in given.files)
        said = [
            f"The command itself, with a storage that answers at once, took {floor} in this run."
        ]
        said += [f"Goals that this run missed: {'; '.join(failures)}."] if failures else []
        write(PAGE, "collectstatic.py", "\n\n".join([table(rows), *said]))
    print(*(failures or ["every goal was reached"]), sep="\n")
    if given.check and failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
