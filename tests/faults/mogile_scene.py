"""A domain of a MogileFS cluster with a fault proxy before each tracker and each storage node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from django.core.files.base import ContentFile

from storages.backends.mogilefs import MogileFSStorage
from storages.retry import Retry
from storages.staging import is_temporary
from tests.faults.proxy import Fault, TCPProxy
from tests.faults.transfers import ATTEMPTS, OLD, TIMEOUT
from tests.servers import shared
from tests.servers.mogile import MogileFS
from tests.servers.process import HOST

#: What is there before: a file that nobody is about to change, and one to be replaced.
BEFORE = {"other.bin": OLD, "replaced.bin": OLD}
#: Seconds that a call may wait: an attempt may meet three nodes, and ask trackers in between.
WAITS = ATTEMPTS * 5 * TIMEOUT


@contextmanager
def filled() -> Iterator[MogileScene]:
    """A scene with the files of BEFORE, on the shared cluster."""
    scene = MogileScene(shared(MogileFS))
    try:
        storage = scene.storage(direct=True)
        for name, content in BEFORE.items():
            assert storage.save(name, ContentFile(content)) == name
        scene.clear()
        yield scene
    finally:
        scene.close()


class MogileScene:
    """A new domain, storages that reach it through the proxies, and the files on the nodes' disks.

    ``trackers`` and ``nodes`` are the proxies, in the order of the cluster's.
    """

    def __init__(self, cluster: MogileFS) -> None:
        self.cluster = cluster
        cluster.clear()
        self.domain = cluster.new_domain()
        self._stack = ExitStack()
        self.trackers = [self._proxy(tracker.port) for tracker in cluster.trackers]
        self.nodes = [self._proxy(node.port) for node in cluster.nodes]
        for node, proxy in zip(cluster.nodes, self.nodes, strict=True):
            cluster.show(node, proxy.port)

    def _proxy(self, port: int) -> TCPProxy:
        return self._stack.enter_context(TCPProxy(port))

    def close(self) -> None:
        """Close the storages and the proxies; the cluster is as it was."""
        for proxy in self._proxies:
            proxy.clear()  # nothing stalls that waits to be closed
        self._stack.close()
        self.cluster.start()
        self.cluster.clear()

    def storage(self, kind: str | None = None, *, direct: bool = False) -> MogileFSStorage:
        """A storage that has no connection yet; its class is ``kind``."""
        found = self.cluster.trackers if direct else self.trackers
        storage = MogileFSStorage(
            domain=self.domain,
            trackers=[f"{HOST}:{each.port}" for each in found],
            mogile_class=kind,
            connect_timeout=TIMEOUT,
            read_timeout=TIMEOUT,
            tracker_timeout=TIMEOUT,
        )
        storage.retry = Retry(attempts=ATTEMPTS, backoff=0.01)
        self._stack.callback(storage.close)
        return storage

    # -- what goes wrong

    def arm(self, proxies: Iterable[TCPProxy], fault: Fault) -> None:
        """Let it happen wherever it is met: once at each of these proxies, or as it says."""
        for proxy in proxies:
            proxy.arm(fault)

    def arm_one(self, proxies: Iterable[TCPProxy], fault: Fault) -> None:
        """Let it happen once, at whichever of these proxies it is met first."""
        proxies = list(proxies)

        def disarm() -> None:
            for proxy in proxies:
                proxy._armed = []
            if fault.action is not None:
                fault.action()

        self.arm(proxies, replace(fault, action=disarm))

    def on_node(self, fault: Fault, does: Callable[[Any], object]) -> None:
        """Do that to the node itself which meets the fault first."""
        for node, proxy in zip(self.cluster.nodes, self.nodes, strict=True):

            def action(node: Any = node) -> None:
                for other in self.nodes:
                    other._armed = []
                does(node)

            proxy.arm(replace(fault, action=action))

    @property
    def fired(self) -> list[Fault]:
        """What has happened."""
        return [fault for proxy in self._proxies for fault in proxy.fired]

    def clear(self) -> None:
        """Forget faults and counts."""
        for proxy in self._proxies:
            proxy.clear()

    @property
    def _proxies(self) -> list[TCPProxy]:
        return [*self.trackers, *self.nodes]

    # -- what has become of the files

    def files(self) -> dict[str, bytes]:
        """The users' files, each of whose copies is the same; no temporary name is listed."""
        kept = self.kept()
        with self.storage(direct=True) as storage:
            directories, names = storage.listdir("")
        assert not [name for name in (*directories, *names) if is_temporary(name)]
        found = {key: content for key, content in kept.items() if not is_temporary(key)}
        assert sorted(names) == sorted(found)
        return found

    def kept(self) -> dict[str, bytes]:
        """Every key of the domain, those of uploads that have no name yet too."""
        self.cluster.settle()
        found = {}
        for key in self.cluster.keys(self.domain):
            copies = self.cluster.replicas(self.domain, key).values()
            (found[key],) = {path.read_bytes() for path in copies}
        return found

    def loose(self) -> int:
        """How many files on the nodes' disks no key of this domain leads to."""
        known = {
            path
            for key in self.cluster.keys(self.domain)
            for path in self.cluster.replicas(self.domain, key).values()
        }
        return len(set(self.cluster.stored()) - known)
