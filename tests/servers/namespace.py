"""A mount namespace for a server: users that the machine does not have, a disk of limited size."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from tests.servers.process import find

USER_ID = 23021  # of the user that the servers serve, when the tests are run by root


def user_id() -> int:
    """Whose the files of the served user are: nobody's on this machine, or else our own."""
    return os.getuid() or USER_ID


def hashed(password: str) -> str:
    """``password`` as shadow(5) has it."""
    openssl = find("openssl", package="openssl")
    command = [openssl, "passwd", "-6", "-stdin"]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Namespace:
    """What a server sees other than the machine has it. Linux, and only root can make it."""

    def __init__(self) -> None:
        self._mounts: list[list[str]] = []

    def bind(self, source: Path, target: str) -> None:
        """Show the file or directory ``source`` at ``target``."""
        self._mounts.append(["mount", "--bind", str(source), target])

    def limit(self, directory: Path, size: int) -> None:
        """Put an empty disk of ``size`` bytes, which the user owns, over ``directory``."""
        options = f"size={size},mode=0755,uid={user_id()},gid={user_id()}"
        self._mounts.append(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)])

    def add_user(self, name: str, password: str, home: Path, directory: Path) -> None:
        """Add a user to the machine's; ``directory`` is for the files that tell so."""
        number = user_id()
        lines = {
            "passwd": f"{name}:x:{number}:{number}::{home}:/bin/sh\n",
            "group": f"{name}:x:{number}:\n",
            "shadow": f"{name}:{hashed(password)}:19000:0:99999:7:::\n",
        }
        for file, line in lines.items():
            known = Path("/etc", file)
            private = file == "shadow"
            copy = directory / file
            copy.touch(mode=0o600 if private else 0o644)
            copy.write_text(("" if private else known.read_text()) + line)
            self.bind(copy, str(known))

    def wrap(self, command: list[str]) -> list[str]:
        """``command``, run in the namespace, as the process that would run it without."""
        if not self._mounts:
            return command
        script = " && ".join(shlex.join(mount) for mount in self._mounts) + ' && exec "$@"'
        unshare = find("unshare", package="util-linux")
        return [unshare, "--mount", "--propagation=private",
                "sh", "-c", script, "sh", *command]  # fmt: skip
