"""What ``manage.py check`` tells of serving files.

=================  =================================================================
``storages.E060``  ``STORAGES_SERVE`` names no alias, no option or no sense
``storages.E061``  the function that is asked for permission cannot be imported
``storages.E062``  a way of off-loading that this storage cannot go
``storages.W060``  the URLconf does not include ``storages.urls``: nothing is served
=================  =================================================================
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  their name for it
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, storages

from storages.base import BaseStorage
from storages.errors import NoURL, OptionError, StorageError
from storages.retry import deadline
from storages.serving.places import Served, class_of, configured, served
from storages.signing import path_of

__all__ = ["check_serving"]


def check_serving(**_kwargs: Any) -> list[CheckMessage]:
    """Look at ``STORAGES_SERVE`` and ``STORAGES_SERVE_PERMISSION``; no I/O."""
    return list(_about(getattr(settings, "STORAGES_SERVE", None)))


def _about(told: Any) -> Iterator[CheckMessage]:
    if told is not None and not isinstance(told, Mapping):
        yield Error("STORAGES_SERVE must be a dict of aliases.", id="storages.E060")
        return
    for_all = getattr(settings, "STORAGES_SERVE_PERMISSION", None)
    if for_all is not None and (why := _why_nobody(Served("", {}))) is not None:
        yield Error(
            f"STORAGES_SERVE_PERMISSION: whom to ask for permission? {why}", id="storages.E061"
        )
    if not told:
        return
    for alias, place in told.items():
        if alias in configured():
            yield from _about_alias(alias, place)
        else:
            near = difflib.get_close_matches(str(alias), list(configured()), n=1)
            yield Error(
                f"STORAGES_SERVE has {alias!r}, which STORAGES has not.",
                hint=f"Did you mean {near[0]!r}?" if near else None,
                id="storages.E060",
            )
    try:
        path_of(next(iter(told)), "a")
    except NoURL as error:
        yield Warning(
            f"STORAGES_SERVE has no effect. {error}",
            hint='Add path("files/", include("storages.urls")) to the URLconf.',
            id="storages.W060",
        )


def _about_alias(alias: str, told: Any) -> Iterator[CheckMessage]:
    try:
        place = served(alias)
    except OptionError as error:
        yield Error(str(error), id="storages.E060")
        return
    kind = class_of(configured()[alias])
    if kind is None:
        return  # E003 tells of it
    if not (isinstance(kind, type) and issubclass(kind, BaseStorage)):
        yield Error(
            f"STORAGES_SERVE[{alias!r}]: only this package's storages can be served.",
            hint="For files on this disk: storages.local.LocalStorage.",
            id="storages.E060",
        )
        return
    if "permission" in told and (why := _why_nobody(place)) is not None:
        yield Error(
            f"STORAGES_SERVE[{alias!r}]: whom to ask for permission? {why}", id="storages.E061"
        )
    yield from _about_offloading(alias, place, kind)


def _why_nobody(place: Served) -> str | None:
    """Why there is nobody who can be asked for permission; None: there is somebody."""
    try:
        found: Any = place.allows
    except Exception as error:  # noqa: BLE001  a module may fail in any way; it is reported
        return f"{type(error).__name__}: {error}"
    return None if callable(found) else f"{place.permission!r} is no function."


def _about_offloading(alias: str, place: Served, kind: type[BaseStorage]) -> Iterator[CheckMessage]:
    if place.offload == "x-sendfile" and not issubclass(kind, FileSystemStorage):
        yield Error(
            f"STORAGES_SERVE[{alias!r}]: offload='x-sendfile' is for files on this disk.",
            id="storages.E062",
        )
    fetched = place.offload in {"redirect", "x-reproxy-url"} or place.upstream
    if not fetched or hasattr(kind, "get_mogile_copies"):
        return
    try:
        storage: Any = storages[alias]
        # Without time nothing can be asked: a storage that would have to has URLs.
        with deadline(0), suppress(StorageError):
            storage._url_of("a")  # noqa: SLF001 - its own one, not ours
    except NoURL:
        yield Error(
            f"STORAGES_SERVE[{alias!r}]: others are to fetch the files from the storage's own "
            "URLs, and it has none.",
            hint="Set base_url among the storage's options, or take 'offload' away.",
            id="storages.E062",
        )
    except (ImproperlyConfigured, TypeError):
        return  # E003 tells of it
