"""The backends that speak HTTP: beside ``requests``, curl and python-swiftclient."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.place import COMMAND, HASHING, OURS, RAW, Place, Setup, storage
from benchmarks.rows import MB, NEAR
from tests.servers.process import HOST

__all__ = ["PLACES"]

BINARY = "application/octet-stream"
BATCH = 1000


def asked(method: str, url: str, body: Any = None) -> Any:
    """Send JSON behind the storage's back."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
        return answer.read()


class CloudFiles(Place):
    """Swift, with what it stores in memory. Large files are two segments here, one elsewhere."""

    name = page = "cloudfiles"
    server = "OpenStack Swift"
    subjects: ClassVar[dict[str, str]] = {
        COMMAND: "curl",
        HASHING: "curl and md5sum",
        RAW: "python-swiftclient",
        OURS: "this package",
    }

    def start(self) -> None:
        """Start it, make a container."""
        from tests.servers.swift import Swift

        self.started = self.stack.enter_context(Swift())
        self.lines(self.started.port)
        self.container = self.started.new_container()
        self.account, self.token = self.started.credentials()

    def setup(self, subject: str, line: str) -> Setup:
        """Swift tells clients the port at which they have asked it."""
        port = self.ports[line]
        auth = f"http://{HOST}:{port}/auth/v1.0"
        if subject == OURS:
            return storage(
                "storages.backends.cloudfiles.CloudFilesStorage",
                username=self.started.user_name,
                api_key=self.started.key,
                container=self.container,
                auth_url=auth,
            )
        if subject == RAW:
            options = {"authurl": auth, "user": self.started.user_name, "key": self.started.key}
            return {"kind": "swiftclient", "options": options, "container": self.container}
        account = self.account.replace(f":{self.ports[NEAR]}/", f":{port}/")
        url = f"{account}/{self.container}/{{name}}"
        token = ["-H", f"X-Auth-Token: {self.token}"]
        given: Setup = {"kind": "curl", "put": ["-T", "{path}", *token, url], "get": [*token, url]}
        return {**given, "md5sum": True} if subject == HASHING else {**given, "each": given["put"]}

    def fill(self, count: int) -> int:
        """Write the listing, not the objects."""
        from tests.servers import beside, swift

        server = self.started
        script = Path(swift.__file__).with_name("swift_fill.py")
        given = [str(server.directory / "swift.conf"), str(server.devices), "AUTH_test"]
        given += [self.container, str(count - 1), f"many/{count}"]
        server.run(beside.program("swift", "python"), "-I", str(script), *given)
        return count


class CouchDB(Place):
    """pouchdb-server, which takes twenty times as long for five times as much."""

    name = page = "couchdb"
    server = "pouchdb-server"
    large = 20 * MB
    most_bytes = 20 * MB
    subjects: ClassVar[dict[str, str]] = {
        COMMAND: "curl",
        HASHING: "curl and md5sum",
        RAW: "requests",
        OURS: "this package",
    }

    def start(self) -> None:
        """Start it, make a database."""
        from tests.servers.pouchdb import PouchDB

        self.started = self.stack.enter_context(PouchDB())
        self.lines(self.started.port)
        self.database = self.started.new_database()

    def setup(self, subject: str, line: str) -> Setup:
        """A file is a document's attachment."""
        server = f"http://{HOST}:{self.ports[line]}"
        if subject == OURS:
            path = "storages.backends.couchdb.CouchDBStorage"
            return storage(path, server=server, database=self.database)
        document = f"{server}/{self.database}/{{name}}"
        content = f"{document}/content"
        if subject == RAW:
            among = "startkey=%22{name}%2F%22&endkey=%22{name}0%22"
            return {
                "kind": "requests",
                "safe": "",
                "headers": {"Content-Type": BINARY},
                "save": ["PUT", content],
                "read": ["GET", content],
                "exists": ["HEAD", document],
                "sized": ["GET", document],
                "size": ["_attachments", "content", "length"],
                "list": ["GET", f"{server}/{self.database}/_all_docs?{among}"],
                "listed": ["rows"],
                "ranges": False,
            }
        put = ["-T", "{path}", "-H", f"Content-Type: {BINARY}", content]
        given: Setup = {"kind": "curl", "safe": "", "put": put, "get": [content]}
        return {**given, "md5sum": True} if subject == HASHING else given

    def fill(self, count: int) -> int:
        """Documents with empty attachments."""
        empty = {"content": {"content_type": BINARY, "data": ""}}
        facts = {
            "size": 0,
            "content_type": "image/png",
            "modified": datetime.now(timezone.utc).isoformat(),
            "_attachments": empty,
        }
        for begin in range(1, count, BATCH):
            numbers = range(begin, min(count, begin + BATCH))
            documents = [{"_id": f"many/{count}/{number}.png", **facts} for number in numbers]
            url = f"{self.started.url}/{self.database}/_bulk_docs"
            asked("POST", url, {"docs": documents})
        return count


