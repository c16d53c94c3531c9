"""Where an experiment happens: storages behind fault proxies, and what is stored, seen past them.

A backend's scene is a subclass of :class:`Scene` in tests/faults/scenes. It makes an empty place
and storages that reach it through proxies, looks at what is stored without them, and declares,
each with its reason, what the service cannot do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from storages.errors import Unavailable
from storages.retry import Retry
from tests.faults.flows import UP, Fault, Traffic, Way
from tests.faults.proxy import TCPProxy, happened
from tests.servers.process import Server
from tests.servers.s3proxy import Asked, S3Proxy

if TYPE_CHECKING:
    from typing_extensions import Self

    from tests.faults.matrix.operations import Operation

__all__ = ["Declared", "Scene", "declared_for"]

Instead = Literal["impossible", "error", "unnoticed"]


@dataclass(frozen=True)
class Declared:
    """What a backend does not promise in some experiments, and why; the documentation says it too.

    ``instead``:
        ``impossible``: the backend has no such operation, or its server cannot be treated so; the
        experiment is not run.
        ``error``: one of our errors is allowed where success is promised. Everything else holds.
        ``unnoticed``: nothing guards these bytes, so one that is damaged arrives damaged.
    """

    instead: Instead
    reason: str


@dataclass(frozen=True)
class Measured:
    """What an operation sends on a new connection when nothing goes wrong.

    ``up`` and ``down``: bytes on the connection where most pass (a data connection, where
    ``Scene.data``); ``requests``: turns of the other kind of connection.
    """

    up: int
    down: int
    requests: int


_measured: dict[tuple[type[Scene], str], Measured] = {}
_contents: dict[int, tuple[bytes, bytes, bytes]] = {}


class Scene:
    """One backend's place behind fault proxies: a context manager, new for each experiment.

    A subclass gives ``open``, ``make``, ``stored``, ``orphans``, ``sweep`` and ``server``; the rest
    has a default. It may set what is declared here.
    """

    backend: ClassVar[str]
    """The backend, as its documentation is called: "s3"."""

    service: ClassVar[str]
    """The server: "moto"."""

    timeout: ClassVar[float] = 0.5
    """Seconds that the storage waits for its server."""

    attempts: ClassVar[int] = 3
    """How often it tries."""

    waits: ClassVar[float] = 1.0
    """How many timeouts one attempt may wait, one after the other (for nodes and trackers, say)."""

    data: ClassVar[bool] = False
    """Whether the bytes of files pass on connections of their own (FTP)."""

    varies: ClassVar[int] = 0
    """By how many bytes less an operation may send another time."""

    tries_out: ClassVar[bool] = False
    """Whether an operation sends more the first time that a process does it."""

    size: ClassVar[int] = 600_000
    """Bytes of the content that is saved; smaller for servers that are slow with it."""

    entries: ClassVar[int] = 40
    """How many files are in the directory that is listed."""

    clients: ClassVar[int] = 6
    """How many threads work at once while connections are reset."""

    http: ClassVar[bool] = False
    """Whether it speaks HTTP: then define ``rewritten``."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """What no error may show."""

    declared: ClassVar[Mapping[str, Declared]] = {}
    """Patterns of experiments' ids (as of a shell: ``"move.*"``) -> what is not promised there.
    The first that matches counts."""

    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Ids of experiments -> the test that does the same for this backend already, as
    ``tests/backends/test_x.py::test_y``; they are not run here."""

    seldom: ClassVar[tuple[str, ...]] = ()
    """Patterns of ids that the quick pass leaves out for this backend, because they are slow."""

    # -- what a subclass gives

    def open(self) -> None:
        """Make an empty place on the server and the proxies before it.

        Set ``self.proxies``; what is to be closed goes to ``self.stack``.
        """
        raise NotImplementedError

    def make(self, retry: Retry, *, direct: bool, **more: Any) -> RemoteStorage:
        """A new storage of the place without a connection, or a client that another one has.

        It waits ``self.timeout`` seconds for its server and repeats as ``retry`` says. ``direct``:
        past the proxies, and patient (a minute); ``more`` are options.
        """
        raise NotImplementedError

    def stored(self) -> dict[str, bytes]:
        """Every user's file of the place, by other means than the backend where that is possible.

        Whatever is visible under a name, also half a file, or a second one of the same content.
        """
        raise NotImplementedError

    def orphans(self) -> int:
        """How many things are there that belong to no file: temporary files, locks, parts."""
        raise NotImplementedError

    def sweep(self) -> None:
        """Remove the orphans, as an administrator does it."""
        raise NotImplementedError

    @property
    def server(self) -> Server:
        """The server, which ``kill``, ``start``, ``freeze`` and ``thaw`` concern."""
        raise NotImplementedError

    # -- what a subclass may change

    def kill(self) -> None:
        """``kill -9`` the server."""
        self.server.kill()

    def start(self) -> None:
        """Start it again: what it had stored must be there."""
        self.server.start()

    def freeze(self) -> None:
        """Stop every process of the server: connections stay open, nothing answers."""
        self.server.pause()

    def thaw(self) -> None:
        """Let it go on."""
        self.server.resume()

    def named(self, name: str, content: bytes) -> str:
        """The name that saving ``content`` as ``name`` returns, where that is free."""
        del content
        return name

    def put(self, files: Mapping[str, bytes]) -> None:
        """Store files past the proxies, old enough not to be taken for those of this second."""
        with self.storage(direct=True) as storage:
            for name, content in files.items():
                assert storage.save(name, ContentFile(content)) == self.named(name, content)

    def listed(self) -> list[str] | None:
        """The names that the storage shows, empty directories too; None: it cannot list."""
        with self.storage(direct=True) as storage:
            names = []
            for directory, below, files in storage.walk(""):
                path = f"{directory}/" if directory else ""
                names += [path + file for file in files]
                if not below and not files and path:
                    names.append(path)
            return names

    def rewritten(self) -> AbstractContextManager[tuple[S3Proxy, RemoteStorage]]:
        """What rewrites the server's answers, and a storage behind it."""
        raise NotImplementedError

    def carries(self, asked: Asked, operation: Operation) -> bool:
        """Whether this request, or its answer, carries the content in this operation."""
        if operation.way == UP:
            size = int(asked.headers.get("content-length", 0))
            return asked.method in {"PUT", "POST"} and size >= self.size
        name = self.named("other.bin", self.contents[0])
        return asked.method in {"GET", "POST"} and name in f"{asked.path}?{asked.query}"

    # -- what an experiment uses

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.proxies: list[TCPProxy] = []
        self.experiment = ""  # the id of the one that is made
        self.notes: list[str] = []  # faults that are no proxy's

    def __enter__(self) -> Self:
        with self.stack:  # closed if the rest fails
            self.open()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for proxy in self.proxies:
            proxy.clear()  # nothing stalls that waits to be closed
        self.stack.close()

    def storage(
        self, *, direct: bool = False, retry: Retry | None = None, **more: Any
    ) -> RemoteStorage:
        """A storage that has no connection yet, through the proxies or past them."""
        retry = retry or Retry(attempts=self.attempts, backoff=0.01)
        storage = self.make(retry, direct=direct, **more)
        self.stack.callback(storage.close)
        return storage

    def proxy(self, port: int) -> TCPProxy:
        """One more proxy, before ``port``."""
        proxy = self.stack.enter_context(TCPProxy(port))
        self.proxies.append(proxy)
        return proxy

    def allows(self, instead: Instead) -> bool:
        """Whether this is declared for the experiment that is made."""
        declared = declared_for(type(self), self.experiment)
        return declared is not None and declared.instead == instead

    def arm(self, *faults: Fault) -> None:
        """Let these happen: where there are several proxies, at any, and so often in all."""
        for fault in faults:
            if len(self.proxies) > 1 and fault.times is not None:
                fault = self._shared(fault)  # noqa: PLW2901 - the same, counted in common
            for proxy in self.proxies:
                proxy.arm(fault)

    def _shared(self, fault: Fault) -> Fault:
        left = [fault.times or 0]

        def action() -> None:
            if fault.action is not None:
                fault.action()
            left[0] -= 1
            if left[0] <= 0:
                for proxy in self.proxies:
                    proxy.disarm(armed)

        armed = replace(fault, action=action)
        return armed

    def note(self, what: str) -> None:
        """A fault happened that is no proxy's."""
        self.notes.append(what)
        happened[what] += 1

    @property
    def fired(self) -> int:
        """How many faults have happened."""
        return len(self.notes) + sum(len(proxy.fired) for proxy in self.proxies)

    @property
    def traffic(self) -> list[Traffic]:
        """The connections that the proxies have seen."""
        return [each for proxy in self.proxies for each in proxy.traffic]

    def clear(self) -> None:
        """Disarm the faults, let what is stalled go on, forget what was counted."""
        for proxy in self.proxies:
            proxy.clear()
        self.notes = []

    def fault(self, kind: Any, way: Way, **more: Any) -> Fault:
        """A fault where the bytes of files pass."""
        return Fault(kind, way, **{"data": self.data, **more})

    @property
    def contents(self) -> tuple[bytes, bytes, bytes]:
        """Three different contents: of a file that nobody changes, of an old one, of a new one."""
        if self.size not in _contents:
            small = max(1, self.size // 3)
            _contents[self.size] = (os.urandom(self.size), os.urandom(small), os.urandom(self.size))
        return _contents[self.size]

    def measured(self, operation: Operation) -> Measured:
        """What the operation sends when nothing goes wrong; found out once, by doing it.

        The files that it needs must be there; those that it changes are put back.
        """
        key = (type(self), operation.id)
        if key not in _measured:
            if self.tries_out:
                self._do_once(operation)
                self.restore(operation)
            self._do_once(operation)
            found = [each for each in self.traffic if each.data == self.data]
            _measured[key] = Measured(
                max((each.up for each in found), default=0) - self.varies,
                max((each.down for each in found), default=0) - self.varies,
                max((each.turns_up for each in self.traffic if not each.data), default=0),
            )
            self.restore(operation)
            self.clear()
        return _measured[key]

    def _do_once(self, operation: Operation) -> None:
        """Do it without any repetition: what is sent again on a connection would count twice."""
        for left in reversed(range(self.attempts)):
            self.clear()
            try:
                operation.call(self, self.storage(retry=Retry(attempts=1)))
            except Unavailable:
                if not left:
                    raise
                self.restore(operation)
            else:
                return

    def restore(self, operation: Operation) -> None:
        """Let there be what was before the operation."""
        before, now = operation.before(self), self.stored()
        with self.storage(direct=True) as storage:
            for name, held in now.items():
                if before.get(name) != held:
                    storage.delete(name)
        self.put({name: held for name, held in before.items() if now.get(name) != held})


def declared_for(kind: type[Scene], experiment: str) -> Declared | None:
    """What ``kind`` declares for the experiment of that id."""
    for pattern, declared in kind.declared.items():
        if fnmatchcase(experiment, pattern):
            return declared
    return None
