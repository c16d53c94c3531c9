"""What Rackspace and OpenStack put before Swift: identity services and a CDN, as far as used here.

The tokens that they give are real ones of the Swift behind them. Written after the public
documentation: https://docs-ospc.rackspace.com/cloud-files/v1 (v2.0 by API key, the CDN's
management) and https://docs.openstack.org/api-ref/identity/v3/ (Keystone).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.servers.process import HOST, passing_port
from tests.servers.swift import Swift

if TYPE_CHECKING:
    from typing_extensions import Self

REGIONS = ("DFW", "ORD")
USER, KEY, PROJECT = "raxuser", "0123456789abcdef", "files"


@dataclass
class Published:
    """A container as the CDN knows it."""

    enabled: bool
    ttl: int
    log: bool = False


@dataclass
class Rackspace:
    """The services, in threads of this process; a context manager.

    ``asked`` holds each request's method and path; ``cdn`` the containers that it was told of.
    """

    swift: Swift
    asked: list[tuple[str, str]] = field(default_factory=list)
    cdn: dict[str, Published] = field(default_factory=dict)

    def __post_init__(self) -> None:
        services = self

        class Handler(_Handler):
            owner = services

        self._server = ThreadingHTTPServer((HOST, passing_port()), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------ the services

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body (JSON, bytes or None)."""
        self.asked.append((method, path))
        if (method, path) == ("POST", "/v2.0/tokens"):
            return self._version_2(json.loads(body))
        if (method, path) == ("POST", "/v3/auth/tokens"):
            return self._version_3(json.loads(body))
        top, _, rest = path[1:].partition("/")
        if top == "cdn":
            return self._manage(method, rest.rpartition("/")[2], headers)
        if top == "edge" and method in {"GET", "HEAD"}:
            return self._edge(*rest.split("/", 1))
        return 404, {}, {"itemNotFound": {"code": 404, "message": "Resource Not Found"}}

    def _version_2(self, asked: Any) -> tuple[int, dict[str, str], Any]:
        given = asked["auth"].get("RAX-KSKEY:apiKeyCredentials", {})
        if (given.get("username"), given.get("apiKey")) != (USER, KEY):
            message = "Unable to authenticate user with credentials provided."
            return 401, {}, {"unauthorized": {"code": 401, "message": message}}
        url, token = self.swift.credentials()
        account = url.rpartition("/")[2]
        inner = url.replace(HOST, "localhost")  # so that a test can tell them apart
        storage = [
            {"region": region, "tenantId": account, "publicURL": url, "internalURL": inner}
            for region in REGIONS
        ]
        cdn = [
            {"region": region, "tenantId": account, "publicURL": f"{self.url}/cdn/{account}"}
            for region in REGIONS
        ]
        access = {
            "token": {"id": token, "expires": _in_a_day()},
            "serviceCatalog": [
                {"name": "cloudFiles", "type": "object-store", "endpoints": storage},
                {"name": "cloudFilesCDN", "type": "rax:object-cdn", "endpoints": cdn},
            ],
            "user": {"name": USER, "RAX-AUTH:defaultRegion": REGIONS[1]},
        }
        return 200, {}, {"access": access}

    def _version_3(self, asked: Any) -> tuple[int, dict[str, str], Any]:
        user = asked["auth"]["identity"]["password"]["user"]
        given = (user["name"], user["domain"], user["password"])
        if given != (USER, {"name": "Default"}, KEY):
            message = "The request you have made requires authentication."
            return 401, {}, {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
        url, token = self.swift.credentials()
        catalog = []
        wanted = {"project": {"name": PROJECT, "domain": {"name": "Default"}}}
        if asked["auth"].get("scope") == wanted:
            inner = url.replace(HOST, "localhost")
            endpoints = [
                {"interface": side, "region_id": region, "region": region, "url": where}
                for region in REGIONS
                for side, where in (("internal", inner), ("public", f"{url}/"))
            ]
            catalog.append({"name": "swift", "type": "object-store", "endpoints": endpoints})
        found = {"expires_at": _in_a_day(), "catalog": catalog, "methods": ["password"]}
        return 201, {"X-Subject-Token": token}, {"token": found}

    def _manage(
        self, method: str, container: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        if headers.get("x-auth-token") != self.swift.credentials()[1]:
            return 401, {}, b"Unauthorized"
        known = self.cdn.get(container)
        if method in {"PUT", "POST"}:
            if self.swift.request("HEAD", container)[0] != 204 or (method == "POST" and not known):
                return 404, {}, None
            ttl = int(headers.get("x-ttl") or (known.ttl if known else 259200))
            if not 900 <= ttl <= 31_536_000:
                return 400, {}, b"Invalid TTL"
            made = self.cdn.setdefault(container, Published(enabled=True, ttl=ttl))
            made.ttl = ttl
            made.enabled = headers.get("x-cdn-enabled", str(made.enabled)).lower() == "true"
            made.log = headers.get("x-log-retention", str(made.log)).lower() == "true"
            return (202 if known else 201), self._told(container), None
        if known is None:
            return 404, {}, None
        return 204, self._told(container), None

    def _told(self, container: str) -> dict[str, str]:
        known = self.cdn[container]
        edge = f"{self.url}/edge/{_digest(container)}"
        return {
            "X-Cdn-Enabled": str(known.enabled),
            "X-Ttl": str(known.ttl),
            "X-Log-Retention": str(known.log),
            "X-Cdn-Uri": edge,
            "X-Cdn-Ssl-Uri": edge.replace("http:", "https:"),
        }

    def _edge(self, digest: str, name: str) -> tuple[int, dict[str, str], Any]:
        container = next((each for each in self.cdn if _digest(each) == digest), None)
        if container is None or not self.cdn[container].enabled:
            return 404, {}, None
        status, headers, body = self.swift.request("GET", f"{container}/{name}")
        if status != 200:
            return 404, {}, None
        kept = {"Content-Type": headers["content-type"]}
        return 200, {**kept, "Cache-Control": f"public, max-age={self.cdn[container].ttl}"}, body


class _Handler(BaseHTTPRequestHandler):
    owner: Rackspace
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = urlsplit(self.path).path
        if path.startswith("/cdn/"):
            path = unquote(path)
        status, given, content = self.owner.answer(self.command, path, headers, body)
        if isinstance(content, dict):
            content = json.dumps(content).encode()
            given = {"Content-Type": "application/json", **given}
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content or b"")

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - their names


def _digest(container: str) -> str:
    return hashlib.sha256(container.encode()).hexdigest()[:40]


def _in_a_day() -> str:
    moment = datetime.now(timezone.utc) + timedelta(days=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
