"""The demo as a person meets it: its server, and a real browser. For the tests and screenshots."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

MANAGE = Path(__file__).resolve().parent / "manage.py"
START_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True)
class Site:
    """A running demo.

    :param address: where it is, without a slash at the end.
    :param var: where it keeps its data.
    :param pid: its process.
    :param log: the file that holds what it printed.
    """

    address: str
    var: Path
    pid: int
    log: Path

    @property
    def printed(self) -> str:
        """What its terminal would show."""
        return self.log.read_text(encoding="utf-8")

    @property
    def password(self) -> str:
        """The admin's password, from where a person reads it."""
        found = re.search(r"password (\S+)\)", self.printed)
        if found is None:
            raise RuntimeError(f"The demo printed no password:\n{self.printed}")
        return found.group(1)


@contextmanager
def demo_site(var: Path) -> Iterator[Site]:
    """Run ``manage.py demo`` on a free port, and end it by its process in every case.

    :param var: an empty directory for its data.
    :raises RuntimeError: it ended, or did not answer in time; the text holds what it printed.
    """
    var.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    log = var / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            # Whatever Python warns of is to be seen as a failed request.
            [sys.executable, "-W", "error", "-u", str(MANAGE), "demo", "--port", str(port)],
            env={**os.environ, "STORAGES_EXAMPLE_VAR": str(var)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(port, process, log)
            yield Site(f"http://127.0.0.1:{port}", var, process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def chromium() -> str:
    """Return Debian's Chromium.

    :raises RuntimeError: it is not installed.
    """
    found = shutil.which("chromium")
    if found is None:
        raise RuntimeError(
            "There is no chromium on PATH. Install Debian's package: apt-get install chromium"
        )
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a headless Chromium that talks to nobody but the pages' server."""
    program = chromium()
    arguments = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    # Chromium refuses to start as root (in containers, CI) with its sandbox.
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=program, args=arguments, chromium_sandbox=os.geteuid() != 0
        ) as started,
    ):
        yield started


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    printed = log.read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"The demo does not answer on port {port}. It printed:\n{printed}")
