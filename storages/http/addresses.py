"""URLs: made of names that may hold anything, shown without what is secret in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

__all__ = [
    "origin",
    "quoted",
    "split_credentials",
    "web_address",
    "with_query",
    "without_credentials",
]

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s@]*(?::[^/?#\s]*)?@")


def quoted(text: str, safe: str = "") -> str:
    """Return ``text`` percent-encoded, but for ASCII letters, digits, ``-._~`` and ``safe``.

    With ``safe="/"`` it is a path. Raises ValueError for a segment ``.`` or ``..``: clients and
    proxies follow those, encoded or not.
    """
    if not {".", ".."}.isdisjoint(text.split("/") if "/" in safe else [text]):
        msg = f"{text!r} cannot be a part of a URL."
        raise ValueError(msg)
    return quote(text, safe=safe)


def with_query(url: str, query: Mapping[str, Any]) -> str:
    """Return ``url`` with ``query`` after its ``?``; a value of None is left out."""
    encoded = urlencode({k: v for k, v in query.items() if v is not None}, quote_via=quote, safe="")
    if not encoded:
        return url
    return f"{url}{'&' if '?' in url else '?'}{encoded}"


def web_address(url: str) -> str:
    """Return the address of a server, without slashes at its end, for an option's ``convert``.

    Raises ValueError, without showing it, when it is no URL of http or https.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "must be a URL that begins with http:// or https:// and names a host"
        raise ValueError(msg)
    parts.port  # noqa: B018 - raises ValueError too
    if parts.query or parts.fragment:
        msg = "must be a URL without ? and #"
        raise ValueError(msg)
    return url.rstrip("/")


def split_credentials(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return ``url`` without a user and password, and those (decoded) or None."""
    parts = urlsplit(url)
    userinfo, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, None
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def without_credentials(text: str) -> str:
    """Return ``text`` without the user and password of any URL in it."""
    return _CREDENTIALS.sub("***@", text)


def origin(url: str) -> str:
    """Return scheme, host and port of ``url``: all of it that a message may show."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
