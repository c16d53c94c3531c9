"""The options of a Tahoe-LAFS storage, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning

from storages.backends.tahoe import caps
from storages.errors import OptionError
from storages.http import HTTPStorage
from storages.options import option

__all__ = ["TahoeOptions"]


def _address(value: str) -> str:
    """Return the address of a node's web API, which ends with a slash."""
    parts = urlsplit(value)
    if caps.without_caps(value) != value or parts.query or parts.fragment:
        msg = "it must be the address of a node alone, without a capability"
        raise ValueError(msg)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        msg = "it must begin with http:// or https:// and a host"
        raise ValueError(msg)
    if "@" in parts.netloc:
        msg = "it must not hold a password: give the header Authorization in `headers`"
        raise ValueError(msg)
    return value.rstrip("/") + "/"


def _style(value: str) -> str:
    if value not in {"file", "named"}:
        msg = f"it must be 'file' or 'named', not {value!r}"
        raise ValueError(msg)
    return value


class TahoeOptions(HTTPStorage, settings_prefix="TAHOE_STORAGE"):
    """What a storage is told; the order of the arguments is the original's."""

    tahoe_base_url: str = option(
        settings=("TAHOE_STORAGE_BASE_URL",),
        required=True,
        type=str,
        convert=_address,
        help="The address of a node's web API, such as http://localhost:3456/.",
    )
    tahoe_base_cap: str = option(
        settings=("TAHOE_STORAGE_BASE_CAP",),
        required=True,
        type=str,
        convert=str.strip,
        secret=True,
        help="The capability of the directory that holds the files: URI:DIR2:….",
    )
    base_url: str | None = option(
        settings=("TAHOE_PUBLIC_BASE_URL",),
        type=str,
        convert=_address,
        help="The address at which browsers reach a node; tahoe_base_url where it is not set.",
    )
    url_style: str = option(
        default="file",
        settings=("TAHOE_URL_STYLE",),
        type=str,
        convert=_style,
        help="The form of files' URLs: 'file' (/file/CAP/@@named=/NAME) or 'named' "
        "(/named/CAP/NAME).",
    )

    def __init__(
        self,
        tahoe_base_url: str | None = None,
        tahoe_base_cap: str | None = None,
        base_url: str | None = None,
        **given: Any,
    ) -> None:
        positional = {
            "tahoe_base_url": tahoe_base_url,
            "tahoe_base_cap": tahoe_base_cap,
            "base_url": base_url,
        }
        # None said in the original, too, that the setting counts.
        super().__init__(**{n: v for n, v in positional.items() if v is not None}, **given)
        if not caps.is_of_directory(self.tahoe_base_cap):
            raise OptionError(
                "TAHOE_STORAGE_BASE_CAP (tahoe_base_cap) is not the capability of a directory, "
                "which begins with URI:DIR2: (`tahoe create-alias` or `tahoe mkdir` print one)."
            )

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O."""
        if self.base_url is None:
            yield CheckWarning(
                f"STORAGES[{alias!r}]: base_url (TAHOE_PUBLIC_BASE_URL) is not set, so files' URLs "
                f"lead to {self.tahoe_base_url}, the gateway that the storage writes with.",
                hint="Set it to the address at which browsers reach a gateway, behind a proxy that "
                "lets /file/ and /named/ through and nothing else.",
                id="storages.W080",
            )
