"""Where a backend is measured: its server, the lines to it, and what is beside the storage."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.rows import FAR, NEAR, ROUND_TRIP, WATCHED
from tests.faults.proxy import TCPProxy

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["COMMAND", "HASHING", "OURS", "PEER", "RAW", "Place"]

#: Who is measured: the storage; today's django-storages; the client library, or Django's own
#: storage; a program; a program that computes an MD5 as well.
OURS, PEER, RAW, COMMAND, HASHING = "ours", "peer", "raw", "command", "hashing"
Setup = dict[str, Any]


class Place:
    """A context manager. ``subjects`` names those that are measured there.

    ``peer_packages``: what django-storages 1.14.6 needs beside itself. ``most_names`` and
    ``most_bytes``: what the server bears; ``large`` and ``files``: the large file and how many
    small ones, where others' are too many. ``not_measured``: "subject kind line" -> why.
    ``fillers``: who saves what is read; others read what the storage saved. ``fill_threads``: how
    many save at once, where a directory is filled so. ``kinds``: only that work is done.
    """

    name: ClassVar[str]
    page: ClassVar[str]  # of the documentation
    server: ClassVar[str]  # what it is measured on
    subjects: ClassVar[dict[str, str]]
    peer_packages: ClassVar[tuple[str, ...]] = ()
    remote: ClassVar[bool] = True
    lists: ClassVar[bool] = True
    kinds: ClassVar[frozenset[str]] = frozenset()
    most_names: ClassVar[int] = 10_000
    most_bytes: ClassVar[int] = 1 << 40
    large: ClassVar[int] = 1 << 40
    files: ClassVar[int] = 1 << 40
    fillers: ClassVar[tuple[str, ...]] = (OURS,)
    fill_threads: ClassVar[int] = 8
    not_measured: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.proxies: dict[str, list[TCPProxy]] = {FAR: [], WATCHED: []}
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.stack = stack
            self.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stack.close()

    # -- what a place says

    def start(self) -> None:
        """Start the server; what is to be ended goes on the stack."""
        raise NotImplementedError

    def setup(self, subject: str, line: str) -> Setup:
        """Describe a subject to the process that is to be it."""
        raise NotImplementedError

    def use(self, line: str) -> None:
        """A line is about to be used: for servers that send clients elsewhere."""

    def fill(self, count: int) -> int:
        """Make ``count`` names in a directory, quickly; return how many of them there are.

        ``0.png``, which is read, is made by the storage in any case.
        """
        del count
        return 1

    # -- what they share

    def lines(self, port: int, kind: type[TCPProxy] = TCPProxy) -> dict[str, int]:
        """Put proxies before a port; return the port of each line."""
        far = self.stack.enter_context(kind(port, delay=ROUND_TRIP / 2))
        watched = self.stack.enter_context(kind(port))
        self.proxies[FAR].append(far)
        self.proxies[WATCHED].append(watched)
        self.ports = {NEAR: port, FAR: far.port, WATCHED: watched.port}
        return self.ports

    def counted(self) -> dict[str, int]:
        """What has passed on the watched line so far: round trips and bytes."""
        proxies = self.proxies[WATCHED]
        trips = sum(each.turns_up for it in proxies for each in it.traffic if not each.data)
        return {"trips": trips, "bytes": sum(it.up + it.down for it in proxies)}

    def why_not(self, subject: str, kind: str, line: str, size: int) -> str | None:
        """Why something is not measured; None when it is."""
        if size > self.most_bytes:
            return "the server takes too long with so much"
        return self.not_measured.get(f"{subject} {kind} {line} {size}") or self.not_measured.get(
            f"{subject} {kind} {line}"
        )


def storage(path: str, **options: Any) -> Setup:
    """The setup of a storage."""
    return {"kind": "storage", "class": path, "options": options}


def memory_directory() -> str:
    """Where temporary files are: in memory, for clients are compared, not disks."""
    found = "/dev/shm"  # noqa: S108 - files there have random names
    return found if os.access(found, os.W_OK) else ""
