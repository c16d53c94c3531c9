"""Why something is slower than the client library, or than today's django-storages."""

from __future__ import annotations

import re

__all__ = ["of"]

#: Patterns of "backend row other" -> the cause. The first that matches tells.
CAUSES: tuple[tuple[str, str], ...] = ()


def of(backend: str, key: str, other: str) -> str | None:
    """The cause; None when nobody has found it."""
    asked = f"{backend} {key} {other}"
    return next((cause for pattern, cause in CAUSES if re.match(pattern, asked)), None)