class Tahoe(Place):
    """One node, which encrypts, hashes and stores."""

    name = page = "tahoe"
    server = "Tahoe-LAFS, one node"
    most_names = 1000
    files = 100
    subjects: ClassVar[dict[str, str]] = {COMMAND: "curl", RAW: "requests", OURS: "this package"}

    def start(self) -> None:
        """Start it, make a directory."""
        from tests.servers.tahoe import Tahoe as Node

        self.started = self.stack.enter_context(Node())
        self.lines(self.started.web_port)
        self.cap = self.started.new_directory()

    def setup(self, subject: str, line: str) -> Setup:
        """A file is below the directory's capability."""
        server = f"http://{HOST}:{self.ports[line]}/"
        if subject == OURS:
            path = "storages.backends.tahoe.TahoeStorage"
            given = storage(path, tahoe_base_url=server, tahoe_base_cap=self.cap)
            return {**given, "url_of_saved": True}  # the server is asked for it
        url = f"{server}{self.started.path(self.cap)}{{name}}"
        put = f"{url}?format=CHK&replace=false"
        if subject == RAW:
            return {
                "kind": "requests",
                "save": ["PUT", put],
                "read": ["GET", url],
                "exists": ["GET", f"{url}?t=json"],
                "size": [1, "size"],
                "list": ["GET", f"{url}?t=json"],
                "listed": [1, "children"],
                "delete": ["DELETE", url],
            }
        return {"kind": "curl", "put": ["-T", "{path}", put], "get": [url]}

    def fill(self, count: int) -> int:
        """One change of the directory; the files are empty."""
        directory = self.started.url + self.started.path(self.cap, f"many/{count}")
        asked("POST", f"{directory}?t=mkdir")
        empty = ["filenode", {"ro_uri": "URI:LIT:"}]
        children = {f"{number}.png": empty for number in range(1, count)}
        asked("POST", f"{directory}?t=set_children", children)
        return count


class IPFS(Place):
    """js-ipfs, a node that cuts, hashes and stores."""

    name = page = "ipfs"
    server = "js-ipfs"
    lists = False
    subjects: ClassVar[dict[str, str]] = {COMMAND: "curl", RAW: "requests", OURS: "this package"}
    not_measured: ClassVar[dict[str, str]] = {
        "ours taken near": "no name is chosen",
        "ours taken far": "no name is chosen",
    }

    def start(self) -> None:
        """Start it."""
        from tests.servers.js_ipfs import JsIPFS

        self.started = self.stack.enter_context(JsIPFS())
        self.lines(self.started.port)

    def setup(self, subject: str, line: str) -> Setup:
        """As the storage adds."""
        server = f"http://{HOST}:{self.ports[line]}"
        if subject == OURS:
            path = "storages.backends.ipfs.InterPlanetaryFileSystemStorage"
            return {**storage(path, api_url=server, gateway_url=server), "url_of_saved": True}
        add = f"{server}/api/v0/add?pin=true&cid-version=0&raw-leaves=false&progress=false"
        add += "&chunker=size-262144"
        cat = f"{server}/api/v0/cat?arg=/ipfs/{{plain}}"
        if subject == RAW:
            return {
                "kind": "requests",
                "form": True,
                "save": ["POST", add],
                "read": ["POST", cat],
                "part": ["POST", f"{cat}&offset={{offset}}&length={{length}}"],
                "exists": ["POST", f"{server}/api/v0/pin/ls?arg={{plain}}"],
                "sized": ["POST", f"{server}/api/v0/files/stat?arg=/ipfs/{{plain}}"],
                "size": ["Size"],
            }
        put = ["-F", f"file=@{{path}};type={BINARY}", add]
        return {"kind": "curl", "put": put, "get": ["-X", "POST", cat]}


