"""Savers that are killed, whatever the storage: run as ``python -m tests.faults.killed_savers``.

Standard input holds, pickled, a :class:`Task`; then each line is a number, from which a saver
counts its saves. It is a fork, which is killed at a random moment after its first save has
returned; then a line of JSON tells how far it came. The process that forks never uses the storage,
so that a saver inherits no connection and no thread.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import django
from django.conf import settings
from django.core.files.base import ContentFile

from tests.faults.kill_writers import BEGUN, RETURNED, Progress, content, fork_writer

#: Seconds within which a saver's first save must have returned.
WITHIN = 100.0


@dataclass(frozen=True)
class Task:
    """What the savers do: ``create`` files of their own, or ``replace`` one each.

    ``storage`` is pickled; ``settings`` are those that it needs; ``scale`` divides the sizes.
    """

    storage: bytes
    action: Literal["create", "replace"]
    scale: int
    settings: dict[str, Any] = field(default_factory=dict)

    def made(self) -> Any:
        """Return the storage."""
        return pickle.loads(self.storage)

    def save(self, storage: Any, first: int, number: int) -> None:
        """Save content ``number``; the saver began with ``first``."""
        data = content(number, self.scale)
        if self.action == "create":
            storage.save(created(number), ContentFile(data))
            return
        with storage.open(replaced(first), "wb") as file:
            for start in range(0, len(data), 10_007):
                file.write(data[start : start + 10_007])


def created(number: int) -> str:
    """The name of the file with content ``number``."""
    return f"killed/{number}.bin"


def replaced(first: int) -> str:
    """The name of the file that is replaced by the saver that begins with content ``first``."""
    return f"killed/by-{first}.bin"


def forked(work: Callable[[], None]) -> tuple[int, int]:
    """Start a saver; return its process id and a descriptor that ends when it does."""
    gone, held = os.pipe()
    pid = fork_writer(work)
    os.close(held)
    return pid, gone


def modules(task: Task) -> None:
    """Import what a save needs, which a fork finds out: then no saver has to."""
    mine, theirs = os.pipe()

    def work() -> None:
        task.save(task.made(), 0, 0)
        os.write(theirs, "\n".join(sys.modules).encode())
        os._exit(0)

    pid = fork_writer(work)
    os.close(theirs)
    with os.fdopen(mine) as names:
        needed = names.read().split()
    if os.waitpid(pid, 0)[1]:
        sys.exit("saving does not work")
    for name in needed:
        with suppress(Exception):  # a name that is none of a module's file
            importlib.import_module(name)


def kill_one(task: Task, first: int) -> dict[str, int]:
    """Let one saver save until it is killed; return how far it came."""
    progress = Progress()
    progress[RETURNED] = progress[BEGUN] = first
    parent = os.getpid()

    def work() -> None:
        storage = task.made()
        number = first
        while os.getppid() == parent:  # else nobody is there any more to kill it
            number += 1
            progress[BEGUN] = number
            task.save(storage, first, number)
            progress[RETURNED] = number

    pid, gone = forked(work)
    begun = time.monotonic()
    while progress[RETURNED] == first and time.monotonic() - begun < WITHIN:
        if select.select([gone], [], [], 0.0005)[0]:
            break
    time.sleep(random.random() * min(time.monotonic() - begun, 0.5))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(gone)
    return {
        "begun": progress[BEGUN],
        "returned": progress[RETURNED],
        "killed": os.WIFSIGNALED(status),
    }


def main() -> None:
    """Start a saver per line, until there are no more."""
    django.setup()
    task: Task = pickle.load(sys.stdin.buffer)
    for name, value in task.settings.items():
        setattr(settings, name, value)
    modules(task)
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            told = kill_one(task, int(line))
        except BaseException:
            traceback.print_exc()
            raise
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # Pickled by its name in this module, not in __main__.
    importlib.import_module("tests.faults.killed_savers").main()
