"""Names of tables and columns: the only text that gets into SQL unbound, hence judged here."""

from __future__ import annotations

import re

__all__ = ["bare", "identifier", "table_identifier"]

_PART = r"(?:[A-Za-z_][\w$#]*|\[[^\[\]?\x00-\x1f]+\]|\"[^\"?\x00-\x1f]+\"|`[^`?\x00-\x1f]+`)"
_COLUMN = re.compile(_PART)
_TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")


def identifier(text: str) -> str:
    """Return ``text`` if it names a column; raise ValueError if not."""
    if _COLUMN.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} does not name a column: letters, digits, _, $ and # after a letter or _, "
            f'or anything in [brackets], "quotes" or `backticks`.'
        )
    return text


def table_identifier(text: str) -> str:
    """Return ``text`` if it names a table, perhaps with its schema; raise ValueError if not."""
    if _TABLE.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} does not name a table: up to three parts joined by dots, each of letters, "
            f'digits, _, $ and # after a letter or _, or in [brackets], "quotes" or `backticks`.'
        )
    return text


def bare(text: str) -> list[str]:
    """Return the parts of an identifier without their quotes."""
    return [part[1:-1] if part[0] in '["`' else part for part in re.findall(_PART, text)]
