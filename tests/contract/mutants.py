"""Notes which case has to find which of the storages in ``*_mutants.py``, with one defect each.

Most of the defects are real ones: of Django's storages, of earlier ones of this name, of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from storages.testing import MemoryStorage

T = TypeVar("T", bound=type[MemoryStorage])

MUTANTS: dict[type[MemoryStorage], str] = {}


def found_by(case: str) -> Callable[[T], T]:
    """Note which case finds the defect of the class."""

    def note(cls: T) -> T:
        MUTANTS[cls] = case
        return cls

    return note
