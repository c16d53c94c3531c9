"""Transfers that break off, stall, or are damaged on their way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from storages.errors import Corrupt, Unavailable
from tests.faults.flows import DOWN, UP, Fault, Way
from tests.faults.matrix.checking import attempt, check_stored, meets
from tests.faults.matrix.operations import LIST, READ, REPLACE, SAVE, Operation
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment

__all__ = ["ROWS"]

#: Of the bytes that pass, the first (counted from 0) that does not.
PLACES: dict[str, Callable[[int], int]] = {
    "3%": lambda size: size * 3 // 100,
    "50%": lambda size: size // 2,
    "last": lambda size: size - 1,
}
WHERE = {"3%": "near its beginning", "50%": "half-way", "last": "before its last byte"}
BREAKS = {"rst": "is reset", "fin": "is closed", "stall": "stands still"}
PROMISES = {
    ("save", "once"): "it is sent again: one file, whole, under its own name",
    ("save", "always"): "an error in time, and no file under the name, or the whole one",
    ("replace", "once"): "it is sent again, and the old file stays until the new one is whole",
    ("replace", "always"): "an error in time, and the name holds the old file or the whole new one",
    ("read", "once"): "it goes on where it stopped, and every byte is right",
    ("read", "always"): "every byte, or an error in time: never a part",
    ("list", "once"): "the listing is complete",
    ("list", "always"): "the listing is complete, or an error in time: never a part",
}
QUICK = {
    "cut.save.rst.50%.once",
    "cut.save.fin.last.once",
    "cut.save.stall.50%.once",
    "cut.save.rst.50%.always",
    "cut.replace.rst.50%.once",
    "cut.replace.fin.3%.always",
    "cut.replace.stall.last.once",
    "cut.read.rst.50%.once",
    "cut.read.fin.50%.once",
    "cut.read.stall.50%.once",
    "cut.read.fin.last.always",
    "cut.list.rst.50%.once",
}


def _cut(operation: Operation, kind: str, place: str, times: str) -> Experiment:
    def run(scene: Scene) -> None:
        measured = scene.measured(operation)
        at = PLACES[place](measured.up if operation.way == UP else measured.down)
        fault = scene.fault(kind, operation.way, at=at, times=1 if times == "once" else None)
        if operation is LIST and scene.allows("unnoticed"):
            _list_in_part(scene, fault)
        else:
            # Reading tries again as long as each attempt gets further, here by so much.
            steps = math.ceil(measured.down / max(1, at)) if operation is READ else 0
            within = (scene.attempts + steps) * scene.timeout * scene.waits
            meets(scene, operation, fault, must_succeed=times == "once", within=within)

    name = f"cut.{operation.id}.{kind}.{place}.{times}"
    begin = f"When the connection {BREAKS[kind]} {WHERE[place]} while {operation.words}"
    again = " on every attempt" if times == "always" else ""
    promise = f"{begin}{again}: {PROMISES[operation.id, times]}."
    return Experiment(name, promise, operation, run, quick=name in QUICK)


def _list_in_part(scene: Scene, fault: Fault) -> None:
    """Where nothing tells the end of a listing from its being cut: at least no wrong name."""
    scene.arm(fault)
    storage = scene.storage()
    outcome = attempt(scene, lambda: LIST.call(scene, storage))
    assert scene.fired
    if outcome.error is None:
        names = set(LIST.result(scene))
        assert set(outcome.value) < names, "it is noticed: declare it no more"
    check_stored(scene, LIST.before(scene))


def _flip(operation: Operation, times: str) -> Experiment:
    way: Way = operation.way

    def run(scene: Scene) -> None:
        measured = scene.measured(operation)
        at = (measured.up if way == UP else measured.down) // 2
        scene.arm(scene.fault("flip", way, at=at, times=1 if times == "once" else None))
        storage = scene.storage()
        outcome = attempt(scene, lambda: operation.call(scene, storage))
        assert scene.fired
        if outcome.error is not None:
            assert isinstance(outcome.error, (Corrupt, Unavailable)), repr(outcome.error)
            # What has been handed out cannot be taken back: reading may end in an error.
            assert way == DOWN or times == "always" or scene.allows("error"), repr(outcome.error)
            check_stored(scene, operation.before(scene))
            return
        before, after = operation.before(scene), operation.after(scene)
        if not scene.allows("unnoticed"):
            assert outcome.value == operation.result(scene)
            check_stored(scene, after)
            return
        stored = scene.stored()
        arrived = outcome.value if way == DOWN else stored.pop(outcome.value)
        wanted = operation.result(scene) if way == DOWN else scene.contents[2]
        # Not less than what is declared, either: else the documentation is wrong.
        assert 1 <= _differing(arrived, wanted) <= scene.fired
        assert stored == before

    name = f"flip.{operation.id}.{times}"
    how = "on every attempt" if times == "always" else "once"
    then = "no wrong byte is returned: the right ones, or an error"
    if way == UP:
        then = "no file is stored" if times == "always" else "it is sent again, and stored right"
    promise = f"When a bit is changed on its way {how} while {operation.words}: {then}."
    return Experiment(name, promise, operation, run, quick=times == "once")


def _differing(some: Any, others: bytes) -> int:
    return sum(a != b for a, b in zip(some, others, strict=True))


ROWS = [
    *(
        _cut(operation, kind, place, times)
        for operation in (SAVE, REPLACE, READ)
        for kind in BREAKS
        for place in PLACES
        for times in ("once", "always")
    ),
    *(_cut(LIST, kind, "50%", times) for kind in BREAKS for times in ("once", "always")),
    *(_flip(operation, times) for operation in (SAVE, READ) for times in ("once", "always")),
]
