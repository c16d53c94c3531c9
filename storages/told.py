"""What stores tell, which may be anything: it is understood, or it is an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storages.errors import Corrupt, NoURL, OptionError

__all__ = ["document", "length", "number", "text", "understood"]

#: More than any file has bytes; of some thousand digits, int() would make no number.
_NUMBER = re.compile(r"[0-9]{1,19}")


def number(value: Any) -> int | None:
    """Return the number that a text writes in decimal digits; None when it is none."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def text(value: Any) -> str | None:
    """Return ``value`` if it is a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def length(value: Any) -> int:
    """Return the length that an answer gives as a number or in digits. Raises Corrupt."""
    found = number(value) if isinstance(value, str) else value
    if not isinstance(found, int) or found < 0:
        raise Corrupt("The server tells no length of the file.")
    return int(found)


def document(content: bytes | str) -> Any:
    """Return what ``content`` is as JSON. Raises Corrupt when it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Corrupt("The server's answer is no JSON.") from error


@contextmanager
def understood() -> Iterator[None]:
    """Raise Corrupt where the block, or a function, looks for what an answer does not have.

    For what only takes answers apart: a mistake in it would look the same.
    """
    try:
        yield
    except (NoURL, OptionError):
        raise
    except (
        AttributeError,
        LookupError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise Corrupt("The server's answer is not what it should be.") from error
