"""The table's rows, and how one of them is run for a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from storages.testing.capabilities import FULL
from tests.faults.matrix.operations import Operation
from tests.faults.matrix.scene import Declared, Scene, declared_for

__all__ = ["Experiment", "Row", "Status", "perform", "rows_for", "status"]

#: What waits through every attempt: left to the whole pass, beside what a scene leaves to it.
SELDOM = ("*.always",)


@dataclass(frozen=True)
class Experiment:
    """Something that goes wrong, and what is promised then.

    ``id`` is stable; its first word is the kind of experiment. ``promise`` is a sentence for the
    documentation. ``run`` makes it in a scene where the files of ``operation`` are, and asserts
    that the fault happened. ``quick``: also in the quick pass. ``http``: only where HTTP is spoken.
    """

    id: str
    promise: str
    operation: Operation
    run: Callable[[Scene], object]
    quick: bool = False
    http: bool = False

    @property
    def kind(self) -> str:
        """What is tried at least once with every backend."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Status:
    """How an experiment stands with a backend: run here, elsewhere, or declared impossible."""

    run: bool
    elsewhere: str = ""
    declared: Declared | None = None


def status(experiment: Experiment, kind: type[Scene]) -> Status:
    """How the experiment stands with the backend of ``kind``."""
    declared = declared_for(kind, experiment.id)
    impossible = declared is not None and declared.instead == "impossible"
    elsewhere = kind.elsewhere.get(experiment.id, "")
    return Status(not impossible and not elsewhere, elsewhere, declared)


@dataclass(frozen=True)
class Row:
    """An experiment with a backend."""

    experiment: Experiment
    kind: type[Scene]

    def __str__(self) -> str:
        return self.experiment.id


def rows_for(
    kind: type[Scene], experiments: Iterable[Experiment], *, full: bool = FULL
) -> list[Row]:
    """The experiments that are run with this backend: all, or those of the quick pass."""
    found = []
    for experiment in experiments:
        if experiment.http and not kind.http:
            continue
        seldom = any(fnmatchcase(experiment.id, pattern) for pattern in (*kind.seldom, *SELDOM))
        if status(experiment, kind).run and (full or (experiment.quick and not seldom)):
            found.append(Row(experiment, kind))
    return found


def perform(row: Row) -> None:
    """Make the experiment, in a place of its own."""
    experiment = row.experiment
    with row.kind() as scene:
        scene.experiment = experiment.id
        scene.put(experiment.operation.before(scene))
        scene.clear()
        experiment.run(scene)
