"""The table itself: what the documentation is made of."""

from __future__ import annotations

import pkgutil
import re
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import pytest

from tests.faults import scenes
from tests.faults.matrix import EXPERIMENTS, Scene
from tests.faults.matrix.table import rows_for

ROOT = Path(__file__).resolve().parents[2]


def _kinds() -> list[type[Scene]]:
    """Every backend's scenes."""
    for module in pkgutil.iter_modules(scenes.__path__):
        import_module(f"{scenes.__name__}.{module.name}")
    found, waiting = [], [Scene]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if "service" in vars(kind) and kind.__module__.startswith(scenes.__name__):
            found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


KINDS = _kinds()


def test_ids_and_promises() -> None:
    """Each experiment has an id of its own, and promises one sentence."""
    ids = [experiment.id for experiment in EXPERIMENTS]
    assert len(set(ids)) == len(ids)
    for experiment in EXPERIMENTS:
        assert re.fullmatch(r"[a-z0-9%-]+(\.[a-z0-9%-]+)+", experiment.id)
        assert re.fullmatch(r"When [^\n]+: [^\n]+\.", experiment.promise), experiment.promise


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_declared(kind: type[Scene]) -> None:
    """It is about experiments that there are, has a reason, and names tests that there are."""
    ids = [experiment.id for experiment in EXPERIMENTS]
    for pattern, declared in kind.declared.items():
        # "*.copy" and the like are of all kinds, also of those that there might be.
        known = any(fnmatchcase(name, pattern) for name in ids)
        assert known or pattern.startswith("*."), pattern
        assert declared.reason.endswith(".")
    for pattern in kind.seldom:
        assert any(fnmatchcase(name, pattern) for name in ids), pattern
    for name, test in kind.elsewhere.items():
        assert name in ids
        path, _, function = test.partition("::")
        assert f"def {function.rpartition('::')[2].partition('[')[0]}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("backend", sorted({kind.backend for kind in KINDS}))
def test_the_quick_pass(backend: str) -> None:
    """It has something of each kind that the whole has, of what the server can be treated with."""
    quick: set[str] = set()
    whole: set[str] = set()
    for kind in KINDS:
        if kind.backend == backend and kind.__name__ != "RadosGWScene":
            quick |= {row.experiment.kind for row in rows_for(kind, EXPERIMENTS, full=False)}
            whole |= {row.experiment.kind for row in rows_for(kind, EXPERIMENTS, full=True)}
    assert quick == whole
