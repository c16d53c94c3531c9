"""The boto3 client: one per configuration and process, shared by every thread and equal storage.

A client is thread-safe, and making one costs tens of milliseconds and half a megabyte, so none is
made twice while a storage has it, or while it is one of those used last. A child process does not
use its parent's sockets: it makes clients of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from django.core.signals import setting_changed

from storages.backends.s3 import chunks, transport
from storages.backends.s3.recent import Recent
from storages.libraries import library

if TYPE_CHECKING:
    from storages.backends.s3.options import S3Options

__all__ = ["attempts", "client_for", "config", "forget", "generation", "is_aws", "session"]

#: So many connections to the server are kept open, for as many threads at once.
CONNECTIONS = 50

#: So many clients are kept for storages to come, at half a MiB each.
MOST_CLIENTS = 32

_lock = threading.RLock()
#: Every client that a storage still has: equal ones find it here.
_clients: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()
#: Closed means that idle connections are: whoever has the client goes on, and connects anew.
_recent: Recent[tuple[Any, ...], Any] = Recent(MOST_CLIENTS, drop=lambda client: client.close())
_inherited: list[Any] = []
_loader: Any = None
_generation = 0


def generation() -> int:
    """Return a number that differs once a client that somebody kept is no longer the right one."""
    return _generation


def client_for(storage: S3Options) -> Any:
    """Return the client for the storage's options, made when it is first needed."""
    key = _key(storage)
    client = _recent.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                client = _clients[key] = _make(storage)
            _recent.put(key, client)
    return client


def forget(storage: S3Options) -> None:
    """Let the next use make a new client, which looks for credentials anew."""
    global _generation  # noqa: PLW0603 - the process's
    with _lock:
        _clients.pop(_key(storage), None)
        _recent.pop(_key(storage))
        _generation += 1


def is_aws(url: str | None) -> bool:
    """Tell whether an endpoint is one of Amazon's (None is)."""
    host = urlsplit(url).hostname or "" if url else "amazonaws.com"
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")) or (
        host == "amazonaws.com"
    )


def attempts(storage: S3Options) -> int:
    """Return how often a request is made in all: what ``client_config`` says, or the option."""
    given = getattr(storage.client_config, "retries", None) or {}
    if "total_max_attempts" in given:
        return int(given["total_max_attempts"])
    if "max_attempts" in given:  # botocore does not count the first one here
        return int(given["max_attempts"]) + 1
    return storage.max_attempts


def config(storage: S3Options, *, aws: bool | None = None) -> Any:
    """Return the botocore Config that the options make.

    ``aws`` says whether the server is Amazon's; None: as far as the options tell.
    """
    if aws is None:
        aws = is_aws(storage.effective_endpoint_url)
    Config = library("botocore.config", "s3").Config  # noqa: N806 - a class
    style = storage.addressing_style
    values: dict[str, Any] = {
        "connect_timeout": storage.connect_timeout,
        "read_timeout": storage.read_timeout,
        "max_pool_connections": CONNECTIONS,
        "proxies": dict(storage.proxies) if storage.proxies else None,
        "signature_version": storage.signature_version,
        "s3": {"addressing_style": style} if style in {"path", "virtual", "auto"} else None,
        "request_checksum_calculation": storage.request_checksum,
    }
    if storage.request_checksum is None and not aws:
        # Other servers refuse the trailing checksums that boto3 sends since 1.36.
        values["request_checksum_calculation"] = "when_required"
    ours = Config(**{name: value for name, value in values.items() if value is not None})
    if storage.client_config is not None:
        ours = ours.merge(storage.client_config)
    # The core repeats what failed: it knows that a repeated create may meet its own first attempt.
    mode = (getattr(storage.client_config, "retries", None) or {}).get("mode", storage.retry_mode)
    return ours.merge(Config(retries={"mode": mode, "total_max_attempts": 1}))


def session(storage: S3Options) -> Any:
    """Return a boto3 session with the storage's credentials; without any, boto3 finds them.

    All sessions share what botocore has read of the service's description: parsed for each client
    anew, it would cost 12 MiB and 200 ms every time.
    """
    global _loader  # noqa: PLW0603 - the process's
    Session = library("boto3", "s3").Session  # noqa: N806 - a class
    core = library("botocore.session", "s3").get_session()
    if _loader is None:
        _loader = core.get_component("data_loader")
    core.register_component("data_loader", _loader)
    given = {
        "aws_access_key_id": storage.access_key,
        "aws_secret_access_key": storage.secret_key,
        "aws_session_token": storage.security_token,
        "profile_name": storage.session_profile,
    }
    made = Session(botocore_session=core, **{name: value for name, value in given.items() if value})
    # Each Session adds boto3's own directory to it.
    _loader.search_paths[:] = dict.fromkeys(_loader.search_paths)
    return made


def _make(storage: S3Options) -> Any:
    def make(*, aws: bool) -> Any:
        return session(storage).client(
            "s3",
            region_name=storage.region_name,
            use_ssl=storage.use_ssl,
            verify=storage.verify,
            endpoint_url=storage.effective_endpoint_url,
            config=config(storage, aws=aws),
        )

    aws = is_aws(storage.effective_endpoint_url)
    client = make(aws=aws)
    if aws and not is_aws(client.meta.endpoint_url):  # AWS_ENDPOINT_URL_S3, ~/.aws/config
        client = make(aws=False)
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    chunks.install(client)
    transport.adapt(client)
    return client


def _add_md5(params: Mapping[str, Any], **_: Any) -> None:
    """Send a Content-MD5, without which older servers refuse a bulk delete."""
    import base64
    import hashlib

    body = params["body"]
    data = body if isinstance(body, bytes) else str(body).encode()
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _key(storage: S3Options) -> tuple[Any, ...]:
    return (
        storage.access_key,
        storage.secret_key,
        storage.security_token,
        storage.session_profile,
        storage.region_name,
        storage.use_ssl,
        storage.verify,
        storage.effective_endpoint_url,
        storage.addressing_style,
        storage.signature_version,
        tuple(sorted(storage.proxies.items())) if storage.proxies else None,
        storage.client_config,
        storage.request_checksum,
        storage.connect_timeout,
        storage.read_timeout,
        storage.retry_mode,
    )


def _after_fork() -> None:
    global _lock, _generation  # noqa: PLW0603 - the process's
    _lock = threading.RLock()  # another thread of the parent may have held it
    _inherited.extend(_clients.values())  # never closed: their sockets are the parent's
    _clients.clear()
    _recent.clear()
    _generation += 1


def _setting_changed(**_: Any) -> None:
    global _generation  # noqa: PLW0603 - the process's
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
setting_changed.connect(_setting_changed, dispatch_uid="storages.backends.s3.client")
