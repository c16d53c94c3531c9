"""The view of the 1.1.4 manual: files in a database have no other way to a browser."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponseBase

if TYPE_CHECKING:
    from storages.backends.database import DatabaseStorage

__all__ = ["image_view", "serve_database_file"]


def serve_database_file(
    request: HttpRequest,
    filename: str,
    storage: DatabaseStorage | str | None = None,
    fallback: str | os.PathLike[str] | None = None,
) -> HttpResponseBase:
    """Answer with the file ``filename`` to everybody, as :func:`storages.views.serve` would.

    Arguments:
        request: a GET or HEAD.
        filename: the file's name, from the URL.
        storage: the storage or its alias in ``STORAGES``. Default: the first alias that is a
            DatabaseStorage, else what ``DB_FILES`` describes.
        fallback: the path of a file on this machine, from ``MEDIA_ROOT``, that is sent where
            there is no file of that name.

    Raises Http404.

    """
    from storages.serving.places import Served
    from storages.views import respond

    place = Served("database", {"access": "public", "fallback": fallback})
    return respond(request, _storage(storage), filename, place)


def image_view(request: HttpRequest, filename: str) -> HttpResponseBase:
    """Answer as the manual's view does: with ``MEDIA_ROOT/no_image.gif`` for a missing file."""
    there = Path(settings.MEDIA_ROOT, "no_image.gif").exists()
    return serve_database_file(request, filename, fallback="no_image.gif" if there else None)


def _storage(given: DatabaseStorage | str | None) -> DatabaseStorage:
    if given is None:
        return _found()
    return cast("DatabaseStorage", storages[given]) if isinstance(given, str) else given


def _found() -> DatabaseStorage:
    from storages.backends.database import DatabaseStorage
    from storages.serving.places import class_of, configured

    for alias, entry in configured().items():
        kind = class_of(entry)
        if isinstance(kind, type) and issubclass(kind, DatabaseStorage):
            return cast("DatabaseStorage", storages[alias])
    return _described()


@cache
def _described() -> DatabaseStorage:
    """One for all requests, for it keeps connections; it follows the settings by itself."""
    from storages.backends.database import DatabaseStorage

    return DatabaseStorage()
