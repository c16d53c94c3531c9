"""Requests that do not arrive, and answers that are lost, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.flows import DOWN, UP, Way
from tests.faults.matrix.checking import meets
from tests.faults.matrix.operations import COPY, DELETE, LIST, MOVE, READ, REPLACE, SAVE, Operation
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment
from tests.faults.proxy import Fault

__all__ = ["ROWS"]

OPERATIONS = (SAVE, REPLACE, DELETE, MOVE, COPY, READ, LIST)
BREAKS = {"rst": "by a reset", "fin": "by an early end", "stall": "because nothing comes"}
PROMISES = {
    "save": "one file, under its own name",
    "replace": "the name holds the new file",
    "delete": "the file is deleted, and no error is raised though it is not found again",
    "move": "the file has its new name, and no error is raised though the old one is gone",
    "copy": "there is one copy, and no error is raised though its name is taken",
    "read": "every byte is right",
    "list": "the listing is complete",
}
QUICK = {
    "answer.save.rst.each",
    "answer.save.stall.last",
    "answer.replace.rst.each",
    "answer.delete.rst.each",
    "answer.move.rst.each",
    "answer.copy.rst.last",
    "request.save.rst.each",
}


def _each(scene: Scene, operation: Operation, kind: str, way: Way, turns: Iterable[int]) -> None:
    happened = 0
    for turn in turns:
        scene.clear()
        scene.restore(operation)
        scene.clear()
        scene.arm(Fault(kind, way, turn=turn))  # type: ignore[arg-type] # it is one of them
        meets(scene, operation, must_succeed=True)
        happened += scene.fired
    scene.note(f"{happened} requests were cut")


def _lost(operation: Operation, kind: str, which: str, way: Way) -> Experiment:
    def run(scene: Scene) -> None:
        count = scene.measured(operation).requests
        turns = range(1, count + 1) if which == "each" else [count]
        _each(scene, operation, kind, way, turns)

    what = "answer" if way == DOWN else "request"
    name = f"{what}.{operation.id}.{kind}.{which}"
    ordinal = f"the last {what}" if which == "last" else f"any one {what}"
    promise = f"When {ordinal} is lost {BREAKS[kind]} while {operation.words}: "
    return Experiment(name, f"{promise}{PROMISES[operation.id]}.", operation, run, name in QUICK)


ROWS = [
    *(
        _lost(operation, kind, which, DOWN)
        for operation in OPERATIONS
        for kind in BREAKS
        for which in ("last", "each")
    ),
    *(_lost(operation, "rst", "each", UP) for operation in OPERATIONS),
]
