"""What ``manage.py check`` tells of a Cloud Files storage in ``STORAGES``.

=================  =================================================================
``storages.W050``  the key is sent to another machine without TLS
``storages.W051``  the CDN does not take the TTL
``storages.W052``  options that have no effect
=================  =================================================================

Missing credentials and a missing container's name are errors of the constructor, which
``storages.E003`` reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Warning  # noqa: A004 - their name for it

from storages.backends.cloudfiles.urls import LEAST_TTL, MOST_TTL

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["check"]

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def check(storage: CloudFilesStorage, alias: str) -> Iterator[CheckMessage]:
    """Yield what is to be said of ``STORAGES[alias]``."""
    entry = f"STORAGES[{alias!r}]"
    address = urlsplit(storage.effective_auth_url)
    if (
        storage.effective_auth is None
        and address.scheme == "http"
        and address.hostname not in _HERE
    ):
        yield Warning(
            f"{entry}: the API key is sent to {address.hostname} without encryption.",
            hint="Give auth_url (CLOUDFILES_AUTH_URL) with https.",
            id="storages.W050",
        )
    if storage.public and not LEAST_TTL <= storage.ttl <= MOST_TTL:
        yield Warning(
            f"{entry}: ttl (CLOUDFILES_TTL) is {storage.ttl} seconds; the CDN takes {LEAST_TTL} to "
            f"{MOST_TTL}, and is given the nearest.",
            hint=f"Set it to {LEAST_TTL} at least, or public (CLOUDFILES_PUBLIC) to False.",
            id="storages.W051",
        )
    if storage.temp_url_key and storage.base_url:
        yield Warning(
            f"{entry}: base_url (CLOUDFILES_BASE_URL) has no effect: URLs are signed with "
            "temp_url_key.",
            hint="Keep the one that you want.",
            id="storages.W052",
        )
