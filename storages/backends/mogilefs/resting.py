"""Addresses that failed a moment ago: others are tried before them."""

from __future__ import annotations

import time
from collections.abc import Iterable

__all__ = ["Resting"]


class Resting:
    """What failed less than ``seconds`` ago. Used by several threads at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failures: dict[str, float] = {}

    def failed(self, address: str) -> None:
        """Let ``address`` rest."""
        now = time.monotonic()
        for other, since in list(self._failures.items()):
            if now - since >= self._seconds:
                self._failures.pop(other, None)
        self._failures[address] = now

    def works(self, address: str) -> None:
        """Let it rest no longer."""
        self._failures.pop(address, None)

    def rests(self, address: str) -> bool:
        """Tell whether ``address`` failed so short a time ago."""
        since = self._failures.get(address)
        return since is not None and time.monotonic() - since < self._seconds

    def at_last(self, addresses: Iterable[str]) -> list[str]:
        """Return ``addresses`` in their order, those that rest behind the others."""
        return sorted(addresses, key=self.rests)
