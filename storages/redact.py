"""Secrets, taken out of what people get to see."""

from __future__ import annotations

import base64
import html
import json
import os
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from storages.causes import causes
from storages.options import options_of

__all__ = ["forget_variables", "redacted", "shown_cause"]

_SHOWN = "***"
# A shorter secret would blot out half of an ordinary sentence.
_SHORTEST = 3
# Shorter pieces of base64 would be found in ordinary words.
_SHORTEST_ENCODED = 8


def redacted(text: str, storage: Any) -> str:
    """Return ``text`` with each secret option of ``storage``, also encoded, as ``***``."""
    for secret in _secrets(storage):
        for form in _forms(secret):
            text = text.replace(form, _SHOWN)
    return text


def shown_cause(error: BaseException, clean: Callable[[str], str]) -> BaseException:
    """Return ``error`` as the cause of another: itself, or its clean text where it shows a secret.

    A traceback shows the cause as well, and what that was caused by; ``repr`` and error trackers
    show arguments and attributes.
    """
    for link in causes(error, suppressed=False):
        parts = [str(link), *link.args, *vars(link).values()]
        told = "\n".join(part for part in parts if isinstance(part, str))
        if clean(told) != told:
            return OSError(f"{type(error).__name__}: {clean(str(error))}")
    return error


def forget_variables(error: BaseException) -> None:
    """Empty the frames of an error's tracebacks, which Django's error reports show.

    For libraries that raise within generators: those lose sight of their callers, so that Django's
    ``sensitive_variables`` does not reach what they call.
    """
    for link in causes(error):
        traceback.clear_frames(link.__traceback__)


@lru_cache(maxsize=64)
def _forms(secret: str) -> tuple[str, ...]:
    """Return the secret as texts have it: percent-encoded, escaped, in base64; longest first."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    forms |= {repr(secret)[1:-1], json.dumps(secret)[1:-1], html.escape(secret)}
    data = secret.encode(errors="replace")
    # Of "user:password", which Basic authentication sends, what no neighbour changes.
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        part = encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(part) >= _SHORTEST_ENCODED:
            forms |= {part, part.translate(_URL_SAFE)}
    return tuple(sorted(forms, key=len, reverse=True))


_URL_SAFE = str.maketrans("+/", "-_")


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
