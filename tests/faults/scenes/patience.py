"""A storage waits long for a server that works, and not for one that does nothing."""

from __future__ import annotations

from typing import ClassVar

from tests.faults.matrix.scene import Scene

__all__ = ["Patient"]


class Patient(Scene):
    """A scene whose timeout is short only where the experiment is about it.

    Else a server that shares a busy machine would now and then be too late for it.
    """

    short: ClassVar[float] = 1.0
    """Seconds that it waits in vain; no less than a call may take on a busy machine."""

    long: ClassVar[float] = 20.0

    varies: ClassVar[int] = 64  # names of places, numbers of locks and time limits have more digits

    in_vain: ClassVar[tuple[str, ...]] = ("stall", "freeze", "slow", "length-long")
    """Words in the ids of experiments in which it waits in vain."""

    @property
    def timeout(self) -> float:  # type: ignore[override] # each experiment has its own
        """Seconds that the storage waits for its server."""
        in_vain = any(word in self.experiment for word in self.in_vain)
        return self.short if in_vain else self.long
