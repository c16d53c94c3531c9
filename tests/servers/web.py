"""What the servers of a Django project have in common: gunicorn (WSGI) and uvicorn (ASGI)."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.beside import ROOT
from tests.servers.process import HOST, Server


class WebServer(Server):
    """A server of ``tests.projects.serving``, or of another project that is one of its modules.

    ``environment`` tells the project where things are: ``SERVING_ROOT``, its directory, is the
    server's own unless it is told. Every request that was answered is a line of ``SERVING_LOG``.
    """

    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(self, project: str = "tests.projects.serving", **environment: str) -> None:
        super().__init__()
        self.project = project
        self.environment = {
            "SERVING_ROOT": str(self.directory),
            "SERVING_LOG": str(self.directory / "requests.log"),
            "DJANGO_SETTINGS_MODULE": f"{project}.settings",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.directory),  # gunicorn puts a socket there
            # What Python warns of is to be seen as a failed request.
            "PYTHONWARNINGS": "error",
            **environment,
        }

    def program(self) -> list[str]:
        """The command line of the server, without the environment."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The server's, after ``env`` with what the project is told."""
        return ["env", *(f"{name}={value}" for name, value in self.environment.items()),
                *self.program()]  # fmt: skip

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def is_ready(self) -> bool:
        """Whether it answers HTTP, in whatever way."""
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

    def requests(self) -> list[dict[str, Any]]:
        """What was answered so far, in the order of the answers."""
        log = Path(self.environment["SERVING_LOG"])
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def descriptors(self) -> int:
        """How many files and connections the server has open."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.processes())

    def peak(self) -> int:
        """The most memory that its processes ever had, in bytes."""
        total = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
        return total

    def memory(self) -> int:
        """The bytes of memory that its processes have now."""
        page = os.sysconf("SC_PAGESIZE")
        return page * sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes()
        )

    def cpu(self) -> float:
        """The seconds of CPU that its processes have used."""
        ticks = 0
        for pid in self.processes():
            user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")
