"""What is to go wrong, and the verbs with which a test says so: lines that begin with ``!``.

``!fault KIND VALUE COMMAND TIMES``
    The next TIMES commands COMMAND (``*``: any) go wrong:

    ========  ====================================================================
    drop      the connection is closed, nothing is done
    lose      it is done, but the connection is closed instead of an answer
    error     ``ERR VALUE ...``, nothing is done
    delay     VALUE seconds pass first
    stall     it is done, and no answer comes, for VALUE seconds; then as ``lose``
    bad       it is done, and the answer is a line that means nothing
    cut       it is done, and the answer ends after VALUE bytes
    ========  ====================================================================
``!fired``      those that have happened: ``KIND COMMAND`` each
``!counts``     how often each command came: ``COMMAND NUMBER`` each
``!clear``      forget all of that
``!stray WHO``  whom it hits that a ``rename`` was refused: ``same`` connection, ``any``, ``none``
``!show HOST PORT``  clients are told this port instead of the node's own; 0: its own again
``!pause KIND`` / ``!resume KIND``  let the workers of all trackers leave ``replicate`` or
                ``delete`` alone
``!watch``      one round of the monitor now
``!work``       do what waits, now; the answer is how much waits then

Each is answered with lines, and ``.`` at the end.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

ANY = "*"
GARBAGE = "\x00\xff this is no answer \x15"


@dataclass
class Planned:
    """A fault that is still to happen."""

    kind: str
    value: str
    command: str
    times: int


class Faults:
    """What is planned, and what has happened."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.fired: list[str] = []
        self.stray = "same"
        self._planned: list[Planned] = []
        self._lock = threading.Lock()
        self._stray_waits = False

    def plan(self, kind: str, value: str, command: str, times: str) -> None:
        """Let something go wrong."""
        with self._lock:
            self._planned.append(Planned(kind, value, command, int(times)))

    def meet(self, command: str) -> Planned | None:
        """Count a command; return what goes wrong with it."""
        with self._lock:
            self.counts[command] += 1
            for planned in self._planned:
                if planned.times > 0 and planned.command in {ANY, command}:
                    planned.times -= 1
                    self.fired.append(f"{planned.kind} {command}")
                    return planned
            return None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.counts.clear()
            self.fired = []
            self._planned = []
            self._stray_waits = False

    def stray_hits(self, whom: str) -> None:
        """Say whom."""
        self.stray = whom

    def leave_stray(self) -> bool:
        """A ``rename`` was refused; whether its own connection is the one that is hit."""
        with self._lock:
            self._stray_waits = self.stray == "any"
            return self.stray == "same"

    def hit_by_stray(self) -> bool:
        """Whether it is this command that is hit, of any connection."""
        with self._lock:
            waits, self._stray_waits = self._stray_waits, False
            if waits:
                self.fired.append("stray any")
            return waits
