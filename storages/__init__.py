"""Django storages that never lose a file and never show half of one.

Nothing is imported here: a settings module may import anything below ``storages``.
``storages.deadline`` is :func:`storages.retry.deadline`, loaded when it is first used.
"""

from __future__ import annotations

from typing import Any

__version__ = "2.0.0.dev0"


def __getattr__(name: str) -> Any:
    if name == "deadline":
        from storages.retry import deadline

        return deadline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
