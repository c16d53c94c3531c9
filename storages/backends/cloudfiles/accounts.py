"""Where an account's containers are, and the token that opens them.

A token is got once per configuration and process, shared by all threads, and got anew shortly
before it expires or when the server has refused it. Four ways lead to one: Swift's own (v1), the
identity service of Rackspace (v2.0, by API key), Keystone (v3), and one that is there already.
"""

# ruff: noqa: SLF001 - the storage's request method is shared within this package

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from storages.errors import Corrupt, OptionError, PermissionDenied, StorageError, Unavailable
from storages.http import Answer, status_of
from storages.told import number, text, understood

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["Account", "account", "forget"]

#: A token is not used in the last seconds of its life: an upload takes a while.
_EARLY = 60.0


@dataclass(frozen=True)
class Account:
    """An account: URLs without a slash at their end, its token, when that expires (time.time)."""

    storage_url: str
    token: str = field(repr=False)
    cdn_url: str | None = None
    expires: float | None = None

    def is_good(self) -> bool:
        """Tell whether the token can still be used, as far as is known here."""
        return self.expires is None or time.time() < self.expires - _EARLY


_accounts: dict[tuple[Any, ...], Account] = {}
_locks: dict[tuple[Any, ...], threading.Lock] = {}
#: Objects that authenticate, by their id: kept, or another may get the id of one that is gone.
_objects: dict[int, Any] = {}


@sensitive_variables()
def account(storage: CloudFilesStorage) -> Account:
    """Return the storage's account, with a token that should be good."""
    key = _key(storage)
    known = _accounts.get(key)
    if known is not None and known.is_good():
        return known
    with _locks.setdefault(key, threading.Lock()):
        known = _accounts.get(key)
        if known is None or not known.is_good():
            known = _accounts[key] = _log_in(storage)
    return known


def forget(storage: CloudFilesStorage, token: str | None = None) -> None:
    """Forget the account; if ``token`` is given, only when it is that one's."""
    key = _key(storage)
    known = _accounts.get(key)
    if known is not None and (token is None or known.token == token):
        _accounts.pop(key, None)


def _key(storage: CloudFilesStorage) -> tuple[Any, ...]:
    auth = storage.effective_auth
    if auth is not None and not isinstance(auth, tuple):
        _objects[id(auth)] = auth
        auth = id(auth)
    return (
        auth,
        storage.username,
        storage.api_key,
        storage.effective_auth_url,
        storage.effective_auth_version,
        storage.region,
        storage.effective_servicenet,
        storage.project,
        storage.project_id,
        storage.project_domain,
        storage.user_domain,
    )


def _log_in(storage: CloudFilesStorage) -> Account:
    if storage.effective_auth is not None:
        return _given(storage.effective_auth)
    ways = {1: _version_1, 2: _version_2, 3: _version_3}
    try:
        with understood():
            return ways[storage.effective_auth_version](storage)
    except Corrupt as error:
        raise StorageError(
            "The answer is none of an identity service.",
            hint="Look at CLOUDFILES_AUTH_URL (auth_url) and CLOUDFILES_AUTH_VERSION.",
        ) from error


def _given(auth: Any) -> Account:
    authenticate = getattr(auth, "authenticate", None)
    found = authenticate() if callable(authenticate) else auth
    try:
        storage_url, *between, token = found
        cdn_url = between[0] if between else None
    except (TypeError, ValueError):
        raise OptionError(
            "auth must be (storage URL, token), (storage URL, CDN URL, token), or an object whose "
            "authenticate() returns one of them."
        ) from None
    return Account(storage_url.rstrip("/"), token, cdn_url.rstrip("/") if cdn_url else None)


def _version_1(storage: CloudFilesStorage) -> Account:
    answer = _ask(
        storage,
        "GET",
        storage.effective_auth_url,
        headers={"X-Auth-User": storage.username or "", "X-Auth-Key": storage.api_key or ""},
    )
    headers = answer.headers
    url = headers.get("X-Storage-Url")
    token = headers.get("X-Auth-Token") or headers.get("X-Storage-Token")
    if not url or not token:
        raise StorageError(
            "The server gave neither a token nor a storage URL.",
            hint="CLOUDFILES_AUTH_URL (auth_url) must be where Swift gives tokens: "
            "https://<host>/auth/v1.0.",
        )
    if storage.effective_servicenet:
        url = url.replace("://", "://snet-", 1)
    life = number(headers.get("X-Auth-Token-Expires"))
    cdn_url = headers.get("X-CDN-Management-Url")
    return Account(
        url.rstrip("/"),
        token,
        cdn_url.rstrip("/") if cdn_url else None,
        None if life is None else time.time() + life,
    )


