"""URLs: the CDN's, signed ones that stay the same for a while (TempURL), and plain ones."""

from __future__ import annotations

import base64
import hmac
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from storages import names
from storages.backends.cloudfiles.options import seconds
from storages.backends.cloudfiles.requests import SwiftRequests
from storages.http import Answer, quoted, with_query
from storages.signing import preferred

__all__ = ["SwiftURLs"]

#: The TTLs that the CDN takes, in seconds.
LEAST_TTL, MOST_TTL = 900, 31_536_000
#: For so many seconds a container is taken to be on the CDN, or not to be.
_FRESH = 600.0


@dataclass(frozen=True)
class _Edge:
    """What the CDN said of a container, and when; without URIs, that it is not public there."""

    uri: str | None
    ssl_uri: str | None
    asked: float


_edges: dict[tuple[Any, ...], _Edge] = {}
#: Held while the CDN is asked, by the thread that asks.
_asking = threading.Lock()


class SwiftURLs(SwiftRequests):
    """The part of a Cloud Files storage that knows where its files are for others."""

    def url(
        self,
        name: str | None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        """Return the URL of a file.

        Without arguments, a link of ``storages.views`` if ``STORAGES_SERVE`` says so. Else on the
        CDN, where the container is public there; else signed, with ``temp_url_key``; else below
        ``base_url``; else where Swift has it. The first call may ask where that is. A signed URL is
        the same for a while (``temp_url_window``), so that browsers can keep what it leads to; it
        lives at most ``expire`` seconds, and at least three quarters of them.

        Arguments:
            name: the file's name.
            expire: seconds that a signed URL lives (default ``temp_url_expire``).
            http_method: what a signed URL may be used for (default GET, which includes HEAD).
            download_as: the name under which browsers are to store the file.

        Raises:
            ValueError: the URL would have to be signed, and there is no key.

        """
        plain = expire is None and http_method is None and download_as is None
        made = preferred(self, name) if plain else None
        return made or self._own_url(name, expire, http_method, download_as)

    def _own_url(
        self,
        name: str | None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        key = names.url_name(name or "")
        plain = expire is None and http_method is None and download_as is None
        edge = self._edge() if plain else None
        if edge:
            return f"{edge}/{quoted(key, safe='/')}"
        if self.temp_url_key:
            return self._signed(key, expire, http_method or "GET", download_as)
        if not plain:
            raise ValueError("Only signed URLs do that: set CLOUDFILES_TEMP_URL_KEY.")
        if self.base_url:
            return names.join_url(self.base_url, key)
        return self._object_url(key)

    def _url_of(self, key: str) -> str:
        return self._own_url(key)

    # ---------------------------------------------------------------- TempURL

    def _signed(
        self, key: str, expire: int | timedelta | None, method: str, download_as: str | None
    ) -> str:
        """https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html."""
        life = self.temp_url_expire if expire is None else seconds(expire)
        if life < 1:
            raise ValueError(f"A signed URL cannot expire after {life} seconds.")
        window = life // 4 if self.temp_url_window is None else min(self.temp_url_window, life // 2)
        now = int(time.time())
        until = (now - now % window if window > 0 else now) + life
        url = self._object_url(key)
        # What is signed is the path as it is, not as it is quoted.
        text = f"{method.upper()}\n{until}\n{unquote(urlsplit(url).path)}"
        digest = self.temp_url_digest
        mac = hmac.new((self.temp_url_key or "").encode(), text.encode(), digest)
        signature = mac.hexdigest()
        if digest == "sha512":  # too long in hexadecimal
            signature = f"sha512:{base64.urlsafe_b64encode(mac.digest()).decode()}"
        query: dict[str, Any] = {"temp_url_sig": signature, "temp_url_expires": until}
        if download_as is not None:
            query["filename"] = download_as
        elif not self._has_disposition(key):
            query["inline"] = ""  # else every browser would store it
        return with_query(url, query)

    def _has_disposition(self, key: str) -> bool:
        return any(name.lower() == "content-disposition" for name in self._given_headers(key))

    def _given_headers(self, key: str) -> Mapping[str, Any]:
        given = self.object_headers
        return given(key) if callable(given) else given

    # -------------------------------------------------------------------- CDN

    def _edge(self) -> str | None:
        """Return where the CDN has the container, without a slash; None where it has not."""
        cdn_url = self._account.cdn_url
        if not cdn_url:
            return None
        place = (cdn_url, self.container, self.public, self.ttl)
        known = _edges.get(place)
        if known is None or time.monotonic() - known.asked > _FRESH:
            with _asking:
                known = _edges.get(place)
                if known is None or time.monotonic() - known.asked > _FRESH:
                    known = _edges[place] = self._ask_edge(cdn_url)
        uri = known.ssl_uri if self.ssl else known.uri
        return uri.rstrip("/") if uri else None

    def _ask_edge(self, cdn_url: str) -> _Edge:
        url = f"{cdn_url}/{quoted(self.container)}"
        answer = self._call("url", "", lambda: self._ask("HEAD", url, accept=(404,)))
        if self.public and not self._is_public(answer):
            answer = self._call("url", "", lambda: self._make_public(url, answer))
        if not _is_enabled(answer):
            return _Edge(None, None, time.monotonic())
        headers = answer.headers
        return _Edge(headers.get("X-CDN-URI"), headers.get("X-CDN-SSL-URI"), time.monotonic())

    def _is_public(self, answer: Answer) -> bool:
        return _is_enabled(answer) and answer.headers.get("X-TTL") == str(self._ttl)

    @property
    def _ttl(self) -> int:
        return min(max(self.ttl, LEAST_TTL), MOST_TTL)

    def _make_public(self, url: str, known: Answer) -> Answer:
        """Make the container public on the CDN, or change its TTL there."""
        headers = {"X-CDN-Enabled": "True", "X-TTL": str(self._ttl)}
        if "cdn_log_retention" in self.connection_kwargs:
            headers["X-Log-Retention"] = str(bool(self.connection_kwargs["cdn_log_retention"]))
        # A container that it does not know yet is made there by PUT.
        method = "PUT" if known.status == 404 else "POST"  # noqa: PLR2004
        self._ask(method, url, headers=headers, body=b"")
        return self._ask("HEAD", url)


def forget_edges() -> None:
    """Ask the CDN anew."""
    _edges.clear()


def _is_enabled(answer: Answer) -> bool:
    return answer.headers.get("X-CDN-Enabled", "").lower() == "true"


def _after_fork() -> None:
    global _asking  # noqa: PLW0603 - another thread of the parent may hold it
    _asking = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