class MogileFS(Place):
    """Trackers and three nginx; beside what asks no tracker, and talks to a node."""

    name = page = "mogilefs"
    server = "the tests' MogileFS tracker, nginx"
    subjects: ClassVar[dict[str, str]] = {COMMAND: "curl", RAW: "requests", OURS: "this package"}
    fillers = (OURS, RAW)
    more: ClassVar[dict[str, Any]] = {}

    def start(self) -> None:
        """Start the cluster, and three lines to each of its servers."""
        from tests.servers.mogile import MogileFS as Cluster
        from tests.servers.mogile import Node, storing
        from tests.servers.nginx import Nginx

        class OfNginx(Cluster):
            """With nginx on all nodes: it is the same which of them is used."""

            def make_nodes(self) -> list[Node]:
                """Three of them."""
                return [Nginx(storing) for _ in range(3)]

        self.started = self.stack.enter_context(OfNginx())
        self.trackers = [self.lines(tracker.port) for tracker in self.started.trackers]
        self.nodes = [self.lines(node.port) for node in self.started.nodes]
        self.domain = self.started.new_domain()

    def use(self, line: str) -> None:
        """The trackers name the nodes' ports."""
        for node, ports in zip(self.started.nodes, self.nodes, strict=True):
            self.started.show(node, ports[line])

    def setup(self, subject: str, line: str) -> Setup:
        """Each is told the ports of its line."""
        if subject == OURS:
            return storage(
                "storages.backends.mogilefs.MogileFSStorage",
                domain=self.domain,
                trackers=[f"{HOST}:{ports[line]}" for ports in self.trackers],
                base_url="/media/",
                **self.more,
            )
        url = f"http://{HOST}:{self.nodes[0][line]}/raw/{{name}}"
        if subject == RAW:
            return {
                "kind": "requests",
                "save": ["PUT", url],
                "read": ["GET", url],
                "exists": ["HEAD", url],
                "delete": ["DELETE", url],
            }
        put = ["-T", "{path}", "-H", "Expect:", url]
        return {"kind": "curl", "put": put, "each": put, "get": [url]}

    def fill(self, count: int) -> int:
        """Write the trackers' table; no node has the files."""
        connection = sqlite3.connect(self.started.database, timeout=60)
        connection.create_collation("keys", lambda left, right: (left > right) - (left < right))
        found = connection.execute("SELECT dmid FROM domain WHERE name = ?", [self.domain])
        ((domain,),) = found.fetchall()
        first = 1_000_000 + 10 * count
        with connection:
            connection.executemany(
                "INSERT INTO file (fid, dmid, dkey, length, classid, devcount)"
                " VALUES (?, ?, ?, 0, 0, 1)",
                [(first + n, domain, f"many/{count}/{n}.png") for n in range(1, count)],
            )
        connection.close()
        return count


class MogileFSHashed(MogileFS):
    """In a class with a hash, which the storage compares and the tracker computes once more."""

    name = "mogilefs-md5"
    kinds = frozenset({"save", "read"})
    lists = False
    more: ClassVar[dict[str, Any]] = {"mogile_class": "hashed"}


PLACES = (CloudFiles, CouchDB, Tahoe, IPFS, MogileFS, MogileFSHashed)
