"""Child processes for the contract: each unpickles the storage and does one thing."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

__all__ = [
    "compare_and_read",
    "peak_of_round_trip",
    "read_name",
    "run_processes",
    "save_after_gate",
]


MIB = 1024 * 1024


def _child(connection: Any, gate: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Run ``function`` in this process and send its result, or what went wrong."""
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        import django

        django.setup()
    try:
        answer = (True, function(gate, *args))
    except BaseException:  # noqa: BLE001 - shown by the parent
        answer = (False, traceback.format_exc())
    connection.send(answer)
    connection.close()


def run_processes(
    start_method: str,
    function: Callable[..., Any],
    arguments: list[tuple[Any, ...]],
    *,
    within: float = 120,
) -> list[Any]:
    """Run ``function(gate, *args)`` once per item of ``arguments``, each in its own process.

    ``gate`` is a barrier of all of them. Returns the results in order; raises RuntimeError with
    the child's traceback when one failed, or that it gave no answer ``within`` so many seconds.
    """
    context: Any = multiprocessing.get_context(start_method)
    gate = context.Barrier(len(arguments))
    running = []
    for args in arguments:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(theirs, gate, function, args), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    results: list[Any] = []
    failures = []
    for process, ours in running:
        if not ours.poll(within):
            failures.append(f"a child process gave no answer within {within:.0f} s")
            process.kill()
        else:
            try:
                succeeded, result = ours.recv()
            except EOFError:
                succeeded, result = False, "a child process died"
            (results if succeeded else failures).append(result)
        ours.close()
        process.join(30)
        process.close()
    if failures:
        raise RuntimeError("\n".join(failures))
    return results


def save_after_gate(gate: Any, storage: bytes | Any, name: str, data: bytes) -> str:
    """Save ``data`` when all processes are ready; return the name."""
    made = pickle.loads(storage) if isinstance(storage, bytes) else storage  # noqa: S301 - our own
    gate.wait(60)
    saved: str = made.save(name, ContentFile(data))
    _close(made)
    return saved


def read_name(gate: Any, storage: bytes | Any, name: str) -> bytes:
    """Return the content of a file."""
    made = pickle.loads(storage) if isinstance(storage, bytes) else storage  # noqa: S301 - our own
    gate.wait(60)
    with made.open(name) as file:
        data: bytes = file.read()
    _close(made)
    return data


def compare_and_read(gate: Any, storage: Any, name: str, data: bytes, rounds: int) -> bool:
    """Read a file again and again, all processes at once; True when it was always ``data``."""
    gate.wait(60)
    for _ in range(rounds):
        with storage.open(name) as file:
            if file.read() != data:
                return False
    return True


def peak_of_round_trip(
    gate: Any, storage: bytes, name: str, head: bytes, size: int
) -> tuple[int, bool]:
    """Save and read ``size`` bytes (``head``, then a pattern); return peak growth and equality.

    The growth of the process's resident memory is in bytes.
    """
    import resource  # not on Windows, where its case does not run

    made = pickle.loads(storage)  # noqa: S301 - our own
    gate.wait(60)
    with made.open(made.save(name + ".warm", ContentFile(head))) as file:
        file.read()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    saved = made.save(name, Pattern(head, size))
    expected = Pattern(head, size)
    equal = made.size(saved) == size
    with made.open(saved) as file:
        while block := file.read(MIB):
            equal = equal and block == expected.read(len(block))
    equal = equal and not expected.read(1)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    made.delete(saved)
    _close(made)
    return growth * 1024, equal


class Pattern:
    """A source of ``size`` bytes, without seek, that takes no memory."""

    def __init__(self, head: bytes, size: int) -> None:
        self._head = head
        self._left = size
        self._position = 0
        self._block = bytes(range(251)) * (MIB // 251 + 2)  # a prime: no block is like another

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, a megabyte at most."""
        wanted = min(self._left, MIB, size if size >= 0 else self._left)
        data = self._head[self._position : self._position + wanted]
        if len(data) < wanted:
            start = (self._position + len(data)) % 251
            data += self._block[start : start + wanted - len(data)]
        self._position += len(data)
        self._left -= len(data)
        return data


def _close(storage: Any) -> None:
    if hasattr(storage, "close"):
        storage.close()
    from django.db import connections

    connections.close_all()
