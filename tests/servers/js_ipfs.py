"""js-ipfs, from npm: a real IPFS node and its gateway, without a network.

It is not Kubo; where Kubo answers otherwise, tests/backends/test_ipfs_scripted.py says so.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from tests.servers.beside import ROOT
from tests.servers.process import HOST, MissingProgramError, Server, find, free_port

_MODULES = ROOT / ".cache" / "js-ipfs" / "node_modules"


class JsIPFS(Server):
    """The node, with its repository on disk."""

    packages: ClassVar[tuple[str, ...]] = ("nodejs", "npm")

    def __init__(self) -> None:
        super().__init__()
        self.gateway_port = free_port()

    def command(self) -> list[str]:
        """Node.js, with the packages of .cache/js-ipfs."""
        if not _MODULES.exists():
            raise MissingProgramError(f"{_MODULES} is missing: python3 tools/npm.py js-ipfs")
        return [
            find("node", package="nodejs npm"),
            str(Path(__file__).with_suffix(".mjs")),
            str(_MODULES),
            str(self.port),
            str(self.gateway_port),
            str(self.directory / "repository"),
        ]

    @property
    def url(self) -> str:
        """The address of the RPC."""
        return f"http://{HOST}:{self.port}"

    @property
    def gateway(self) -> str:
        """The address of the gateway."""
        return f"http://{HOST}:{self.gateway_port}"

    def is_ready(self) -> bool:
        """Whether the RPC and the gateway answer."""
        try:
            self.ask("version")
            urllib.request.urlopen(f"{self.gateway}/", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.url.startswith(self.gateway)  # its root has nothing to show
        except OSError:
            return False
        return True

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command of the RPC, behind a storage's back; return its last line of JSON."""
        url = f"{self.url}/api/v0/{command}?{urlencode(arguments, doseq=True)}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as told:
            lines = told.read().splitlines()
        return json.loads(lines[-1]) if lines else None

    def pins(self) -> set[str]:
        """Return the CIDs of what is pinned."""
        return set(self.ask("pin/ls", type="recursive")["Keys"])

    def add(self, content: bytes, **arguments: str) -> str:
        """Add content behind a storage's back; return its CID."""
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--b--\r\n"
        )
        url = f"{self.url}/api/v0/add?{urlencode({'cid-version': '0', **arguments})}"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        request = urllib.request.Request(url, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as told:
            return str(json.loads(told.read().splitlines()[-1])["Hash"])

    def add_directory(self, name: str, content: bytes) -> str:
        """Pin a directory with one file in it; return its CID."""
        place = f"/{uuid.uuid4().hex}"
        added = f"/ipfs/{self.add(content, pin='false')}"
        self.ask("files/cp", arg=[added, f"{place}/{name}"], parents="true")
        cid = str(self.ask("files/stat", arg=place)["Hash"])
        self.ask("pin/add", arg=cid)
        return cid
