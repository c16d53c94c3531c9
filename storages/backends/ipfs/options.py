"""The options of an IPFS storage: the documented settings, which had several meanings, and more."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings

from storages.backends.ipfs.addresses import api_address, gateway_address, is_multiaddr
from storages.errors import OptionError
from storages.http import BasicLogin, web_address
from storages.options import Option, option

__all__ = ["IPFSOptions"]

_PUBLIC_GATEWAY = "https://ipfs.io/ipfs"


class _GatewayOption(Option):
    """An option whose settings count in an order that depends on what they hold."""

    def __get__(self, instance: object | None, owner: Any = None) -> Any:
        """Return the value of the first setting that can be a gateway."""
        if instance is None:
            return self
        told = {name: getattr(settings, name, None) for name in self.settings}
        first, *others = self.settings
        # A release had a gateway in these two, another the address that a node listens on.
        others.sort(key=lambda name: is_multiaddr(str(told[name])))
        for name in (first, *others):
            if told[name]:
                return self.checked(told[name], f"setting {name}")
        return self.default


def _version(value: int) -> int:
    if value not in {0, 1}:
        raise ValueError("must be 0 or 1")
    return value


class IPFSOptions(BasicLogin, settings_prefix="IPFS_STORAGE"):
    """Every option, declared once."""

    extra: ClassVar[str] = "ipfs"
    address: ClassVar[str] = "api_url"

    api_url: str = option(
        default="http://127.0.0.1:5001/api/v0",
        settings=("IPFS_STORAGE_API_URL",),
        type=str,
        convert=api_address,
        help="The node's RPC: a multiaddr (/ip4/127.0.0.1/tcp/5001) or a URL. A URL may hold a "
        "user and a password.",
    )
    gateway_url: str = _GatewayOption(
        default=_PUBLIC_GATEWAY,
        settings=(
            "IPFS_STORAGE_GATEWAY_API_URL",
            "IPFS_STORAGE_GATEWAY_URL",
            "IPFS_GATEWAY_API_URL",
        ),
        type=str,
        convert=gateway_address,
        help="Where browsers get files: a gateway's URL or multiaddr, or a URL with {cid} in it.",
    )  # type: ignore[assignment]  # a descriptor, as option() makes them
    cid_version: int = option(
        default=0,
        settings=("IPFS_STORAGE_CID_VERSION",),
        type=int,
        convert=_version,
        help="The version of the names of new files: 0 (46 characters) or 1 (59).",
    )
    unpin_on_delete: bool = option(
        default=True,
        settings=("IPFS_STORAGE_UNPIN_ON_DELETE",),
        type=bool,
        help="Whether delete() unpins; otherwise it does nothing.",
    )
    offline: bool = option(
        default=False,
        settings=("IPFS_STORAGE_OFFLINE",),
        type=bool,
        help="Whether only what the node itself has is read; otherwise it looks in the network.",
    )
    username: str | None = option(
        settings=("IPFS_STORAGE_USERNAME",), type=str, help="Who the RPC lets in (Basic)."
    )
    password: str | None = option(
        settings=("IPFS_STORAGE_PASSWORD",), type=str, secret=True, help="The password."
    )
    token: str | None = option(
        settings=("IPFS_STORAGE_TOKEN",),
        type=str,
        secret=True,
        help="A token that the RPC lets in (Bearer).",
    )
    pinning_service_url: str | None = option(
        settings=("IPFS_STORAGE_PINNING_SERVICE_URL",),
        type=str,
        convert=web_address,
        help="The endpoint of a remote pinning service, which is asked to keep each file too.",
    )
    pinning_service_token: str | None = option(
        settings=("IPFS_STORAGE_PINNING_SERVICE_TOKEN",),
        type=str,
        secret=True,
        help="Its access token.",
    )

    client: Any = option(
        settings=("IPFS_STORAGE_CLIENT",),
        help="A client of the library ipfs-toolkit, which then speaks with the node; or a function "
        "that makes it, or the dotted path of either.",
    )

    def __init__(
        self, api_url: str | None = None, gateway_url: str | None = None, **given: Any
    ) -> None:
        positional = {"api_url": api_url, "gateway_url": gateway_url}
        super().__init__(**{n: v for n, v in positional.items() if v is not None}, **given)
        if self.token and self.username:
            raise OptionError(
                "IPFS_STORAGE_TOKEN (token) cannot be combined with IPFS_STORAGE_USERNAME "
                "(username)."
            )
        if self.pinning_service_url and not self.pinning_service_token:
            raise OptionError(
                "IPFS_STORAGE_PINNING_SERVICE_URL (pinning_service_url) needs "
                "IPFS_STORAGE_PINNING_SERVICE_TOKEN (pinning_service_token)."
            )
