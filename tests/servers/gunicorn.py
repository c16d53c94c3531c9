"""gunicorn, from PyPI: a project over WSGI."""

from __future__ import annotations

import sys

from tests.servers.process import HOST
from tests.servers.web import WebServer


class Gunicorn(WebServer):
    """One worker with ``threads`` threads, so that what it costs is seen in one process."""

    threads = 8

    def program(self) -> list[str]:
        """``gunicorn`` of this Python."""
        return [
            *(sys.executable, "-m", "gunicorn"),
            *("--bind", f"{HOST}:{self.port}"),
            *("--workers", "1", "--worker-class", "gthread", "--threads", str(self.threads)),
            *("--worker-tmp-dir", str(self.directory), "--graceful-timeout", "5"),
            f"{self.project}.wsgi",
        ]
