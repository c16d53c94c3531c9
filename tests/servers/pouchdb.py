"""pouchdb-server, from npm: CouchDB's HTTP API, not CouchDB.

It knows no ranges, deletes without a revision and never compresses; what CouchDB does there is
scripted in tests/backends/test_couchdb_scripted.py.
"""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import ClassVar

from tests.servers.beside import ROOT
from tests.servers.process import HOST, MissingProgramError, Server, find

_numbers = itertools.count(1)
_PROGRAM = ROOT / ".cache" / "pouchdb" / "node_modules" / ".bin" / "pouchdb-server"


class PouchDB(Server):
    """The server, with its databases on disk."""

    packages: ClassVar[tuple[str, ...]] = ("nodejs", "npm")

    def prepare(self) -> None:
        """Write its configuration; it would make one in its working directory."""
        configuration = {
            "log": {"file": str(self.directory / "server.log"), "level": "warn"},
            "httpd": {"bind_address": HOST},
        }
        (self.directory / "config.json").write_text(json.dumps(configuration))
        for name in ("data", "uploads"):
            (self.directory / name).mkdir()

    def command(self) -> list[str]:
        """Node.js, with the program of .cache/pouchdb."""
        if not _PROGRAM.exists():
            raise MissingProgramError(f"{_PROGRAM} is missing: python3 tools/npm.py pouchdb")
        return [
            # It leaves a file there for each upload.
            "env",
            f"TMPDIR={self.directory / 'uploads'}",
            find("node", package="nodejs npm"),
            str(Path(__file__).with_suffix(".cjs")),
            str(_PROGRAM),
            "--host",
            HOST,
            "--port",
            str(self.port),
            "--dir",
            str(self.directory / "data"),
            "--config",
            str(self.directory / "config.json"),
            "--no-stdout-logs",
            "--no-color",
        ]

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{HOST}:{self.port}"

    def is_ready(self) -> bool:
        """Whether it answers HTTP."""
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except OSError:
            return False

    def new_database(self) -> str:
        """Make a database and return its name."""
        name = f"files-{next(_numbers)}"
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=60):
            return name
