"""What an exception came of: its cause or context, the cause of that, and so on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storages.errors import StorageError

__all__ = ["because_of", "causes", "detach"]


def causes(error: BaseException, *, suppressed: bool = True) -> Iterator[BaseException]:
    """Yield ``error``, and what it came of, each once: a library's may come of one another.

    ``suppressed``: also what a traceback leaves out, because of ``raise ... from None``.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting.append(link.__cause__)
        if suppressed or (link.__cause__ is None and not link.__suppress_context__):
            waiting.append(link.__context__)


def detach(part: BaseException, whole: BaseException) -> None:
    """Let ``part``, which ``whole`` came of, be raised in its place.

    What led from one to the other is cut. Python takes care of contexts, not of causes: whoever
    follows them, such as an error tracker, would never come to an end.
    """
    for link in list(causes(whole)):
        if link.__cause__ is part:
            link.__cause__ = None
        if link.__context__ is part:
            link.__context__ = None


@contextmanager
def because_of(error: BaseException) -> Iterator[None]:
    """Ask more because of an error: what of ours goes wrong in the block has it for its cause."""
    try:
        yield
    except StorageError as another:
        another.__cause__ = another.__cause__ or error
        raise
