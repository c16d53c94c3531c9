"""How often a failed operation is tried again, and until when.

``Retry`` is a value: a storage class names one as ``retry``, a project may name another. Only
:class:`~storages.errors.Unavailable` is tried again, and only where repeating is safe: the core
stages what it writes, so a write can be repeated, and compares when a repeated create meets a file.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from storages.errors import AlreadyExists, StorageError, Timeout, Unavailable

__all__ = [
    "NO_RETRY",
    "Retry",
    "deadline",
    "grace",
    "remaining",
    "repeat",
    "repeat_creation",
    "timeout",
]

T = TypeVar("T")

_deadline: ContextVar[float | None] = ContextVar("storages_deadline", default=None)


@dataclass(frozen=True)
class Retry:
    """A retry policy.

    ``attempts`` counts the first one. The pause before attempt n + 1 is ``backoff`` * 2^(n-1)
    seconds, at most ``longest``, shortened at random by up to ``jitter`` (a fraction) so that
    many clients do not return at once. A store's own ``Retry-After`` is honoured up to ``longest``.
    """

    attempts: int = 3
    backoff: float = 0.1
    longest: float = 5.0
    jitter: float = 0.5

    def pause(self, attempt: int, error: StorageError) -> float | None:
        """Return the seconds to wait after failed attempt number ``attempt``; None: give up."""
        if attempt >= self.attempts or not isinstance(error, Unavailable) or error.final:
            return None
        if error.retry_after is not None:
            return min(error.retry_after, self.longest)
        pause: float = min(self.backoff * 2 ** (attempt - 1), self.longest)
        # Spreads load; no secret depends on it.
        return pause * (1 - self.jitter * random.random())  # noqa: S311


NO_RETRY = Retry(attempts=1)


def repeat(policy: Retry, request: Callable[[], T]) -> T:
    """Make a request, again where that may help, as ``policy`` says.

    For one of the several requests of a hook, whose others need not be made again.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return request()
        except Unavailable as error:
            pause = policy.pause(attempt, error)
            if pause is None or not sleep(pause):
                raise


def repeat_creation(
    policy: Retry, create: Callable[[], object], is_done: Callable[[], bool]
) -> None:
    """Repeat what creates a file, which may meet its own first attempt, whose answer was lost.

    ``is_done`` then tells whether what is there is what was to be created. Raises AlreadyExists,
    and an Unavailable that is final: nobody else is to begin anew, as if for the first time.
    """
    attempts = 0

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        try:
            create()
        except AlreadyExists:
            if attempts == 1 or not is_done():
                raise

    try:
        repeat(policy, attempt)
    except Unavailable as error:
        error.final = True
        raise


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound everything inside the ``with`` block: past it, storages raise Timeout.

    Deadlines nest; the earliest one counts. They bound waiting for stores and pauses between
    attempts, not the caller's own code.
    """
    until = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def grace(least: float = 2.0, most: float = 5.0) -> Iterator[None]:
    """Give the block time to clean up: ``most`` seconds, ``least`` also past the deadline."""
    left = remaining()
    seconds = most if left is None else max(least, min(left, most))
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining() -> float | None:
    """Return the seconds left until the deadline (never below 0), or None when there is none."""
    until = _deadline.get()
    return None if until is None else max(0.0, until - time.monotonic())


def timeout(default: float) -> float:
    """Return the time a backend may wait for its store: ``default`` or what the deadline leaves.

    Raises Timeout when nothing is left.
    """
    left = remaining()
    if left is None:
        return default
    if left <= 0:
        raise Timeout("The deadline has passed.")
    return min(default, left)


def sleep(seconds: float) -> bool:
    """Wait before another attempt; False, without waiting, when the deadline comes first."""
    left = remaining()
    if left is not None and left <= seconds:
        return False
    time.sleep(seconds)
    return True