def _version_2(storage: CloudFilesStorage) -> Account:
    """https://docs-ospc.rackspace.com/cloud-identity/v2: POST /tokens, by API key."""
    credentials = {"username": storage.username, "apiKey": storage.api_key}
    answer = _ask(
        storage,
        "POST",
        f"{storage.effective_auth_url}/tokens",
        body={"auth": {"RAX-KSKEY:apiKeyCredentials": credentials}},
    )
    access = answer.json()["access"]
    token = access["token"]
    catalog = access.get("serviceCatalog", [])
    region = storage.region or access.get("user", {}).get("RAX-AUTH:defaultRegion")
    side = "internalURL" if storage.effective_servicenet else "publicURL"

    def find(kind: str) -> str | None:
        return _endpoint(
            (
                (each.get("region"), each.get(side) or each.get("publicURL"))
                for service in catalog
                if service.get("type") == kind
                for each in service.get("endpoints", ())
            ),
            region,
            required=storage.region is not None and kind == "object-store",
        )

    return Account(
        _found(find("object-store")),
        _token(token["id"]),
        find("rax:object-cdn"),
        _moment(token.get("expires")),
    )


def _version_3(storage: CloudFilesStorage) -> Account:
    """https://docs.openstack.org/api-ref/identity/v3/: POST /auth/tokens, by password."""
    user = {
        "name": storage.username,
        "domain": {"name": storage.user_domain},
        "password": storage.api_key,
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    auth: dict[str, Any] = {"identity": identity}
    if storage.project_id:
        auth["scope"] = {"project": {"id": storage.project_id}}
    elif storage.project:
        domain = {"name": storage.project_domain}
        auth["scope"] = {"project": {"name": storage.project, "domain": domain}}
    answer = _ask(storage, "POST", f"{storage.effective_auth_url}/auth/tokens", body={"auth": auth})
    token = answer.json()["token"]
    side = "internal" if storage.effective_servicenet else "public"

    def find(kind: str) -> str | None:
        return _endpoint(
            (
                (each.get("region_id") or each.get("region"), each.get("url"))
                for service in token.get("catalog", ())
                if service.get("type") == kind
                for each in service.get("endpoints", ())
                if each.get("interface") == side
            ),
            storage.region,
            required=storage.region is not None and kind == "object-store",
        )

    return Account(
        _found(find("object-store")),
        _token(answer.headers["X-Subject-Token"]),
        find("rax:object-cdn"),
        _moment(token.get("expires_at")),
    )


def _ask(
    storage: CloudFilesStorage,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
) -> Answer:
    import json

    given = dict(headers or {})
    content = None
    if body is not None:
        given |= {"Content-Type": "application/json", "Accept": "application/json"}
        content = json.dumps(body).encode()
    try:
        return storage._ask(method, url, headers=given, body=content, authorize=False)
    except Unavailable:
        raise
    except StorageError as error:
        # A 404 here is not that of a file.
        kind = PermissionDenied if status_of(error) in {401, 403} else StorageError
        raise kind(
            f"No token was given: {error.message}",
            hint="Look at CLOUDFILES_USERNAME (username), CLOUDFILES_API_KEY (api_key) and "
            "CLOUDFILES_AUTH_URL (auth_url).",
        ) from error


def _endpoint(
    endpoints: Iterator[tuple[str | None, str | None]], region: str | None, *, required: bool
) -> str | None:
    """Return the URL of the region's endpoint; without a region, that of the first."""
    known = [(where, url.rstrip("/")) for where, url in endpoints if url]
    for where, url in known:
        if region is None or where == region:
            return url
    if required and known:
        regions = ", ".join(sorted({str(where) for where, _ in known}))
        raise OptionError(
            f"There are no containers in the region {region!r}: set CLOUDFILES_REGION (region) "
            f"to one of {regions}."
        )
    return known[0][1] if known else None


def _token(told: Any) -> str:
    token = text(told)
    if token is None:
        raise Corrupt("There is no token in it.")
    return token


def _found(url: str | None) -> str:
    if url is None:
        raise StorageError(
            "The identity service knows no containers of this user.",
            hint="With Keystone, name the project: CLOUDFILES_PROJECT (project).",
        )
    return url


def _moment(told: Any) -> float | None:
    """Return an ISO 8601 moment as time.time() counts."""
    try:
        found = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


if hasattr(os, "register_at_fork"):
    # Another thread of the parent may hold one.
    os.register_at_fork(after_in_child=_locks.clear)
