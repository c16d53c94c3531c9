"""Requests that do not arrive, and answers that are lost, one after the other."""

from __future__ import annotations

from tests.faults.flows import DOWN, UP, Way
from tests.faults.matrix.checking import attempt, check
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


def _cut(  # noqa: PLR0913, PLR0917 - all of a fault
    scene: Scene, operation: Operation, kind: str, way: Way, turn: int, times: int | None = 1
) -> bool:
    """Let the n-th be cut; whether there was one."""
    scene.clear()
    scene.restore(operation)
    scene.clear()
    scene.arm(Fault(kind, way, turn=turn, times=times))  # type: ignore[arg-type] # one of them
    storage = scene.storage()
    outcome = attempt(scene, lambda: operation.call(scene, storage))
    if not scene.fired:  # it needed fewer this time
        assert outcome.value == operation.result(scene)
        return False
    check(scene, operation, outcome, must_succeed=times is not None)
    return True


def _lost(operation: Operation, kind: str, which: str, way: Way) -> Experiment:
    def run(scene: Scene) -> None:
        # How many there are varies where several are under way at once.
        count = scene.measured(operation).requests
        if which == "last":
            turns = range(count, 0, -1)
            assert any(_cut(scene, operation, kind, way, turn) for turn in turns)
            return
        cut = [_cut(scene, operation, kind, way, turn) for turn in range(1, count + 1)]
        assert sum(cut) > count // 2

    what = "answer" if way == DOWN else "request"
    name = f"{what}.{operation.id}.{kind}.{which}"
    ordinal = f"the last {what}" if which == "last" else f"any one {what}"
    promise = f"When {ordinal} is lost {BREAKS[kind]} while {operation.words}: "
    return Experiment(name, f"{promise}{PROMISES[operation.id]}.", operation, run, name in QUICK)


def _always(operation: Operation, way: Way) -> Experiment:
    """The n-th of every connection, for each n."""

    def run(scene: Scene) -> None:
        count = scene.measured(operation).requests
        turns = range(1, count + 1)
        cut = [_cut(scene, operation, "rst", way, turn, None) for turn in turns]
        assert sum(cut) > count // 2

    what = "answer" if way == DOWN else "request"
    promise = (
        f"When any one {what} is lost by a reset on every attempt while {operation.words}: success "
        f"or an error in time, and no half file in either case."
    )
    return Experiment(f"{what}.{operation.id}.rst.always", promise, operation, run)


ROWS = [
    *(
        _lost(operation, kind, which, DOWN)
        for operation in OPERATIONS
        for kind in BREAKS
        for which in ("last", "each")
    ),
    *(_lost(operation, "rst", "each", UP) for operation in OPERATIONS),
    *(_always(operation, way) for operation in (SAVE, REPLACE) for way in (UP, DOWN)),
]
