"""What is looked at after each experiment: I1 to I5 of the promise.

I1: every name holds exactly the bytes of one completed write, or nothing. I2: what was not being
changed is unchanged. I3: only users' files are listed; what else there is can be counted and
removed. I4: the caller got success or one of our errors, in time. I5: the fault happened.
"""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storages.errors import StorageError, Unavailable
from tests.faults.matrix.operations import Operation
from tests.faults.matrix.scene import Scene
from tests.faults.proxy import Fault

__all__ = ["MARGIN", "Outcome", "attempt", "check", "check_error", "check_stored", "meets"]

MARGIN = 12.0  # seconds that a busy machine may take beside waiting for the server


@dataclass
class Outcome:
    """What came of a call, after so many seconds."""

    value: Any = field(default=None, repr=False)  # it may be a file's content
    error: StorageError | None = None
    took: float = 0.0


def attempt(scene: Scene, call: Callable[[], Any], *, within: float | None = None) -> Outcome:
    """Call; success or one of our errors, in time (I4).

    ``within``: seconds that it may wait; else attempts x timeout.
    """
    if within is None:
        within = scene.attempts * scene.timeout * scene.waits
    outcome = Outcome()
    started = time.monotonic()
    try:
        outcome.value = call()
    except StorageError as error:
        outcome.error = error
    outcome.took = time.monotonic() - started
    assert outcome.took < within * 1.1 + MARGIN, f"{scene.experiment}: {outcome}"
    if outcome.error is not None:
        check_error(scene, outcome.error)
    return outcome


def check_error(scene: Scene, error: StorageError) -> None:
    """What every error of ours is, wherever it comes from (F22)."""
    assert isinstance(error, OSError)
    assert error.operation
    assert error.storage
    assert error.name or error.operation in {"list", "is_dir", "exists"}, repr(error)
    # What was behind it is shown as its cause, not as something that happened meanwhile.
    assert error.__cause__ is not None or error.__context__ is None or error.__suppress_context__
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)
    shown = [repr(error), *traceback.format_exception(error)]
    link: BaseException | None = error
    links: list[BaseException] = []
    while link is not None:
        assert not [each for each in links if each is link], "it came of itself"
        links.append(link)
        shown += [str(link), repr(link)]
        link = link.__cause__ or link.__context__
    for secret in scene.secrets:
        assert not [text for text in shown if secret in text], f"a secret in {type(error)}"


def check_stored(scene: Scene, *allowed: dict[str, bytes]) -> None:
    """One of these is stored, and nothing else (I1, I2); only that is listed, orphans go (I3)."""
    deadline = time.monotonic() + MARGIN
    while True:
        stored = scene.stored()
        assert stored in allowed, f"{_differs(stored, allowed[-1])} (orphans: {scene.orphans()})"
        listed = scene.listed()
        if (listed is None or sorted(listed) == sorted(stored)) and scene.stored() == stored:
            break
        # The server may still be at a request that nobody waits for any more.
        assert time.monotonic() < deadline, f"{listed}, and not {sorted(stored)}"
        time.sleep(0.05)
    scene.sweep()
    assert scene.orphans() == 0
    stored = scene.stored()
    assert stored in allowed, f"after sweeping: {_differs(stored, allowed[-1])}"


def _short(value: Any) -> str:
    return repr(value[:50] if isinstance(value, (bytes, list)) else value)


def _differs(stored: dict[str, bytes], wanted: dict[str, bytes]) -> str:
    sizes = {name: len(held) for name, held in stored.items()}
    wrong = [name for name in wanted if stored.get(name) != wanted[name]]
    return f"stored: {sizes}, wanted otherwise: {wrong}"


def check(
    scene: Scene, operation: Operation, outcome: Outcome, *, must_succeed: bool = False
) -> None:
    """The whole promise, for an operation that met a fault.

    ``must_succeed``: an error is right only where the backend declares it.
    """
    assert scene.fired, f"the fault did not happen: {scene.traffic}"
    if outcome.error is None:
        assert outcome.value == operation.result(scene), _short(outcome.value)
        check_stored(scene, operation.after(scene))
        return
    assert isinstance(outcome.error, Unavailable), repr(outcome.error)
    assert not must_succeed or scene.allows("error"), repr(outcome.error)
    check_stored(scene, *operation.states(scene))


def meets(
    scene: Scene,
    operation: Operation,
    *faults: Fault,
    must_succeed: bool = False,
    within: float | None = None,
) -> Outcome:
    """Let the operation meet the faults, and check what must hold then."""
    scene.arm(*faults)
    storage = scene.storage()
    outcome = attempt(scene, lambda: operation.call(scene, storage), within=within)
    check(scene, operation, outcome, must_succeed=must_succeed)
    return outcome
