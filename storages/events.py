"""What storages tell about their work: two Django signals and the logger ``storages``.

``operation`` is sent after each call to a store, failed ones and repeated attempts included;
``transferred`` is sent while bytes move. ``storages.testing.assertNumOperations`` counts the
first, a progress bar shows the second::

    @receiver(transferred)
    def show(sender, storage, name, direction, count, **kwargs):
        bar.update(count)

A receiver that raises is logged by Django and never breaks the operation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal

__all__ = ["Operation", "logger", "operation", "transferred"]

logger = logging.getLogger("storages")

#: Sent with ``storage`` and ``event`` (an :class:`Operation`); the sender is the storage's class.
operation = Signal()

#: Sent with ``storage``, ``name``, ``direction`` ("read" or "write") and ``count`` (bytes).
transferred = Signal()


@dataclass(frozen=True)
class Operation:
    """One call to a store.

    ``operation`` is the hook's name without underscore (``stat``, ``open_read``, ``write``,
    ``remove``, ``list``, …), ``name`` the file's, ``duration`` in seconds, ``attempt`` counts
    from 1, ``error`` is None after success.
    """

    operation: str
    name: str
    duration: float
    attempt: int = 1
    error: BaseException | None = None


def emit(storage: Any, event: Operation) -> None:
    """Tell the receivers of ``operation`` and the logger."""
    if operation.receivers and operation.has_listeners(type(storage)):
        operation.send_robust(sender=type(storage), storage=storage, event=event)
    if event.error is None:
        logger.debug(
            "%s %r on %r took %.4f s", event.operation, event.name, storage, event.duration
        )
    else:
        logger.debug(
            "%s %r on %r failed (attempt %d): %s",
            event.operation,
            event.name,
            storage,
            event.attempt,
            type(event.error).__name__,
        )


def emit_transfer(storage: Any, name: str, direction: str, count: int) -> None:
    """Tell the receivers of ``transferred``; nearly free when there is none."""
    if transferred.receivers and transferred.has_listeners(type(storage)):
        transferred.send_robust(
            sender=type(storage), storage=storage, name=name, direction=direction, count=count
        )
