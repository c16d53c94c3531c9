"""Install the Debian packages that the tests need: ``python3 tools/debian.py``.

The one list is tests/servers/packages.txt. Nothing is asked of apt when all of them are there. A
line ``package | program`` is for a package that is not needed where the program is on PATH, from
wherever it comes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "tests" / "servers" / "packages.txt"
POLICY = Path("/usr/sbin/policy-rc.d")
INSTALL = ["apt-get", "install", "--yes", "-qq", "-o=Dpkg::Use-Pty=0", "--no-install-recommends"]


def wanted() -> list[str]:
    """The names in the list, without its comments and those whose program is there already."""
    names = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
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


def install(names: list[str]) -> None:
    """Install ``names``; fetch the package lists only when apt does without them no more."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def run(command: list[str]) -> int:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode

    with no_services():
        if run([*INSTALL, *names]) == 0:
            return
        print("apt's package lists are missing or out of date: updating them", flush=True)
        if run(["apt-get", "update", "-qq"]) or run([*INSTALL, *names]):
            sys.exit("apt-get could not install: " + " ".join(names))


def main() -> None:
    """Install what is missing, or say who has to."""
    names = wanted()
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        print("no Debian here; the tests need what these packages bring:", *names)
        return
    absent = missing(names)
    if not absent:
        return
    if os.geteuid():
        sys.exit("the tests need Debian packages; as root: " + " ".join([*INSTALL, *absent]))
    print("installing Debian packages:", *absent, flush=True)
    install(absent)


if __name__ == "__main__":
    main()
