"""The experiments of the fault suite, in one table, for every backend behind a network.

``EXPERIMENTS`` is the table. A backend's scene (tests/faults/scenes) says where they happen, and
what its service cannot do; ``rows(SceneKind)`` are its experiments, ``perform(row)`` makes one.
"""

from __future__ import annotations

from tests.faults.matrix import answers, clients, cuts, http, servers
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment, Row, Status, perform, rows_for, status

__all__ = ["EXPERIMENTS", "Experiment", "Row", "Scene", "Status", "perform", "rows", "status"]

EXPERIMENTS: list[Experiment] = [
    *cuts.ROWS,
    *answers.ROWS,
    *servers.ROWS,
    *clients.ROWS,
    *http.ROWS,
]


def rows(kind: type[Scene]) -> list[Row]:
    """The experiments with this backend: all with STORAGES_STRESS=full, else the quick pass."""
    return rows_for(kind, EXPERIMENTS)
