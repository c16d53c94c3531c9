"""Django's ``collectstatic`` and its storage: the one is to know when the other begins and ends."""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["attend"]


def attend() -> None:
    """Let every ``collectstatic`` tell its storage of its run, if the storage wants to know.

    The command calls its storage file by file and has no word for "that was the last one":
    ``post_process`` is left out with ``--no-post-process``. Its method ``collect`` is the work from
    first to last, in every version of Django, and is what subclasses call; so that is wrapped. With
    other storages than ours nothing changes.
    """
    from django.contrib.staticfiles.management.commands.collectstatic import Command

    original: Any = Command.collect
    if getattr(original, "attended", False):
        return

    @functools.wraps(original)
    def collect(self: Any) -> Any:
        collecting = getattr(self.storage, "_collecting", None)
        if collecting is None:
            return original(self)
        with collecting(self):
            return original(self)

    collect.attended = True  # type: ignore[attr-defined] # a function takes any
    Command.collect = collect  # type: ignore[method-assign] # that is the purpose
