"""Install the Debian packages that the tests need: ``python3 tools/debian.py``.

The lists are tests/servers/packages.txt, what is installed, and packages-unpacked.txt beside it,
what is only unpacked into .cache/debian. A line
``package | program`` is for a package that is not needed where the program is on PATH, from
wherever it comes. Nothing is asked of apt when all of them are there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "servers" / "packages.txt"
UNPACKED_LIST = LIST.with_name("packages-unpacked.txt")
UNPACKED = ROOT / ".cache" / "debian"
POLICY = Path("/usr/sbin/policy-rc.d")
INSTALL = ["apt-get", "install", "--yes", "-qq", "-o=Dpkg::Use-Pty=0", "--no-install-recommends"]
# apt would fetch as a user of its own, who may not write here, and warn that it does not.
DOWNLOAD = ["apt-get", "download", "-qq", "-o=APT::Sandbox::User=root"]


def wanted(path: Path) -> list[str]:
    """The names in a list, without its comments and those whose program is there already."""
    names = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, program = line.partition("#")[0].partition("|")
        if name.strip() and not (program.strip() and shutil.which(program.strip())):
            names.append(name.strip())
    return names


def missing(names: list[str]) -> list[str]:
    """Those of ``names`` that dpkg does not know as installed."""
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [name for name in names if f"{name} installed" not in shown.splitlines()]


@contextmanager
def no_services() -> Iterator[None]:
    """Keep Debian from starting a database server on install: each test run has its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def ask_apt(command: list[str], names: list[str], directory: Path | None = None) -> None:
    """Run ``command``; fetch the package lists only when apt does without them no more."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def run(command: list[str]) -> int:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, cwd=directory, check=False
        ).returncode

    if run([*command, *names]) == 0:
        return
    print("apt's package lists are missing or out of date: updating them", flush=True)
    if run(["apt-get", "update", "-qq"]) or run([*command, *names]):
        sys.exit(f"apt-get could not {command[1]}: " + " ".join(names))


def needs(name: str) -> Path:
    """The file that tells that ``name`` is unpacked, and which libraries it needs."""
    return UNPACKED / f"{name}.needs"


def unpack(names: list[str]) -> None:
    """Unpack ``names`` into ``UNPACKED``, over each other; no script of theirs is run."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=UNPACKED) as directory:
        ask_apt(DOWNLOAD, names, Path(directory))
        for name in names:
            (package,) = Path(directory).glob(f"{name}_*.deb")
            subprocess.run(["dpkg-deb", "--extract", package, UNPACKED], check=True)
            field = ["dpkg-deb", "--field", str(package), "Depends"]
            depends = subprocess.run(field, capture_output=True, text=True, check=True).stdout
            libraries = re.findall(r"(?:^|, )(lib[^\s,]+)", depends)
            needs(name).write_text("\n".join(libraries), encoding="utf-8")


def main() -> None:
    """Install what is missing, or say who has to."""
    names, unpacked = wanted(LIST), wanted(UNPACKED_LIST)
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        print("no Debian here; the tests need what these packages bring:", *names, *unpacked)
        return
    if packed := [name for name in unpacked if not needs(name).exists()]:
        print("unpacking Debian packages:", *packed, flush=True)
        unpack(packed)
    libraries = {library for name in unpacked for library in wanted(needs(name))}
    absent = missing([*names, *sorted(libraries.difference(names))])
    if not absent:
        return
    if os.geteuid():
        sys.exit("the tests need Debian packages; as root: " + " ".join([*INSTALL, *absent]))
    print("installing Debian packages:", *absent, flush=True)
    with no_services():
        ask_apt(INSTALL, absent)


if __name__ == "__main__":
    main()
