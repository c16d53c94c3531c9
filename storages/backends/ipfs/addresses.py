"""Addresses of nodes and gateways: URLs, and multiaddrs such as ``/ip4/127.0.0.1/tcp/5001``.

https://multiformats.io/multiaddr/
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit, urlunsplit

from storages.http import web_address

__all__ = ["api_address", "gateway_address", "is_multiaddr", "of_multiaddr"]

_MULTIADDR = re.compile(
    r"/(?P<kind>ip4|ip6|dns|dns4|dns6)/(?P<host>[^/]+)/tcp/(?P<port>\d{1,5})(?P<rest>(?:/[a-z]+)*)/?"
)
_HOST = re.compile(r"[^\s:/?#@\[\]\\%]+")
_SCHEMES = {"": "http", "/http": "http", "/https": "https", "/tls/http": "https"}
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
_MOST_PORTS = 65535


def is_multiaddr(text: str) -> bool:
    """Tell whether ``text`` is meant to be a multiaddr."""
    return text.startswith("/")


def of_multiaddr(text: str) -> str:
    """Return the URL of a multiaddr. Raises ValueError when it is none of TCP.

    A host name after ``ip4`` or ``ip6``, which is against the rules, is what the original's
    documentation shows: it is taken for a name. An address that stands for all of a machine's is
    where a node listens; from here it is this machine.
    """
    found = _MULTIADDR.fullmatch(text)
    if found is None or found["rest"] not in _SCHEMES or int(found["port"]) > _MOST_PORTS:
        raise ValueError(
            "must be a URL, or a multiaddr of TCP such as /ip4/127.0.0.1/tcp/5001 or "
            "/dns/ipfs.example.com/tcp/443/https"
        )
    host = _LOOPBACK.get(found["host"], found["host"])
    if found["kind"] == "ip6" and ":" in host:
        host = f"[{ipaddress.IPv6Address(host)}]"
    elif _HOST.fullmatch(host) is None:
        raise ValueError(f"has no host that can be in a URL: {host!r}")
    return f"{_SCHEMES[found['rest']]}://{host}:{found['port']}"


def _url(text: str) -> str:
    if is_multiaddr(text):
        return of_multiaddr(text)
    url = web_address(text)
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK:
        userinfo, at, _ = parts.netloc.rpartition("@")
        host = _LOOPBACK[parts.hostname]
        host = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
        url = urlunsplit(parts._replace(netloc=f"{userinfo}{at}{host}{port}"))
    return url


def api_address(text: str) -> str:
    """Return the URL below which a node's commands are. Raises ValueError.

    ``text`` is a multiaddr, or a URL with or without ``/api/v0``.
    """
    return f"{_url(text).removesuffix('/api/v0')}/api/v0"


def gateway_address(text: str) -> str:
    """Return what the URL of a file begins with, or a template of it. Raises ValueError.

    ``text`` is a multiaddr, a URL with or without ``/ipfs``, or a URL with ``{cid}`` in it.
    """
    if "{cid}" in text:
        web_address(text.replace("{cid}", "bafy"))
        return text.rstrip("/")
    return f"{_url(text).removesuffix('/ipfs')}/ipfs"
