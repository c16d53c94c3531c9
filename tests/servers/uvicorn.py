"""uvicorn, from PyPI: a project over ASGI."""

from __future__ import annotations

import sys

from tests.servers.process import HOST
from tests.servers.web import WebServer


class Uvicorn(WebServer):
    """One process; what is not closed after five seconds is cut when it stops."""

    def program(self) -> list[str]:
        """``uvicorn`` of this Python."""
        return [
            *(sys.executable, "-m", "uvicorn"),
            *("--host", HOST, "--port", str(self.port)),
            *("--no-access-log", "--timeout-graceful-shutdown", "5", "--lifespan", "off"),
            f"{self.project}.asgi:application",
        ]
