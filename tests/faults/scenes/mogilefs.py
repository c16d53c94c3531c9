"""MogileFS: a domain of a cluster, with a proxy before each tracker and each storage node."""

from __future__ import annotations

from typing import Any

from storages.backends.mogilefs import MogileFSStorage
from storages.base import RemoteStorage
from storages.retry import Retry
from storages.staging import is_temporary
from tests.faults.scenes.patience import Patient
from tests.servers import shared
from tests.servers.mogile import MogileFS
from tests.servers.process import HOST, Server

__all__ = ["ClusterScene"]


class ClusterScene(Patient):
    """Two trackers and three nodes; each file in one copy, with its MD5."""

    backend = "mogilefs"
    service = "a cluster"
    waits = 5.0  # an attempt may meet three nodes, and ask trackers in between
    short = 0.7
    varies = 200  # two kinds of nodes answer with other headers

    def open(self) -> None:
        """Make the domain, and show clients the proxies."""
        self.server.clear()
        self.stack.callback(self._end)
        self.domain = self.server.new_domain()
        self.trackers = [self.proxy(each.port).port for each in self.server.trackers]
        for node in self.server.nodes:
            self.server.show(node, self.proxy(node.port).port)

    def _end(self) -> None:
        self.server.start()
        self.server.clear()

    @property
    def server(self) -> MogileFS:
        """The process's one."""
        return shared(MogileFS)

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A storage of its own connections. Nodes are behind their proxies in any case."""
        wait = 60.0 if direct else self.timeout
        found = [each.port for each in self.server.trackers] if direct else self.trackers
        given = {
            "domain": self.domain,
            "trackers": [f"{HOST}:{port}" for port in found],
            "mogile_class": "hashed",
            "connect_timeout": wait,
            "read_timeout": wait,
            "tracker_timeout": wait,
        }
        storage = MogileFSStorage(**{**given, **more})
        storage.retry = retry
        return storage

    @property
    def _all(self) -> tuple[Server, ...]:
        return (*self.server.trackers, *self.server.nodes)

    def kill(self) -> None:
        """Kill all of the cluster."""
        for each in self._all:
            each.kill()

    def freeze(self) -> None:
        """Freeze all of it."""
        for each in self._all:
            each.pause()

    def thaw(self) -> None:
        """Let all of it go on."""
        for each in self._all:
            each.resume()

    def stored(self) -> dict[str, bytes]:
        """What the keys of users lead to on the nodes' disks."""
        self.server.settle()
        return {
            key: self._held(key) for key in self.server.keys(self.domain) if not is_temporary(key)
        }

    def _held(self, key: str) -> bytes:
        copies = self.server.replicas(self.domain, key).values()
        (content,) = {path.read_bytes() for path in copies}
        return content

    def orphans(self) -> int:
        """How many uploads have not got their name."""
        return sum(is_temporary(key) for key in self.server.keys(self.domain))

    def sweep(self) -> None:
        """Delete them."""
        for key in filter(is_temporary, self.server.keys(self.domain)):
            self.server.ask("delete", domain=self.domain, key=key)
