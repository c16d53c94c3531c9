"""Secrets, taken out of what people get to see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from storages.options import options_of

__all__ = ["redacted"]

_SHOWN = "***"
# A shorter secret would blot out half of an ordinary sentence.
_SHORTEST = 3


def redacted(text: str, storage: Any) -> str:
    """Return ``text`` with each secret option of ``storage``, also percent-encoded, as ``***``."""
    for secret in _secrets(storage):
        for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, _SHOWN)
    return text


def _secrets(storage: Any) -> Iterator[str]:
    for name, option in options_of(type(storage)).items():
        if option.secret:
            yield from _texts(option.secret_parts(getattr(storage, name)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (str, bytes, os.PathLike)):
        text = value.decode(errors="replace") if isinstance(value, bytes) else os.fspath(value)
        if isinstance(text, str) and len(text) >= _SHORTEST:
            yield text
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
