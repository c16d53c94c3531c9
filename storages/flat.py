"""Directories out of flat names: pages of sorted names in, entries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from storages.readers import Entry, Stat

__all__ = ["PAGE", "Page", "below", "children", "end_of"]

#: Rows asked for at a time.
PAGE = 1000

#: ``page(start, after, end)`` gives up to PAGE names in binary order, with what is known of each:
#: from ``start`` on, or after it if ``after``, and before ``end`` ("": to the last).
Page = Callable[[str, bool, str], list[tuple[str, "Stat | None"]]]


def end_of(directory: str) -> str:
    """Return what follows every name in ``directory``: "0" comes right after "/"."""
    return f"{directory}0" if directory else ""


def children(directory: str, page: Page) -> Iterator[Entry]:
    """Yield the entries of ``directory``.

    In binary order the names below one subdirectory stand together, so one page is in memory at a
    time, and a subdirectory that is longer than a page is skipped.
    """
    prefix = f"{directory}/" if directory else ""
    start, after, shown = prefix, False, ""
    while True:
        rows = page(start, after, end_of(directory))
        for name, stat in rows:
            child, slash, _ = name[len(prefix) :].partition("/")
            if child + slash == shown:
                continue
            shown = child + slash
            # No storage accepts "/x" or "a//b": another program's row is not a file.
            if child:
                yield Entry(child, is_dir=bool(slash), stat=None if slash else stat)
        if len(rows) < PAGE:
            return
        start, after = rows[-1][0], True
        if shown.endswith("/"):
            # Not end_of(): what another program has put below "/" has an end, too.
            start, after = f"{prefix}{shown[:-1]}0", False


def below(directory: str, page: Page) -> Iterator[tuple[str, Stat | None]]:
    """Yield the files below ``directory``, with what is known of each."""
    start, after = f"{directory}/" if directory else "", False
    while True:
        rows = page(start, after, end_of(directory))
        for name, stat in rows:
            if not {"", ".", ".."}.intersection(name.split("/")):
                yield name, stat
        if len(rows) < PAGE:
            return
        start, after = rows[-1][0], True
