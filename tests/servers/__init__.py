"""Real servers for the tests: one module per server, each started where it is first needed.

``shared(PostgreSQL)`` is the one server of that kind in this process: it is started on first use
and stopped when the process ends, also after failures. Each class is a context manager too, for
the tests that stop, kill or configure a server of their own. The Debian packages are listed in
``packages.txt``.
"""

from __future__ import annotations

from tests.servers.process import (
    MissingProgramError,
    Server,
    ServerFailedError,
    shared,
    stop_shared,
)

__all__ = ["MissingProgramError", "Server", "ServerFailedError", "shared", "stop_shared"]
