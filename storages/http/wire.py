"""The connections, on requests' adapter and urllib3's pools. Imported when first needed.

Not ``requests.Session``: it keeps cookies, follows redirects, reads ``.netrc`` and is not made for
threads. The adapter below it has none of that, and its pools are.
"""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests
import requests.adapters
import requests.utils
from requests import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from storages.causes import detach
from storages.errors import OptionError, StorageError, Timeout, Unavailable
from storages.http.incoming import Receiver

__all__ = ["Wire", "environment_proxies", "failure"]

#: So many connections to a server are kept open, for as many threads at once.
CONNECTIONS = 50

_request = threading.local()


class _Response(http.client.HTTPResponse):
    """An answer that lets us at what it is read from."""

    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        receiver = Receiver(sock, _request.patience)
        super().__init__(receiver, *args, **more)  # type: ignore[arg-type] # it calls makefile only
        self.incoming = receiver.incoming


class _Patient:
    """A connection that waits for the server to take the body as long as for its answer.

    urllib3 sends the body with the timeout that is meant for connecting.
    """

    response_class: Any = _Response
    sock: Any
    timeout: Any

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_request.patience())
        super().send(data)  # type: ignore[misc] # the other base's

    def getresponse(self) -> Any:
        # Sending may have used up most of what the deadline left.
        self.timeout = _request.patience()
        return super().getresponse()  # type: ignore[misc] # likewise


class _Connection(_Patient, HTTPConnection):
    pass


class _TLSConnection(_Patient, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class Wire:
    """The connections of one storage in one process, for all its threads."""

    def __init__(self) -> None:
        self._adapter = _Adapter(pool_maxsize=CONNECTIONS)

    def send(  # noqa: PLR0913 - all of a request
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        connect_timeout: float,
        patience: Callable[[], float],
        clean: Callable[[str], str],
        **tls: Any,
    ) -> requests.Response:
        """Send one request; return the answer, whose body has not been read.

        ``patience`` says how long to wait for the next bytes, ``clean`` takes secrets out of what
        urllib3 logs.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare(method, url, headers, data=body)
        # The body may be a file that is read by requests of its own, meanwhile.
        around = vars(_request).copy()
        _request.patience, _request.clean = patience, clean
        try:
            return self._adapter.send(
                prepared, stream=True, timeout=(connect_timeout, patience()), **tls
            )
        finally:
            vars(_request).clear()
            vars(_request).update(around)

    def close(self) -> None:
        """Close the connections that are not in use; the others when they are given back."""
        self._adapter.close()


def environment_proxies(url: str) -> dict[str, str]:
    """Return the proxies that the environment names for ``url``."""
    found: dict[str, str] = requests.utils.get_environ_proxies(url)
    return found


def failure(
    error: BaseException,
    place: str,
    clean: Callable[[str], str],
    before: BaseException | None,
) -> BaseException:
    """Return our error for what requests or urllib3 raised while they spoke with ``place``.

    That is one of ours which theirs came of, if there is any; it does not come of theirs then.
    ``before`` is what the caller was handling already, which has nothing to do with it.
    """
    chain = list(_chain(error, before))
    ours = next((link for link in chain if isinstance(link, (StorageError, OptionError))), None)
    if ours is not None:
        detach(ours, error)
        return ours
    # The innermost says what happened; the outer ones repeat the URL, which may be secret.
    reason = next((text for link in reversed(chain) if (text := _text(link))), "")
    message = clean(f"{place}: {reason or type(error).__name__}")
    if isinstance(error, (exceptions.InvalidURL, exceptions.InvalidHeader, ValueError)):
        return OptionError(message)
    if type(error) is OSError:  # a file of certificates that is not there
        return OptionError(clean(str(error)))
    if "certificate verify failed" in reason.lower():
        return StorageError(message, hint="Give the authority's certificate as `verify`.")
    if "alert certificate required" in reason.lower():
        return StorageError(message, hint="Give a certificate as `client_certificate`.")
    return Timeout(message) if any(map(_is_timeout, chain)) else Unavailable(message)


def _is_timeout(error: BaseException) -> bool:
    # To urllib3 a refused connection is one that timed out.
    return isinstance(error, (TimeoutError, UrllibTimeout)) and not isinstance(
        error, NewConnectionError
    )


def _chain(error: BaseException, before: BaseException | None) -> Iterable[BaseException]:
    """Yield the exception and those that it was made of, the outermost first."""
    # Python makes what is being handled the context of whatever is raised then.
    seen = {id(before)}
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return next((arg for arg in error.args if isinstance(arg, str)), "")


class _Clean(logging.Filter):
    """urllib3 logs each request's path, in which a capability or a signature may be."""

    def filter(self, record: logging.LogRecord) -> bool:
        clean = getattr(_request, "clean", None)
        if clean is not None and isinstance(record.args, tuple):
            record.args = tuple(clean(a) if isinstance(a, str) else a for a in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Clean())
