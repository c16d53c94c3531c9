"""Servers that die, freeze, start again, or refuse connections."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from storages.errors import NotFound, Unavailable
from storages.retry import Retry
from tests.faults.flows import UP
from tests.faults.matrix.checking import attempt, check, check_stored
from tests.faults.matrix.operations import DELETE, LIST, MOVE, READ, REPLACE, SAVE, Operation
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment

__all__ = ["ROWS"]

QUICK = {
    "kill.save",
    "kill.replace",
    "freeze.save",
    "restart.save",
    "idle.save",
    "idle.read",
    "refused.long",
    "refused.short",
}
LATER = b"saved when the server was back"


def _saves_again(scene: Scene, storage: RemoteStorage, operation: Operation) -> None:
    """The same storage saves, and nothing else changes by that."""
    before = scene.stored()
    name = scene.named("later.bin", LATER)
    assert storage.save("later.bin", ContentFile(LATER)) == name
    # What the server got before may only now become a file.
    states = [{**state, name: LATER} for state in operation.states(scene)]
    check_stored(scene, {**before, name: LATER}, *states)


def _half(scene: Scene, operation: Operation) -> int:
    measured = scene.measured(operation)
    return (measured.up if operation.way == UP else measured.down) // 2


@dataclass(frozen=True)
class _Stroke:
    """What happens to the server half-way, what ends it, and both in words."""

    id: str
    does: Callable[[Scene], object]
    ends: Callable[[Scene], object]
    words: str
    ended: str


_KILL = _Stroke(
    "kill", lambda scene: scene.kill(), lambda scene: scene.start(), "is killed", "is back"
)
_FREEZE = _Stroke(
    "freeze", lambda scene: scene.freeze(), lambda scene: scene.thaw(), "freezes", "goes on"
)


def _struck(stroke: _Stroke, operation: Operation) -> Experiment:
    def run(scene: Scene) -> None:
        at = _half(scene, operation)
        action = functools.partial(stroke.does, scene)
        scene.arm(scene.fault("call", operation.way, at=at, action=action))
        storage = scene.storage()
        try:
            outcome = attempt(scene, lambda: operation.call(scene, storage))
        finally:
            stroke.ends(scene)
        assert scene.fired
        # What had passed already may be enough for reading.
        assert outcome.error is not None or operation is READ, outcome
        check(scene, operation, outcome)
        _saves_again(scene, storage, operation)

    promise = (
        f"When the server {stroke.words} half-way while {operation.words}: an error in time; when "
        f"it {stroke.ended}, no half file is there, and the same storage works."
    )
    name = f"{stroke.id}.{operation.id}"
    return Experiment(name, promise, operation, run, name in QUICK)


def _between(
    operation: Operation, kind: str, does: Callable[[Scene], object], what: str
) -> Experiment:
    def run(scene: Scene) -> None:
        storage = scene.storage()
        assert storage.exists(scene.named("other.bin", scene.contents[0]))
        does(scene)
        scene.note(what)
        outcome = attempt(scene, lambda: operation.call(scene, storage))
        check(scene, operation, outcome, must_succeed=True)

    name = f"{kind}.{operation.id}"
    promise = f"When {what} before {operation.words}: the next call connects again, and succeeds."
    return Experiment(name, promise, operation, run, name in QUICK)


def _restart(scene: Scene) -> None:
    scene.kill()  # a server that is asked to stop may let its sessions go on
    scene.start()


def _idle(scene: Scene) -> None:
    assert [each for each in scene.traffic if each.open], "no connection is kept"
    for proxy in scene.proxies:
        proxy.reset()


def _refused(scene: Scene) -> None:
    storage = scene.storage()
    for proxy in scene.proxies:
        proxy.refuse()
    other, old, new = scene.contents
    name = scene.named("other.bin", other)
    calls: list[Callable[[], Any]] = [
        lambda: storage.exists(name),
        lambda: storage.size(name),
        lambda: storage.open(name),
        lambda: storage.save("new.bin", ContentFile(new)),
        lambda: storage.delete(scene.named("replaced.bin", old)),
    ]
    if scene.listed() is not None:
        calls.append(lambda: storage.listdir(""))
    for call in calls:
        error = attempt(scene, call).error
        assert isinstance(error, Unavailable), repr(error)
        assert not isinstance(error, NotFound)
        scene.note("refused")
    assert not scene.traffic, "a connection came through"
    for proxy in scene.proxies:
        proxy.accept()
    check_stored(scene, SAVE.before(scene))
    _saves_again(scene, storage, SAVE)


def _refused_shortly(scene: Scene) -> None:
    retry = Retry(attempts=40, backoff=0.1, longest=0.3)
    storage = scene.storage(retry=retry)
    for proxy in scene.proxies:
        proxy.refuse(0.5)
    scene.note("refused")
    outcome = attempt(scene, lambda: SAVE.call(scene, storage), within=40 * 0.3)
    check(scene, SAVE, outcome, must_succeed=True)


ROWS = [
    *(_struck(_KILL, operation) for operation in (SAVE, REPLACE, READ)),
    *(_struck(_FREEZE, operation) for operation in (SAVE, REPLACE, READ)),
    *(
        _between(operation, "restart", _restart, "the server is killed and started again")
        for operation in (SAVE, REPLACE, READ, LIST, DELETE, MOVE)
    ),
    *(
        _between(operation, "idle", _idle, "the connections that were kept are reset")
        for operation in (SAVE, REPLACE, READ, LIST, DELETE, MOVE)
    ),
    Experiment(
        "refused.long",
        "When connections are refused: every call raises Unavailable in time, never NotFound; and "
        "exists() does not say False.",
        SAVE,
        _refused,
        quick=True,
    ),
    Experiment(
        "refused.short",
        "When connections are refused for less time than is tried: saving succeeds.",
        SAVE,
        _refused_shortly,
        quick=True,
    ),
]
