"""The test project as it runs: its directory, its S3, a server over WSGI and one over ASGI."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests

from tests.faults.proxy import TCPProxy
from tests.servers.gunicorn import Gunicorn
from tests.servers.process import HOST, shared
from tests.servers.radosgw import RadosGW
from tests.servers.uvicorn import Uvicorn
from tests.servers.web import WebServer

if TYPE_CHECKING:
    from typing_extensions import Self

PROJECT = "tests.projects.serving"
KINDS: dict[str, type[WebServer]] = {"wsgi": Gunicorn, "asgi": Uvicorn}


class Site:
    """The project's directory, and its servers, which are started when they are asked for.

    ``s3`` is the proxy between the project and radosgw: what goes wrong there is for tests to say.
    """

    def __init__(self, root: Path, **more: str) -> None:
        """``more``: what else the project is told."""
        self.root = root
        self.storage = shared(RadosGW)
        self.s3 = TCPProxy(self.storage.port)
        self.environment = {
            "SERVING_ROOT": str(root),
            "SERVING_S3": json.dumps(
                self.storage.options(
                    bucket_name=self.storage.new_bucket(),
                    endpoint_url=f"http://{HOST}:{self.s3.port}",
                )
            ),
            **more,
        }
        self._servers: dict[str, WebServer] = {}
        self._put: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        self.s3.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        while self._servers:
            self._servers.popitem()[1].close()
        self.s3.__exit__(*exc_info)

    def server(self, kind: str) -> WebServer:
        """The server over ``wsgi`` or ``asgi``."""
        server = self._servers.get(kind)
        if server is None:
            log = str(self.root / f"{kind}.log")
            server = KINDS[kind](PROJECT, **{**self.environment, "SERVING_LOG": log})
            server.run(
                sys.executable,
                "-m",
                "django",
                "createstoragetable",
                "--verbosity",
                "0",
                environment=server.environment,
            )
            self._servers[kind] = server
        server.start()
        return server

    def put(self, alias: str, name: str, content: bytes | Path) -> str:
        """Store a file as the project would, and return its URL's path."""
        url = f"{self.server('wsgi').url}/put/{alias}/{quote(name)}"
        with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
            answer = requests.put(url, data=file, timeout=60)
        answer.raise_for_status()
        assert answer.text == name, f"{name} was there already"
        return f"/files/{alias}/{quote(name)}"

    def put_once(self, alias: str, name: str, content: bytes | Path) -> str:
        """The same, unless it was done."""
        path = self._put.get((alias, name))
        if path is None:
            path = self._put[alias, name] = self.put(alias, name, content)
        return path
