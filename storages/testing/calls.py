"""Calls of a storage's hooks that are counted, and of which the n-th fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from storages.errors import PermissionDenied, StorageFull, Timeout, Unavailable
from storages.retry import NO_RETRY, Retry

__all__ = ["HOOKS", "LOST", "REFUSED", "REPEATED", "Calls", "Failure", "Interrupted"]

HOOKS = (
    "_stat",
    "_open_read",
    "_write",
    "_remove",
    "_list",
    "_walk",
    "_is_dir",
    "_copy",
    "_move",
    "_remove_many",
)


class Interrupted(BaseException):
    """As KeyboardInterrupt is: no error of the store's, and nobody may keep it from the caller."""


@dataclass(frozen=True)
class Failure:
    """How a call fails: with what, before the hook runs or after, and how many in a row.

    ``retry`` is the storage's policy meanwhile.
    """

    error: type[BaseException]
    after: bool = False
    retry: Retry = NO_RETRY
    times: int = 1

    def __str__(self) -> str:
        when = "after" if self.after else "before"
        again = ", tried again" if self.retry.attempts > 1 else ""
        return f"{self.error.__name__} {when}, {self.times} x{again}"


ERRORS: tuple[type[BaseException], ...] = (
    Unavailable,
    Timeout,
    StorageFull,
    PermissionDenied,
    Interrupted,
)
TRANSIENT: tuple[type[BaseException], ...] = (Unavailable, Timeout)
AGAIN = Retry(attempts=3, backoff=0.0)

REFUSED = [Failure(error) for error in ERRORS]
LOST = [Failure(error, after=True) for error in (*TRANSIENT, Interrupted)]
REPEATED = [
    Failure(error, after, AGAIN, times)
    for times in (1, 2)
    for error in TRANSIENT
    for after in (True, False)
]


@dataclass
class Calls:
    """Counts the calls of a storage's hooks, and lets some fail.

    ``fired`` tells which failed, and ``raised`` with what.
    """

    failure: Failure | None = None
    when: int = 0
    count: int = 0
    fired: list[str] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)

    def arm(self, failure: Failure | None, when: int) -> None:
        """From now on, let the call ``when`` and those that follow it fail as ``failure`` says."""
        self.failure, self.when, self.count = failure, when, 0
        self.fired, self.raised = [], []

    def call(self, what: str, function: Callable[[], Any]) -> Any:
        """Call ``function``, unless it is its turn to fail."""
        self.count += 1
        failure = self.failure
        if failure is None or not self.when <= self.count < self.when + failure.times:
            return function()
        self.fired.append(what)
        error = failure.error()
        self.raised.append(error)
        if failure.after:
            with suppress(Exception):  # whatever the answer is, it is lost
                answer = function()
                if hasattr(answer, "close"):
                    answer.close()
        raise error

    def wrap(self, storage: Any, hook: str) -> Any:
        """Return what is to be called instead of the hook."""
        function = getattr(storage, hook)

        def single(*args: Any, **kwargs: Any) -> Any:
            return self.call(hook, lambda: function(*args, **kwargs))

        def opening(*args: Any, **kwargs: Any) -> Any:
            return CountedReader(single(*args, **kwargs), self)

        def iterating(*args: Any, **kwargs: Any) -> Any:
            found = function(*args, **kwargs)
            return found if found is NotImplemented else self.pieces(hook, iter(found))

        return {"_open_read": opening, "_list": iterating, "_walk": iterating}.get(hook, single)

    def pieces(self, hook: str, found: Iterator[Any]) -> Iterator[Any]:
        """Yield what a hook yields; each counts as a call."""
        end = object()
        what = hook
        while (piece := self.call(what, lambda: next(found, end))) is not end:
            yield piece
            what = f"{hook}, further on"


class CountedReader:
    """A Reader each of whose reads counts as a call."""

    def __init__(self, reader: Any, calls: Calls) -> None:
        self._reader = reader
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def readinto(self, buffer: memoryview, /) -> int:
        """Read, unless it is its turn to fail."""
        count: int = self._calls.call("readinto", lambda: self._reader.readinto(buffer))
        return count
