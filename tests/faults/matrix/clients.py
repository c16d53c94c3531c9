"""Slow lines against a deadline, children after a fork, many threads on bad connections."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from storages import deadline
from storages.base import RemoteStorage
from storages.errors import Timeout, Unavailable
from storages.retry import Retry
from storages.testing.capabilities import FULL
from storages.testing.processes import run_processes
from storages.testing.threads import run_threads
from tests.faults.flows import DOWN, UP
from tests.faults.matrix.checking import attempt, check, check_stored
from tests.faults.matrix.operations import LIST, READ, REPLACE, SAVE, Files, Operation
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment
from tests.faults.proxy import Fault

__all__ = ["ROWS"]

DEADLINE = 1.0  # seconds
SLOW = 20.0  # bytes per second
ROUNDS = 10 if FULL else 2
RESETS = 400  # connections that might be made


def _slow(operation: Operation) -> Experiment:
    def run(scene: Scene) -> None:
        measured = scene.measured(operation)
        at = (measured.up if operation.way == UP else measured.down) // 2
        scene.arm(scene.fault("rate", operation.way, at=at, rate=SLOW, times=None))
        # No single wait ends it: there is always something coming.
        storage = scene.storage(retry=Retry(attempts=1))

        def call() -> Any:
            with deadline(DEADLINE):
                return operation.call(scene, storage)

        outcome = attempt(scene, call, within=DEADLINE)
        assert isinstance(outcome.error, Timeout), outcome
        check(scene, operation, outcome)

    promise = (
        f"When a few bytes per second pass while {operation.words}, and deadline() bounds it: "
        f"Timeout when the time is over."
    )
    name = f"slow.{operation.id}"
    return Experiment(name, promise, operation, run, quick=operation in {SAVE, READ})


def _slow_answer(scene: Scene) -> None:
    """Every answer is slow, from its first byte."""
    scene.arm(Fault("rate", DOWN, at=0, rate=SLOW, times=None))
    storage = scene.storage(retry=Retry(attempts=1))
    name = scene.named("other.bin", scene.contents[0])

    def call() -> bool:
        with deadline(DEADLINE):
            return storage.exists(name)

    outcome = attempt(scene, call, within=DEADLINE)
    assert isinstance(outcome.error, Timeout), outcome
    check_stored(scene, SAVE.before(scene))


# -- forks


def _in_child(gate: Any, scene: Scene, storage: RemoteStorage, name: str) -> str:
    """Save in a child process, which has inherited the storage, and copies of our sockets."""
    for proxy in scene.proxies:
        proxy.abandon()
    gate.wait(60)
    return storage.save(name, ContentFile(name.encode()))


def _fork(kind: str) -> Callable[[Scene], None]:
    def run(scene: Scene) -> None:
        storage = scene.storage(retry=Retry(attempts=6, backoff=0.01))
        other = scene.named("other.bin", scene.contents[0])
        assert storage.exists(other)
        # Each child's first connection breaks off: it begins another one, none of its parent's.
        made = max((each.number for each in scene.traffic if not each.data), default=0)
        for number in (made + 1, made + 3):
            scene.arm(Fault(kind, UP, turn=1, connection=number))  # type: ignore[arg-type] # likewise
        names = [f"child-{number}.bin" for number in range(2)]
        with warnings.catch_warnings():
            # That other threads run is what the proxies need; the children do not use them.
            warnings.simplefilter("ignore", DeprecationWarning)
            arguments = [(scene, storage, name) for name in names]
            saved = run_processes("fork", _in_child, arguments)
        files: Files = {scene.named(name, name.encode()): name.encode() for name in names}
        assert saved == list(files)
        outcome = attempt(scene, lambda: SAVE.call(scene, storage))
        assert outcome.error is None, outcome
        assert scene.fired
        check_stored(scene, {**SAVE.after(scene), **files})

    return run


# -- threads


def _threads(operation: Operation) -> Experiment:
    """Threads save names of their own, replace them or read, all with one storage."""

    def run(scene: Scene) -> None:
        _reset_every_third(scene, operation)
        storage = scene.storage(retry=Retry(attempts=8, backoff=0.01))
        saved: dict[str, list[bytes | None]] = {}

        def work(thread: int) -> None:
            for number in range(ROUNDS):
                saved.update(_once(scene, storage, operation, f"t{thread}-{number}.bin"))

        for _ in range(50):
            _in_threads(*(functools.partial(work, thread) for thread in range(scene.clients)))
            if scene.fired:
                break
            for proxy in scene.proxies:
                proxy.reset()  # where connections are kept, there were too few
            for name in saved:
                storage.delete(name)
        assert scene.fired
        stored = scene.stored()
        for name, allowed in saved.items():
            assert stored.pop(name, None) in allowed, name
        assert stored == operation.before(scene)
        check_stored(scene, scene.stored())

    promise = (
        f"When every third connection is reset while many threads are {operation.words}: each "
        f"gets its own, whole, or an error; none gets another's."
    )
    name = f"threads.{operation.id}"
    return Experiment(name, promise, operation, run, quick=operation in {SAVE, READ})


def _reset_every_third(scene: Scene, operation: Operation) -> None:
    measured = scene.measured(operation)
    at = (measured.up if operation.way == UP else measured.down) // 2
    for proxy in scene.proxies:
        for number in range(3, RESETS, 3):
            proxy.arm(scene.fault("rst", operation.way, at=at, connection=number))


def _in_threads(*works: Callable[[], object]) -> None:
    for result in run_threads(*works):
        if isinstance(result, BaseException):
            raise result


def _once(
    scene: Scene, storage: RemoteStorage, operation: Operation, name: str
) -> dict[str, list[bytes | None]]:
    """Do it, for a name of one's own; what that name may hold then."""
    if operation is READ:
        outcome = attempt(scene, lambda: READ.call(scene, storage), within=8 * scene.timeout)
        assert outcome.value == scene.contents[0] or outcome.error is not None
        return {}
    content = name.encode() + os.urandom(scene.size - len(name))

    def call() -> str:
        if operation is SAVE:
            return storage.save(name, ContentFile(content))
        with storage.open(name, "wb") as file:
            file.write(content)
        return name

    called = scene.named(name, content)
    outcome = attempt(scene, call, within=8 * scene.timeout)
    if outcome.error is not None:
        assert isinstance(outcome.error, Unavailable), repr(outcome.error)
        return {called: [None, content]}
    assert outcome.value == called
    return {called: [content]}


ROWS = [
    *(_slow(operation) for operation in (SAVE, REPLACE, READ, LIST)),
    Experiment(
        "slow.exists",
        "When answers come by a few bytes per second, and deadline() bounds asking: Timeout when "
        "the time is over.",
        SAVE,
        _slow_answer,
        quick=True,
    ),
    *(
        Experiment(
            f"fork.{kind}",
            "When a used storage goes into child processes, whose connections break off: each "
            "connects anew, and they and their parent save what they were told to.",
            SAVE,
            _fork(kind),
            quick=kind == "rst",
        )
        for kind in ("rst", "fin", "stall")
    ),
    *(_threads(operation) for operation in (SAVE, REPLACE, READ)),
]
