"""The servers that the documentation tells to try are started as it tells, and used as it tells."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils.module_loading import import_string

from storages.errors import Unavailable
from storages.options import options_of
from tests.documentation import DOCS, blocks
from tests.servers.odbc import driver
from tests.servers.process import find, free_port

SECTION = "\nRunning a server to try it\n"
PATIENCE = 60
ACCOUNT, UID = "storages-tried", 23997
# The page, and the port in it; None: there is no server to wait for.
PAGES = {"s3": 9000, "ftp": 2121, "sftp": 2222, "database": None}


def told(backend: str, language: str) -> str:
    """The code under the heading, of one language."""
    page = DOCS / "backends" / f"{backend}.rst"
    start = page.read_text(encoding="utf-8").partition(SECTION)[0].count("\n")
    return "\n".join(block.code for block in blocks(page, language) if block.line > start)


def script_of(backend: str) -> str:
    """What a person would type: without the prompts, and without installing."""
    text = re.sub(r"^\$ ", "", told(backend, "console"), flags=re.MULTILINE)
    lines = [line for line in text.split("\n") if not line.startswith("pip install")]
    return "\n".join(["set -e", *lines])


@contextmanager
def typed(backend: str, directory: Path, script: str) -> Iterator[None]:
    """Type the commands into a shell; stop what they started in the end."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"
    command = ["bash", "-c", script]
    if account_of(backend):
        command = as_account(command, directory)
    log = (directory / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            command,
            cwd=directory,
            env={"PATH": path, "HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            if PAGES[backend] is None:
                assert shell.wait(PATIENCE) == 0, (directory / "log").read_text()
            yield
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGTERM)  # it leads a group of its own
            shell.wait(PATIENCE)


def account_of(backend: str) -> str | None:
    """Who types: for SFTP somebody who is not root, as the page says; None: who runs this."""
    return ACCOUNT if backend == "sftp" and os.getuid() == 0 else None


def as_account(command: list[str], directory: Path) -> list[str]:
    """The command, run by an account that is there for it alone: in a mount namespace."""
    for name, line in {
        "passwd": f"{ACCOUNT}:x:{UID}:{UID}::{directory}:/bin/bash",
        "shadow": f"{ACCOUNT}:unusable:19000:0:99999:7:::",
    }.items():
        copy = directory / name
        copy.write_text(f"{Path('/etc', name).read_text()}{line}\n")
        copy.chmod(Path("/etc", name).stat().st_mode)
    os.chown(directory, UID, UID)
    mounts = "mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow"
    become = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    inside = f'{mounts} && exec "$@"'
    unshare = find("unshare", package="util-linux")
    return [unshare, "--mount", "bash", "-c", inside, "bash", *become, *command]


def class_of(backend: str) -> Any:
    """The class whose options the page shows."""
    page = (DOCS / "backends" / f"{backend}.rst").read_text(encoding="utf-8")
    (dotted,) = re.findall(r"^\.\. storage-options:: (\S+)$", page, re.MULTILINE)
    return import_string(dotted)


@pytest.mark.parametrize("backend", PAGES)
def test_the_server_to_try_works(backend: str) -> None:
    """Typed as it stands, with another port; a file is saved, listed, read and deleted."""
    with tempfile.TemporaryDirectory(prefix="storages-tried-") as made:
        try_it(backend, Path(made))


def try_it(backend: str, directory: Path) -> None:
    """Do what the page says, in an empty directory."""
    port = free_port()
    replaced = {
        str(PAGES[backend] or "no port"): str(port),
        "/path/to": str(directory),
        "Driver=SQLite3": f"Driver={driver('libsqlite3odbc.so', package='libsqliteodbc')}",
        "Database=files.db": f"Database={directory}/files.db",
    }

    def here(text: str) -> str:
        for old, new in replaced.items():
            text = text.replace(old, new)
        return text

    namespace: dict[str, Any] = {}
    exec(here(told(backend, "python")), namespace)
    cls = class_of(backend)
    assert set(namespace["OPTIONS"]) <= set(options_of(cls))
    options = namespace["OPTIONS"]
    if account := account_of(backend):
        options["params"]["username"] = account  # else it is who runs this
    storage = cls(**options)
    with typed(backend, directory, here(script_of(backend))):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                name = storage.save("tried/it.txt", ContentFile(b"it works"))
                break
            except Unavailable as error:  # not up yet
                if time.monotonic() > end:
                    raise AssertionError((directory / "log").read_text()) from error
                time.sleep(0.05)
        assert storage.listdir("tried") == ([], ["it.txt"])
        with storage.open(name) as file:
            assert file.read() == b"it works"
        storage.delete(name)
        assert not storage.exists(name)
        storage.close()
