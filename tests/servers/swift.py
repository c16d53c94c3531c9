"""OpenStack Swift, the software behind Cloud Files: all its servers, and memcached, on loopback.

It comes from PyPI and has an environment of its own (``tools/environment.py servers/swift``). Two
proxies stand before one store: one with all the middleware that the storage can use, one with
none of it, as an operator may have it.
"""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from tests.servers import beside
from tests.servers.process import HOST, Server, find, free_port

_numbers = itertools.count(1)
_MEMORY = Path("/dev/shm")

#: user -> (key, groups)
USERS = {
    "test:tester": ("testing", ".admin"),
    # An ordinary word, as above, would not be noticed where it must not be shown.
    "test:keeper": ("s3cret:Key/of+Swift", ".admin"),
    "test:reader": ("reading", ""),
    "other:tester": ("testing", ".admin"),
}


class Swift(Server):
    """A cluster of one node; it holds one copy of everything, in memory where that can be."""

    packages: ClassVar[tuple[str, ...]] = ("memcached",)
    user_name: ClassVar[str] = "test:keeper"
    key: ClassVar[str] = "s3cret:Key/of+Swift"

    def __init__(self) -> None:
        super().__init__()
        self.bare_port = free_port()
        self.memcached_port = free_port()
        self._ports = {name: free_port() for name in ("account", "container", "object")}
        self.devices = Path(
            tempfile.mkdtemp(
                prefix="swift-", dir=_MEMORY if _takes_attributes(_MEMORY) else self.directory
            )
        )

    # ------------------------------------------------------------- the server

    def prepare(self) -> None:
        """Write the configuration."""
        (self.devices / "device").mkdir()
        self._configure("swift.conf", _COMMON)
        if not _takes_attributes(self.devices):
            # More would make the object server fail, and the proxy shun it for a minute.
            with self._file("swift.conf").open("a") as common:
                common.write("[swift-constraints]\nmax_meta_overall_size = 2048\n")
        for name, port in self._ports.items():
            self._configure(f"{name}.conf", _BACKEND, name=name, port=port)
        middleware = "bulk tempurl tempauth copy container-quotas slo dlo"
        for name, port, pipeline in (
            ("proxy", self.port, middleware),
            ("bare-proxy", self.bare_port, "tempauth"),
        ):
            self._configure(f"{name}.conf", _PROXY, port=port, middleware=pipeline)

    def command(self) -> list[str]:
        """Run the supervisor, which forks the servers."""
        memcached = find("memcached", package="memcached")
        return [
            beside.program("swift", "python"),
            "-I",  # or this module would be its "swift"
            str(Path(__file__).with_name("swift_cluster.py")),
            str(self._file("swift.conf")),
            *(str(port) for port in self._ports.values()),
            *(memcached, "-u", getpass.getuser(), "-l", HOST, "-p", str(self.memcached_port)),
            *("-m", "32", "-U", "0"),
        ]

    def is_ready(self) -> bool:
        """Whether every server listens, and both proxies know the account."""
        try:
            # A proxy that does not reach one would shun it for a while.
            for port in self._ports.values():
                socket.create_connection((HOST, port), timeout=5).close()
            for port in (self.port, self.bare_port):
                token = self._authenticate(port)
                request = urllib.request.Request(
                    token["X-Storage-Url"], headers={"X-Auth-Token": token["X-Auth-Token"]}
                )
                urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Stop the servers and remove what they stored."""
        super().close()
        if os.getpid() == self._owner:
            shutil.rmtree(self.devices, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.directory / name

    def _configure(self, file: str, text: str, **values: Any) -> None:
        users = "\n".join(
            f"user_{user.replace(':', '_')} = {key} {groups}"
            for user, (key, groups) in USERS.items()
        )
        facts = {
            "directory": self.directory,
            "devices": self.devices,
            "user": getpass.getuser(),
            "memcached": self.memcached_port,
            "users": users,
        }
        self._file(file).write_text(text.format(**facts, **values))

    # ---------------------------------------------------------- what tests call

    @property
    def auth_url(self) -> str:
        """Where tokens are got."""
        return f"http://{HOST}:{self.port}/auth/v1.0"

    @property
    def bare_auth_url(self) -> str:
        """Where tokens are got for the proxy without the middleware."""
        return f"http://{HOST}:{self.bare_port}/auth/v1.0"

    def credentials(self) -> tuple[str, str]:
        """Return the storage URL and a token."""
        answer = self._authenticate(self.port)
        return answer["X-Storage-Url"], answer["X-Auth-Token"]

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the server behind the storage's back: ``path`` is below the account, quoted."""
        url, token = self.credentials()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{url}/{path}",
            data=body if method in {"PUT", "POST"} else None,
            headers={"X-Auth-Token": token, **given},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _lower(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers), error.read()

    def new_container(self, **headers: str) -> str:
        """Make a container and return its name."""
        name = f"container-{next(_numbers)}"
        status, _, _ = self.request("PUT", name, b"", **headers)
        assert status == 201
        return name

    def fill(self, container: str, count: int) -> None:
        """Let ``container`` list objects ``d/000000.txt`` and so on, which nobody has stored."""
        script = str(Path(__file__).with_name("swift_fill.py"))
        python = beside.program("swift", "python")
        common, devices = str(self._file("swift.conf")), str(self.devices)
        self.run(python, "-I", script, common, devices, "AUTH_test", container, str(count))

    def forget_tokens(self) -> None:
        """Let every token expire."""
        with socket.create_connection((HOST, self.memcached_port), timeout=10) as connection:
            connection.sendall(b"flush_all\r\n")
            assert connection.recv(16) == b"OK\r\n"

    def _authenticate(self, port: int) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{port}/auth/v1.0",
            headers={"X-Auth-User": self.user_name, "X-Auth-Key": self.key},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.headers


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _takes_attributes(directory: Path) -> bool:
    """Whether a file there can have the 4 KiB of attributes that Swift's metadata may need."""
    if not os.access(directory, os.W_OK):
        return False
    with tempfile.NamedTemporaryFile(dir=directory) as probe:
        try:
            os.setxattr(probe.name, "user.swift.metadata", b"x" * 5000)
        except OSError:
            return False
    return True


_COMMON = """\
[swift-hash]
swift_hash_path_prefix = prefix
swift_hash_path_suffix = suffix
[storage-policy:0]
name = gold
default = yes
"""

_BACKEND = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {directory}
devices = {devices}
mount_check = false
workers = 0
disable_fallocate = true
log_level = WARNING
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
# A container that is not told in time does not list the object: nobody tells it later here.
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
"""

_PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {directory}
workers = 0
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats {middleware} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 20
node_timeout = 60
recoverable_node_timeout = 60
# a server that was away is asked again soon
error_suppression_interval = 0.5
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
