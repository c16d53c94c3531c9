"""The view of the 1.1.4 manual: files in a database have no other way to a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
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
    from storages.backends.database import DatabaseStorage
    from storages.serving.compatibility import public, storage_of
    from storages.views import respond

    found = storage_of(DatabaseStorage, storage)
    return respond(request, found, filename, public(fallback=fallback))


def image_view(request: HttpRequest, filename: str) -> HttpResponseBase:
    """Answer as the manual's view does: with ``MEDIA_ROOT/no_image.gif`` for a missing file."""
    there = Path(settings.MEDIA_ROOT, "no_image.gif").exists()
    return serve_database_file(request, filename, fallback="no_image.gif" if there else None)
