"""Sending many files: several at a time, told about in order, up to the first that fails."""

from __future__ import annotations

import contextvars
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.core.exceptions import SuspiciousFileOperation
from django.core.management.base import CommandError

__all__ = ["LONG", "Progress", "do_all", "each"]

T = TypeVar("T")
#: So many files wait for each worker, so that none of them has to.
_AHEAD = 4
#: Seconds of work that are worth more connections.
LONG = 1.0
#: Seconds between two lines that say how far it is, where there is no terminal.
_SELDOM = 10.0
#: Seconds between two drawings of the bar.
_OFTEN = 0.1
_WIDTH = 30


def each(work: Callable[[T], object], items: Iterable[T], workers: int) -> Iterator[T]:
    """Do ``work`` for the items, ``workers`` at a time; yield each when it and all before are done.

    The first exception, in the items' order, is raised when those that were begun have ended; the
    others are not begun. Threads end with it, and so do the connections that they have opened.
    """
    if workers == 1:
        for item in items:
            work(item)
            yield item
        return
    waiting: deque[tuple[T, Future[object]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="storages-static")
    try:
        for item in items:
            # A deadline of the caller holds for the threads as well.
            run = contextvars.copy_context().run
            waiting.append((item, pool.submit(run, work, item)))
            if len(waiting) > _AHEAD * workers:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _quickly(work: Callable[[T], object], items: Sequence[T], workers: int) -> Iterator[T]:
    """Do ``work`` in this thread, and in others as well when that is going to take long."""
    started = time.monotonic()
    for done, item in enumerate(items):
        # Each thread has to connect first.
        if (
            workers > 1
            and done
            and (time.monotonic() - started) / done * (len(items) - done) > LONG
        ):
            yield from each(work, items[done:], min(workers, len(items) - done))
            return
        work(item)
        yield item


def _first(waiting: deque[tuple[T, Future[object]]]) -> T:
    item, done = waiting.popleft()
    done.result()
    return item


class Progress:
    """Tells what has been done: a bar on a terminal, lines elsewhere.

    ``command`` is the one that runs: its verbosity 0 is silent, 1 shows how far it is, 2 names each
    file.
    """

    def __init__(self, command: Any, verb: str, total: int) -> None:
        self._command = command
        self._verb = verb
        self._total = total
        self._done = 0
        self._told = time.monotonic()
        verbosity = getattr(command, "verbosity", 1)
        isatty = getattr(command.stdout, "isatty", None)
        self._names = verbosity > 1
        self._bar = verbosity == 1 and bool(isatty and isatty())
        self._lines = verbosity == 1 and not self._bar

    def done(self, name: str) -> None:
        """Count one more."""
        self._done += 1
        now = time.monotonic()
        if self._names:
            self._command.stdout.write(f"{self._verb} '{name}'")
        elif self._bar and (now - self._told > _OFTEN or self._done == self._total):
            self._told = now
            filled = _WIDTH * self._done // self._total
            bar = "#" * filled + "." * (_WIDTH - filled)
            self._command.stdout.write(
                f"\r{self._verb} [{bar}] {self._done}/{self._total}", ending=""
            )
            self._command.stdout.flush()
        elif self._lines and now - self._told > _SELDOM:
            self._told = now
            self._command.stdout.write(f"{self._verb} {self._done} of {self._total} files")

    def end(self) -> None:
        """Leave the bar's line."""
        if self._bar and self._done:
            self._command.stdout.write("")


def do_all(
    command: Any,
    verb: str,
    items: Sequence[tuple[str, T]],
    work: Callable[[str, T], object],
    workers: int,
) -> None:
    """Do ``work`` for the named items; raise CommandError, which names the one that failed."""
    progress = Progress(command, verb, len(items))
    done = 0
    try:
        for name, _ in _quickly(lambda item: work(*item), items, workers):
            done += 1
            progress.done(name)
    except (OSError, SuspiciousFileOperation) as error:
        progress.end()
        raise CommandError(
            f"'{items[done][0]}' could not be stored: {error}\n"
            "The site goes on with the files that it has. Mend the cause and run the command "
            "again: it passes over what has been stored already."
        ) from error
    progress.end()
