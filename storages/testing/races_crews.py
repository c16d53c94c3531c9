"""Crews for races: threads or processes that begin each round together, and where to meet again.

A crew is started once and runs many rounds, each of its workers one operation in each. In a forced
round nobody goes on before all have come to the place where the race is lost: the hook that changes
the store, when all questions have been asked and answered. In a free one they run as they come.
"""

from __future__ import annotations

import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias
from unittest import mock

from storages.hooks import Hooks
from storages.testing.processes import run_processes
from storages.testing.threads import run_threads

__all__ = ["Outcome", "Plan", "Runs", "Worker", "in_processes", "in_threads"]

#: Seconds to wait for the others.
_PATIENCE = 110
#: Seconds that a crew has to begin, and for each round.
_TO_BEGIN, _FOR_A_ROUND = 110, 10
#: Seconds that a change of the store takes longer, so that others come to do the same.
_LINGER = 0.02
#: Seconds after which Python lets another thread run: much sooner than usual.
_SWITCH = 0.0002


@dataclass(frozen=True)
class Outcome:
    """What an operation gave: a value or an error; whether it came to the place of the race."""

    value: Any = None
    error: BaseException | None = None
    met: bool = False

    def __str__(self) -> str:
        if self.error is None:
            return _short(self.value)
        return f"{type(self.error).__name__}: {self.error}"


class Runs(Protocol):
    """What a worker can do."""

    #: The hooks before which it waits in forced rounds.
    hooks: ClassVar[tuple[str, ...]]
    #: The hooks before which it lingers then: where waiting for others, who may be kept out by
    #: a lock, would be for ever.
    lingers: ClassVar[tuple[str, ...]]

    def run(self, worker: Worker) -> Any:
        """Do it with ``worker.storage``; return what is to be judged."""


#: What one worker does: for each round, whether it is forced, and the operation; None: nothing.
Plan: TypeAlias = Sequence[tuple[bool, Runs | None]]


class Worker:
    """One of a crew, with its own storage object."""

    def __init__(self, storage: Any, gate: Any) -> None:
        self.storage = storage
        self._gate = gate
        self._forced = False
        self._met = False

    def meet(self) -> None:
        """Wait for the others, once in each forced round."""
        if self._forced and not self._met:
            self._met = True
            self._gate.wait(_PATIENCE)

    def do(self, operation: Runs, *, forced: bool) -> Outcome:
        """Run the operation; its errors are outcomes, too."""
        self._forced, self._met = forced, False
        came = False
        try:
            with self._held_at(operation):
                outcome = Outcome(operation.run(self))
        except Exception as error:  # noqa: BLE001 - judged by the case
            outcome = Outcome(error=_portable(error))
        finally:
            came = self._met
            self.meet()  # who did not come there keeps nobody waiting
        return Outcome(outcome.value, outcome.error, came)

    def rest(self, *, forced: bool) -> None:
        """Do nothing in this round."""
        self._forced, self._met = forced, False
        self.meet()

    @contextmanager
    def _held_at(self, operation: Runs) -> Iterator[None]:
        wait: Callable[[], None]
        with ExitStack() as patches:
            for hooks, wait in (
                (operation.hooks, self.meet),
                (operation.lingers, lambda: time.sleep(_LINGER)),
            ):
                for name in filter(None, map(self._place_of, hooks if self._forced else ())):
                    held = self._held(getattr(self.storage, name), wait)
                    patches.enter_context(mock.patch.object(self.storage, name, held))
            yield

    @staticmethod
    def _held(original: Callable[..., Any], wait: Callable[[], None]) -> Callable[..., Any]:
        def held(*args: Any, **kwargs: Any) -> Any:
            wait()
            return original(*args, **kwargs)

        return held

    def _place_of(self, hook: str) -> str | None:
        """Return the method to wait before: the hook, where the storage has that."""
        own = getattr(type(self.storage), hook, None)
        if own is not None and own is not getattr(Hooks, hook, None):
            return hook
        # Without hooks of its own, as of Django's storages, what is known is where it saves.
        return "_save" if hook == "_write" and hasattr(self.storage, "_save") else None


def in_threads(make_storage: Callable[[], Any], plans: Sequence[Plan]) -> list[list[Outcome]]:
    """Let one thread per plan carry it out; return their outcomes, by plan."""
    gate = threading.Barrier(len(plans))
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        works = [lambda p=plan: _perform(gate, make_storage(), p) for plan in plans]
        results = run_threads(*works, within=_within(plans))
    finally:
        sys.setswitchinterval(before)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def in_processes(start_method: str, storage: Any, plans: Sequence[Plan]) -> list[list[Outcome]]:
    """Let one process per plan carry it out; return their outcomes, by plan."""
    pickled = pickle.dumps(storage)
    arguments = [(pickled, plan) for plan in plans]
    return run_processes(start_method, _perform, arguments, within=_within(plans))


def _within(plans: Sequence[Plan]) -> float:
    return _TO_BEGIN + _FOR_A_ROUND * max(map(len, plans))


def _perform(gate: Any, storage: bytes | Any, plan: Plan) -> list[Outcome]:
    made = pickle.loads(storage) if isinstance(storage, bytes) else storage  # noqa: S301 - our own
    worker = Worker(made, gate)
    outcomes = []
    try:
        for forced, operation in plan:
            gate.wait(_PATIENCE)
            if operation is None:
                worker.rest(forced=forced)
                outcomes.append(Outcome())
            else:
                outcomes.append(worker.do(operation, forced=forced))
    except BaseException:
        gate.abort()  # the others need not wait
        raise
    finally:
        if hasattr(made, "close"):
            made.close()
    return outcomes


def _portable(error: BaseException) -> BaseException:
    """Return the error as it can be sent to another process, with its traceback in words."""
    told = traceback.format_exc()
    try:
        sent: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be sent
        return RuntimeError(told)
    sent.__cause__ = RuntimeError(told)
    return sent


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_short, value))})"
    return repr(value)
