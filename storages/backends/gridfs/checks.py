"""System checks of GridFS storages.

=================  ==================================================================
``storages.W021``  certificates are not verified
=================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.core.checks import CheckMessage, Warning  # noqa: A004 - their name for it

from storages.backends.gridfs.clients import Server, place_of
from storages.backends.gridfs.options import options_in

if TYPE_CHECKING:
    from storages.backends.gridfs.options import GridFSOptions

__all__ = ["check"]

_UNSAFE = ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")


def check(storage: GridFSOptions, alias: str) -> Iterator[CheckMessage]:
    """Yield what is to be said of ``STORAGES[alias]``."""
    place = place_of(storage)
    if not isinstance(place, Server):
        return
    host = place.arguments.get("host")
    given = dict(options_in(host)) if isinstance(host, str) and "://" in host else {}
    given |= {name.lower(): str(value) for name, value in place.arguments.items()}
    for name in _UNSAFE:
        if given.get(name.lower(), "").lower() == "true":
            yield Warning(
                f"STORAGES[{alias!r}]: {name} is on: whoever is between this machine and MongoDB "
                "can read and change everything.",
                hint="Name the authority of the server's certificate in tlsCAFile instead.",
                id="storages.W021",
            )
