"""Counting what a storage asks of its store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storages.events import Operation
from storages.events import operation as operation_signal

__all__ = ["OperationAssertions", "assertNumOperations", "recorded_operations"]


@contextmanager
def recorded_operations(using: Any = None) -> Iterator[list[Operation]]:
    """Give the list of the operations that happen in the block, repeated attempts included.

    ``using`` is the storage to watch (or an alias proxy such as ``default_storage``); None watches
    all storages of this process.
    """
    found: list[Operation] = []

    def record(sender: type, storage: Any, event: Operation, **_: Any) -> None:  # noqa: ARG001
        # "==" sees through lazy objects; storages that are equal by configuration count as well.
        if using is None or storage is using or storage == using:
            found.append(event)

    operation_signal.connect(record, weak=False)
    try:
        yield found
    finally:
        operation_signal.disconnect(record)


@contextmanager
def assertNumOperations(
    number: int, *, using: Any = None, operation: str | None = None
) -> Iterator[list[Operation]]:
    """Fail unless the block asks the store ``number`` times.

    ``operation`` counts one kind only: ``"stat"``, ``"open_read"``, ``"write"``, ``"remove"``,
    ``"list"``, ... The message of the AssertionError lists what was asked::

        with assertNumOperations(1, using=default_storage):
            default_storage.open("report.pdf").read()
    """
    with recorded_operations(using) as found:
        yield found
    counted = [event for event in found if operation in {None, event.operation}]
    if len(counted) != number:
        lines = [
            f"{index}. {event.operation} {event.name!r}"
            + (f" failed: {type(event.error).__name__}" if event.error else "")
            for index, event in enumerate(counted, 1)
        ]
        kind = f" {operation!r}" if operation else ""
        listed = "\n".join(lines) or "none"
        raise AssertionError(
            f"{len(counted)}{kind} operations executed, {number} expected. They were:\n{listed}"
        )


class OperationAssertions:
    """A mix-in that gives a ``TestCase`` the method :meth:`assertNumOperations`."""

    def assertNumOperations(
        self, number: int, *, using: Any = None, operation: str | None = None
    ) -> Any:
        """See :func:`storages.testing.assertNumOperations`."""
        return assertNumOperations(number, using=using, operation=operation)
