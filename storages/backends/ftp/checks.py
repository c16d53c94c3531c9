"""System checks of FTP storages.

=================  ==================================================================
``storages.W021``  certificates are not verified
``storages.W022``  the password is sent in clear text
=================  ==================================================================
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.core.checks import CheckMessage, Warning  # noqa: A004 - their name for it

if TYPE_CHECKING:
    from storages.backends.ftp.storage import FTPStorage

__all__ = ["check"]


def check(storage: FTPStorage, alias: str) -> Iterator[CheckMessage]:
    """Yield what is to be said of ``STORAGES[alias]``."""
    location = storage.place.location
    if location.tls and not storage.tls_verify:
        yield Warning(
            f"STORAGES[{alias!r}]: FTP_STORAGE_TLS_VERIFY (tls_verify) is False: whoever is "
            f"between this machine and {location.host} can read and change everything.",
            hint="Name the server's certificate, or its CA's, in FTP_STORAGE_TLS_CA_FILE.",
            id="storages.W021",
        )
    if not location.tls and storage.password and not _is_here(location.host):
        yield Warning(
            f"STORAGES[{alias!r}]: the password is sent to {location.host} in clear text.",
            hint="Use ftps:// in FTP_STORAGE_LOCATION, if the server has TLS.",
            id="storages.W022",
        )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
