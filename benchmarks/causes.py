"""Why something is slower than it could be: what causes.txt says of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

__all__ = ["of", "read"]


@cache
def read() -> tuple[tuple[str, str], ...]:
    """Patterns of "backend row other", and the cause of each."""
    text = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith(" "):
            found[-1][1].append(line.strip())
        else:
            found.append((line, []))
    return tuple((pattern, " ".join(words)) for pattern, words in found)


def of(backend: str, key: str, other: str) -> str | None:
    """The cause; None when nobody has found it."""
    asked = f"{backend} {key} {other}"
    return next((cause for pattern, cause in read() if re.match(pattern, asked)), None)
