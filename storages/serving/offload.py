"""Letting somebody else send the bytes: nginx, Apache, lighttpd, Perlbal, or the store itself.

The view still decides who gets a file, and names it; it reads none of it. Names go out
percent-encoded, so that nothing in them can end a header or lead to another file.
"""

# ruff: noqa: SLF001 - the storage's own URL, also where url() gives links of this view

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from storages import names
from storages.errors import NoURL, StorageError
from storages.serving.answers import Wish, headers_of
from storages.serving.headers import is_inline, media_type, put

__all__ = ["UPSTREAM", "offloaded"]

#: The header in which nginx finds the URL to fetch; X-Accel-Redirect itself would be decoded.
UPSTREAM = "X-Storages-Upstream"

_URL = re.compile(r"https?://[!-~]+").fullmatch
_PATH = re.compile(r"/(?:[!-.0-~][!-~]*)?").fullmatch
_SAFE = "/:?#[]@!$&'()*+,;=%-._~"


def offloaded(request: HttpRequest, wish: Wish) -> HttpResponseBase | None:
    """Return an answer without a body; None when the view has to answer by itself.

    Raises what the storage raises when it is asked; only Perlbal's way, and a fallback, ask it.
    """
    method = wish.place.offload
    if method is None:
        return None
    fetched = method in {"redirect", "x-reproxy-url"} or wish.place.upstream
    if request.method == "HEAD" and fetched:
        # Signed URLs are often for GET only; and Perlbal would fetch the file.
        return None
    if method == "x-reproxy-url" and "Range" in request.headers:
        # Of the conditions Perlbal passes on none, If-Range neither; as a node it takes the end of
        # a file for its beginning; and a part never has the expected size.
        return None
    if wish.place.fallback is not None:
        wish.storage.stat(wish.key)
    return _METHODS[method](wish)


def _response(wish: Wish, more: Mapping[str, str]) -> HttpResponseBase:
    response = HttpResponse()
    # Else a server may send this in chunks, and Perlbal passes on that header with the file.
    response.headers["Content-Length"] = "0"
    put(response, headers_of(wish, media_type(names.content_type(wish.key))))
    put(response, more)
    return response


def _accel(wish: Wish) -> HttpResponseBase:
    location = wish.place.location or "/"
    if not wish.place.upstream:
        return _response(wish, {"X-Accel-Redirect": location + quote(wish.key, safe="/")})
    url = _own_url(wish)
    return _response(wish, {"X-Accel-Redirect": location, UPSTREAM: url})


def _sendfile(wish: Wish) -> HttpResponseBase:
    # Both servers decode it.
    return _response(wish, {"X-Sendfile": quote(wish.storage.path(wish.key), safe="/")})


def _reproxy(wish: Wish) -> HttpResponseBase | None:
    size, urls = _remembered(wish)
    if not size:
        return None  # nobody needs to be sent for nothing
    return _response(wish, {"X-REPROXY-URL": " ".join(urls), "X-REPROXY-EXPECTED-SIZE": str(size)})


def _remembered(wish: Wish) -> tuple[int, list[str]]:
    """Return the file's size and places, as they are or, with ``remember``, were a moment ago."""
    seconds = wish.place.remember
    if not seconds:
        return _places(wish)
    # What is in the settings is not in the storage's repr; sites may share a cache.
    where = [getattr(wish.storage, option, "") for option in ("domain", "trackers")]
    text = json.dumps([wish.place.alias, repr(wish.storage), where, wish.key])
    # A file's name may be longer than a key of the cache.
    at = f"storages.places.{hashlib.sha256(text.encode()).hexdigest()}"
    found: tuple[int, list[str]] | None = cache.get(at)
    if found is None:
        found = _places(wish)
        cache.set(at, found, seconds)
    return found


def _places(wish: Wish) -> tuple[int, list[str]]:
    copies = getattr(wish.storage, "get_mogile_copies", None)
    if copies is None:
        return wish.storage.stat(wish.key).size, [_own_url(wish)]
    # Of one and the same file, also where it is replaced meanwhile: Perlbal compares the size.
    stat, urls = copies(wish.key)
    return stat.size, [_web(url) for url in urls]


def _redirect(wish: Wish) -> HttpResponseBase | None:
    inline = is_inline(names.content_type(wish.key), wish.place.inline_types)
    filename = None
    if (wish.disposition == "attachment" or not inline) and _takes_name(wish.storage):
        filename = wish.filename or wish.key.rpartition("/")[2]
    try:
        url = _own_url(wish, filename, path=True)
    except ValueError:
        return None  # its URLs carry no name, for example since they are not signed
    response = HttpResponse(status=302)
    response.headers["Location"] = url
    # The URL lives for a while only, and is for whoever was allowed to have it.
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _own_url(wish: Wish, filename: str | None = None, *, path: bool = False) -> str:
    """Return the storage's own URL; where our own headers do not count, with a name to store as.

    ``path``: one on this host will do. Raises ValueError: its URLs cannot carry a name.
    """
    try:
        if filename is not None:
            own: Any = wish.storage
            return _web(own.url(wish.key, download_as=filename), path=path)
        return _web(wish.storage._url_of(wish.key), path=path)
    except NoURL as error:
        raise StorageError(
            "The storage has no URL of its own to send clients to.",
            hint=f"Take 'offload' out of STORAGES_SERVE[{wish.place.alias!r}].",
        ) from error


def _takes_name(storage: Any) -> bool:
    return "download_as" in inspect.signature(storage.url).parameters


def _web(url: str, *, path: bool = False) -> str:
    """Return a URL that can stand in a header, in a list with others."""
    url = quote(url, safe=_SAFE)
    if _URL(url) is None and not (path and _PATH(url)):
        raise StorageError("The storage's own URL is not one of http or https.")
    return url


_METHODS: Mapping[str, Callable[[Wish], HttpResponseBase | None]] = {
    "x-accel-redirect": _accel,
    "x-sendfile": _sendfile,
    "x-reproxy-url": _reproxy,
    "redirect": _redirect,
}
