"""Listing keys, page by page, whatever the tracker's database takes for their order.

``list_keys`` gives up to 1,000 keys that begin with ``prefix`` and come after ``after``. What it
does not say: by default the prefix is compared without regard to case; ``after`` must match the
prefix, which is then taken for a regular expression, with regard to case; and ``next_after`` is the
last key by its bytes, which is not the last one in the order of a database with a collation. So it
is a key of the page itself that the next page comes after, and the prefix is only asked for as far
as it is no more than text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from storages.backends.mogilefs.cluster import number_in, text_in
from storages.backends.mogilefs.refusals import code_of
from storages.errors import StorageError

__all__ = ["PAGE", "keys"]

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, str]]

#: The most that a tracker gives at once.
PAGE = 1000
#: What Perl would not take for itself in a regular expression. A dot stands for a dot, too.
_PLAIN = re.compile(r"[^\\^$|?*+()\[\]{}]*")
_NONE = "none_match"


def keys(ask: Ask, prefix: str, first: int | None = None) -> Iterator[str]:
    """Yield the keys that begin with ``prefix``, each once, in the order of the database.

    ``first`` is how many keys to ask for at first, if not for a page.
    """
    limit = PAGE if first is None else first
    page = _page(ask, prefix, None, limit)
    yield from (key for key in page if key.startswith(prefix))
    if len(page) < limit:
        return
    plain = _PLAIN.match(prefix)
    asked, after = plain[0] if plain else "", ""
    while True:
        before = asked, after
        asked, after = _onwards(page, asked)
        if (asked, after) == before:
            raise StorageError("The tracker lists the same keys again and again.")
        page = _page(ask, asked, after, PAGE)
        yield from (key for key in page if key.startswith(prefix))
        if len(page) < PAGE:
            return


def _onwards(page: list[str], prefix: str) -> tuple[str, str]:
    """Return the prefix to ask for next, and the key to go on after.

    The last one that has the prefix is as good as the last one: behind it on the page there are
    only keys of another case, which are read again.
    """
    for key in reversed(page):
        if key.startswith(prefix):
            return prefix, key
    # All of another case. Where the others are depends on the database: look at all that come.
    return "", page[-1]


def _page(ask: Ask, prefix: str, after: str | None, limit: int) -> list[str]:
    try:
        told = ask("list_keys", {"prefix": prefix or None, "after": after, "limit": limit})
    except StorageError as error:
        if code_of(error) == _NONE:
            return []
        raise
    return [text_in(told, f"key_{n}") for n in range(1, number_in(told, "key_count") + 1)]
