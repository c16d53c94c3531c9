"""The view that serves the files of any storage: ``path("files/", include("storages.urls"))``.

By default to those who have a signed link; see ``STORAGES_SERVE``. Answers::

    200, 206, 304    the file, a part of it, or that the client has it already
    302              its URL at the store, with ``offload="redirect"``
    403              no signature or a wrong one, no permission; or the store refused us
    404              no such file or alias, or a name that is none
    405              neither GET nor HEAD
    412, 416         a condition that is not met; a range beyond the end
    502              the store gave something that cannot be right
    503              the store cannot be reached; Retry-After tells when to ask again
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import isawaitable
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import (
    ImproperlyConfigured,
    PermissionDenied,
    SuspiciousFileOperation,
)
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from storages import errors, names
from storages.base import BaseStorage
from storages.events import logger
from storages.local import LocalStorage
from storages.serving.answers import Wish, answer, caching
from storages.serving.offload import offloaded
from storages.serving.places import Served, configured, served
from storages.signing import Link, is_signed, verify

__all__ = ["respond", "serve"]

_METHODS = ("GET", "HEAD")
#: Seconds after which to ask again, where the store does not say.
_RETRY_AFTER = 5
#: Seconds that a header can say, whatever the store does.
_MOST_RETRY_AFTER = 86_400


def serve(request: HttpRequest, alias: str, name: str) -> HttpResponseBase:
    """Answer a request for the file ``name`` of ``STORAGES[alias]``.

    A sync view for both kinds of servers: under ASGI Django runs it in a thread, and the answer is
    an async stream.
    """
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    key = _key(name)
    if alias not in configured():
        raise Http404("There is no such storage.")
    place = served(alias)
    link = _admit(request, place, key)
    storage = storages[alias]
    if not isinstance(storage, BaseStorage):
        raise ImproperlyConfigured(
            f"STORAGES[{alias!r}] is none of this package's storages: they alone can be served."
        )
    return _respond(request, Wish(storage, key, place, link.disposition, link.filename))


def _key(name: str) -> str:
    try:
        return names.file_name(name)
    except SuspiciousFileOperation as error:
        raise Http404("There is no such file.") from error


def _admit(request: HttpRequest, place: Served, key: str) -> Link:
    """Return the link by which the file may be had; raise PermissionDenied when it may not."""
    # Mostly there is no query, and request.GET has its price.
    if request.META.get("QUERY_STRING") and is_signed(request.GET):
        return verify(place.alias, key, str(request.method), request.GET)
    if place.access == "public":
        return Link(0)
    if place.access == "permission" and _allowed(place.allows, request, place.alias, key):
        return Link(0)
    raise PermissionDenied("This file is not for everybody.")


def _allowed(hook: Callable[..., Any], request: HttpRequest, alias: str, key: str) -> bool:
    said = hook(request, alias, key)
    # What is asked may be async without looking it. A coroutine would count as a yes.
    return bool(async_to_sync(_awaited)(said) if isawaitable(said) else said)


async def _awaited(said: Awaitable[Any]) -> Any:
    return await said


def respond(
    request: HttpRequest, storage: BaseStorage, name: str, place: Served, link: Link | None = None
) -> HttpResponseBase:
    """Answer with a file to whoever asks: for views that decide about that by themselves.

    Arguments:
        request: what is asked; anything but GET and HEAD is answered with 405.
        storage: where the file is.
        name: the file's name, perhaps from a URL.
        place: how it is served.
        link: what it is to be stored as, if anybody said so.

    Raises Http404 and PermissionDenied, Django's own.

    """
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    said = link or Link(0)
    return _respond(request, Wish(storage, _key(name), place, said.disposition, said.filename))


def _respond(request: HttpRequest, wish: Wish) -> HttpResponseBase:
    try:
        return offloaded(request, wish) or answer(request, wish)
    except (
        errors.NotFound,
        errors.IsADirectory,
        errors.NotADirectory,
        SuspiciousFileOperation,
    ) as error:
        if wish.place.fallback is not None:
            return _fallback(request, wish)
        raise Http404("There is no such file.") from error
    except errors.PermissionDenied as error:
        logger.warning("serving: %s", error)
        raise PermissionDenied("The store refused.") from error
    except (errors.Unavailable, errors.Changed) as error:
        logger.warning("serving: %s", error)
        return _unavailable(error)
    except errors.StorageError as error:
        logger.error("serving: %s", error)
        return _failed(HTTPStatus.BAD_GATEWAY, "The file cannot be read.")


def _unavailable(error: errors.StorageError) -> HttpResponseBase:
    response = _failed(HTTPStatus.SERVICE_UNAVAILABLE, "The file cannot be read now.")
    after = getattr(error, "retry_after", None)
    seconds = min(_RETRY_AFTER if after is None else after, _MOST_RETRY_AFTER)
    response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def _failed(status: HTTPStatus, text: str) -> HttpResponseBase:
    response = HttpResponse(text, status=status, content_type="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


def _fallback(request: HttpRequest, wish: Wish) -> HttpResponseBase:
    path = Path(settings.MEDIA_ROOT, str(wish.place.fallback))
    # However long files may be kept, the one that is missing may come.
    again = {"Cache-Control": caching(wish.place.access)}
    there = Wish(LocalStorage(location=path.parent), path.name, wish.place, more=again)
    try:
        return answer(request, there)
    except errors.StorageError as error:
        logger.warning("serving: there is no fallback: %s", error)
        raise Http404("There is no such file.") from error
