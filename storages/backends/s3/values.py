"""What the values of S3's options may be, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

__all__ = [
    "GZIP_CONTENT_TYPES",
    "LONGEST_EXPIRY",
    "CallingFormat",
    "calling_format",
    "content_types",
    "endpoint",
    "location",
    "not_encrypted",
    "one_of",
    "protocol",
    "seconds",
    "text_or_callable",
    "utf8",
]

GZIP_CONTENT_TYPES = (
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "image/svg+xml",
    "application/json",
    "text/html",
)
#: What a presigned SigV4 URL can live at most, in seconds.
LONGEST_EXPIRY = 604_800


class CallingFormat:
    """How a bucket is named in URLs; 1.1.4 settings import it from here."""

    PATH = 1
    SUBDOMAIN = 2
    VANITY = 3


_CALLING_FORMATS: Mapping[object, str] = {
    CallingFormat.PATH: "path",
    CallingFormat.SUBDOMAIN: "virtual",
    CallingFormat.VANITY: "vanity",
    "path": "path",
    "subdomain": "virtual",
    "virtual": "virtual",
    "vanity": "vanity",
    "auto": "auto",
    # boto's classes, by name: an object, a class, or its dotted name
    "OrdinaryCallingFormat": "path",
    "ProtocolIndependentOrdinaryCallingFormat": "path",
    "SubdomainCallingFormat": "virtual",
    "VHostCallingFormat": "vanity",
}


def calling_format(value: Any) -> str:
    """Return ``value`` as ``path``, ``virtual``, ``vanity`` or ``auto``.

    Accepts these words, ``subdomain``, the numbers of :class:`CallingFormat`, and boto's calling
    format classes: an instance, a class or its dotted name. Raises ValueError for anything else.
    """
    if isinstance(value, str):
        candidates: tuple[object, ...] = (value.lower(), value.rpartition(".")[2])
    elif isinstance(value, int) and not isinstance(value, bool):
        candidates = (value,)
    else:
        kind = value if isinstance(value, type) else type(value)
        candidates = (kind.__name__,)
    for candidate in candidates:
        if candidate in _CALLING_FORMATS:
            return _CALLING_FORMATS[candidate]
    raise ValueError("must be path, virtual, subdomain, vanity, auto, 1, 2 or 3")


def text_or_callable(value: Any) -> Any:
    """Accept a text, a path, or what will return one."""
    if callable(value):
        return value
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"must be a str, or a callable that returns one, not {type(value)}")
    return os.fspath(value)


def location(value: Any) -> Any:
    """Accept the directory in which names begin; it is relative to the bucket."""
    value = text_or_callable(value)
    if isinstance(value, str) and value.startswith("/"):
        raise ValueError(f"cannot begin with a slash; use {value.lstrip('/')!r}")
    return value


def utf8(value: Any) -> str:
    """Accept UTF-8, in any spelling."""
    if str(value).lower().replace("-", "").replace("_", "") != "utf8":
        raise ValueError("object names are UTF-8 and nothing else")
    return "utf-8"


def not_encrypted(value: Any) -> bool:
    """Accept nothing true: 1.1.4's client-side encryption is gone."""
    if value:
        raise ValueError(
            "objects encrypted with ezPyCrypto (Python 2 only) can be neither read nor written by "
            "this version; for encryption at rest set AWS_S3_ENCRYPTION"
        )
    return False


def protocol(value: str) -> str:
    """Return the scheme of URLs with its colon; "" means the default."""
    if value.rstrip(":") not in {"http", "https", ""}:
        raise ValueError("must be 'https:' or 'http:'")
    return f"{value.rstrip(':')}:" if value else ""


def endpoint(value: str) -> str | None:
    """Accept a server's URL; "" means the default."""
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/") or None


def seconds(value: Any) -> int:
    """Return a number of seconds, or a timedelta, as whole seconds."""
    return int(value.total_seconds()) if isinstance(value, timedelta) else int(value)


def content_types(value: Any) -> tuple[str, ...]:
    """Return several content types as a tuple."""
    if isinstance(value, str):
        raise TypeError("must be a list of content types, not one string")
    return tuple(value)


def one_of(*words: str) -> Callable[[str], str]:
    """Return a converter that accepts ``words`` and nothing else."""

    def convert(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return convert
