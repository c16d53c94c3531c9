"""The base of the storages that speak HTTP: options, requests, answers, errors."""

from __future__ import annotations

import base64
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.views.decorators.debug import sensitive_variables

import storages
from storages import retry
from storages.base import RemoteStorage
from storages.errors import OptionError, StorageError, Unavailable
from storages.http.addresses import origin, without_credentials
from storages.http.answers import Answer, kind_of_status, retry_after, words
from storages.http.bodies import Body, Framed, sendable
from storages.http.reading import BodyReader, Verified, extent
from storages.libraries import library
from storages.options import Option, option, positive
from storages.readers import Reader, Stat
from storages.redact import redacted, shown_cause
from storages.staging import Source

if TYPE_CHECKING:
    from storages.http.wire import Wire

__all__ = ["HTTPStorage", "basic", "bearer"]

Content = bytes | Source | Body | Framed | Iterable[bytes]

#: So much of an error's body is read for its words.
_ERROR = 4096
_MEBIBYTE = 1024 * 1024


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP's Basic authentication (RFC 7617), in UTF-8."""
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def bearer(token: str) -> dict[str, str]:
    """Return the header of Bearer authentication (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


class HTTPStorage(RemoteStorage):
    """A storage whose service speaks HTTP.

    A subclass with ``settings_prefix="X"`` has a setting ``X_<OPTION>`` for each option declared
    here. It asks with :meth:`_ask` and :meth:`_stream`, reads with :meth:`_open_range`.
    """

    #: The pip extra that brings ``requests``.
    extra: ClassVar[str]
    #: What statuses mean to this service, over :data:`storages.http.answers.STATUSES`.
    statuses: ClassVar[Mapping[int, type[StorageError]]] = {}

    connect_timeout: float = option(
        default=5.0, type=float, convert=positive, help="Seconds to wait for a connection."
    )
    read_timeout: float = option(
        default=60.0,
        type=float,
        convert=positive,
        help="Seconds to wait for the server to answer, to send more or to take more.",
    )
    verify: bool | str = option(
        default=True,
        type=(bool, str, os.PathLike),
        convert=lambda value: value if isinstance(value, bool) else os.fspath(value),
        help="A file or directory of certificates to trust; False trusts anybody.",
    )
    client_certificate: str | tuple[str, str] | None = option(
        type=(str, tuple, list),
        convert=lambda value: value if isinstance(value, str) else tuple(value),
        help="A file with a client certificate and its key, or the two files.",
    )
    proxies: Mapping[str, str] | None = option(
        type=Mapping, secret=True, help="Proxies by scheme; they may hold passwords."
    )
    trust_environment: bool = option(
        default=False,
        type=bool,
        help="Whether HTTP_PROXY, HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE count.",
    )
    headers: Mapping[str, str] = option(
        default={}, type=Mapping, secret=True, help="Headers to send with each request."
    )

    def __init_subclass__(cls, settings_prefix: str | None = None, **more: Any) -> None:
        """Give the shared options the settings of this backend."""
        super().__init_subclass__(**more)
        if settings_prefix is None:
            return
        for name, declared in vars(HTTPStorage).items():
            if isinstance(declared, Option) and name not in vars(cls):
                own = dataclasses.replace(declared, settings=(f"{settings_prefix}_{name.upper()}",))
                own.__set_name__(cls, name)
                setattr(cls, name, own)

    def __init__(self, **given: Any) -> None:
        """Take the options; nothing is connected to."""
        super().__init__(**given)
        self._wires: tuple[int, Wire] | None = None

    # --------------------------------------------------- what a backend may say

    def _authorization(self) -> Mapping[str, str]:
        """Return the headers that authorize a request; it may ask for them first."""
        return {}

    def _reauthorize(self) -> bool:
        """After a 401: forget what authorized, and return whether to try once more."""
        return False

    def _clean(self, text: str) -> str:
        """Return ``text`` without secrets."""
        return without_credentials(redacted(text, self))

    def _reason(self, answer: Answer) -> str:
        """Return what the server says in words about a request that failed."""
        return words(answer.content)

    # ----------------------------------------------------------------- requests

    @sensitive_variables()
    def _ask(  # noqa: PLR0913 - all of a request
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Content | None = None,
        accept: Iterable[int] = (),
        authorize: bool = True,
        read_timeout: float | None = None,
        limit: int = 64 * _MEBIBYTE,
    ) -> Answer:
        """Send a request and return its answer, read to the end.

        A status of 300 or more raises our error, unless it is in ``accept``. Redirects are not
        followed: the next server might be anybody's. ``read_timeout`` goes over the option, for
        what the server needs long to do. Raises Corrupt when the answer has more than ``limit``
        bytes.
        """
        answer = self._stream(
            method,
            url,
            headers=headers,
            body=body,
            accept=accept,
            authorize=authorize,
            read_timeout=read_timeout,
        )
        with answer:
            answer.content = answer.content or answer.read_all(limit)
        return answer

    @sensitive_variables()
    def _stream(  # noqa: PLR0913 - all of a request
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Content | None = None,
        accept: Iterable[int] = (),
        authorize: bool = True,
        read_timeout: float | None = None,
    ) -> Answer:
        """Send a request and return its answer, whose body is still to be read; close it."""
        good = frozenset(accept)
        unauthorized = 401
        send = partial(
            self._send,
            method,
            url,
            headers or {},
            body,
            authorize=authorize,
            read_timeout=read_timeout or self.read_timeout,
        )
        answer = send()
        if answer.status == unauthorized and authorize and unauthorized not in good:
            with answer:
                answer.content = answer.read_block(_ERROR)
            if self._reauthorize():
                answer = send()
        if answer.status >= 300 and answer.status not in good:  # noqa: PLR2004 - the first of them
            raise self._refusal(answer) from self._told(answer, url)
        return answer

    def _send(  # noqa: PLR0913 - all of a request
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Content | None,
        *,
        authorize: bool,
        read_timeout: float,
    ) -> Answer:
        authorization = dict(self._authorization()) if authorize else {}
        sent = {
            "User-Agent": f"django-storages/{storages.__version__}",
            # Bytes are wanted as they were stored.
            "Accept-Encoding": "identity",
            **self.headers,
            **headers,
            **authorization,
        }
        if isinstance(body, Framed):
            sent["Content-Type"] = body.content_type

        def patience() -> float:
            return retry.timeout(read_timeout)

        def clean(text: str) -> str:
            return _without(self._clean(text), authorization)

        def failed(error: BaseException, before: BaseException | None) -> BaseException:
            from storages.http.wire import failure

            return failure(error, clean(origin(url)), clean, before)

        before = sys.exc_info()[1]
        try:
            response = self._wire.send(
                method,
                url,
                headers=sent,
                body=sendable(body),
                connect_timeout=retry.timeout(self.connect_timeout),
                patience=patience,
                clean=clean,
                **self._transport(url),
            )
        except (StorageError, OptionError):
            raise
        except (OSError, ValueError, self._urllib_error) as error:
            ours = failed(error, before)
            raise ours from ours.__cause__ or shown_cause(error, clean)
        return Answer(response, method, authorization, failed)

    def _transport(self, url: str) -> dict[str, Any]:
        """Return how to reach ``url``: proxies and certificates."""
        verify: bool | str = self.verify
        proxies = dict(self.proxies or {})
        if self.trust_environment:
            from storages.http.wire import environment_proxies

            proxies = {**environment_proxies(url), **proxies}
            if verify is True:
                verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        return {"verify": verify, "cert": self.client_certificate, "proxies": proxies}

    def _refusal(self, answer: Answer) -> StorageError:
        """Return our error for an answer that is none of the good ones, and close it."""
        with answer, suppress(Unavailable):  # the status says enough
            answer.content = answer.content or answer.read_block(_ERROR)

        def clean(text: str) -> str:
            return _without(self._clean(text), answer.authorization)

        kind = kind_of_status(answer.status, answer.method, self.statuses)
        # Before and after it is read: words are cut off, in the middle of a secret too.
        answer.content = clean(answer.content.decode(errors="replace")).encode()
        said = clean(self._reason(answer))
        message = clean(f"The server answered {answer.status} {answer.reason}").rstrip()
        error = kind(f"{message}: {said}" if said else f"{message}.", hint=_hint(answer))
        if isinstance(error, Unavailable):
            error.retry_after = retry_after(answer.headers)
        vars(error)["status"] = answer.status
        return error

    def _told(self, answer: Answer, url: str) -> BaseException:
        """Return the cause of such an error, in requests' terms."""
        kind: type[BaseException] = library("requests", self.extra).HTTPError
        told = f"{answer.status} {answer.reason} for {answer.method} at {origin(url)}"
        return kind(_without(self._clean(told), answer.authorization))

    # ------------------------------------------------------------------ reading

    def _open_range(  # noqa: PLR0913 - all of a request
        self,
        url: str,
        *,
        stat: Callable[[Answer, int], Stat],
        offset: int = 0,
        if_match: str | None = None,
        headers: Mapping[str, str] | None = None,
        size: int | Callable[[], int] | None = None,
        verify: bool = False,
    ) -> Reader:
        """Begin to read ``url`` at ``offset``, by one GET.

        ``stat`` makes the Stat of the answer and the whole file's size, which the answer announces
        or else ``size`` says (a function is called only then). ``if_match`` is an ETag with its
        quotes: another version raises Changed. With ``verify`` the whole is compared with the
        Stat's checksum when it is read from its beginning: Corrupt at the end.
        """
        asked = dict(headers or {})
        if offset:
            asked["Range"] = f"bytes={offset}-"
        if if_match:
            asked["If-Match"] = if_match
        answer = self._stream("GET", url, headers=asked)
        try:
            start, whole = extent(answer, offset, size)
            found = stat(answer, whole)
            reader = BodyReader(answer, found, start)
            reader.skip(min(offset, whole) - start)
        except BaseException:
            answer.close()
            raise
        if verify and not offset and whole and found.checksum:
            algorithm, _, digest = found.checksum.partition(":")
            return Verified(reader, algorithm, digest)
        return reader

    # -------------------------------------------------------------- connections

    @property
    def _wire(self) -> Wire:
        """The connections: a child process makes its own, and leaves its parent's alone."""
        wires = self._wires
        if wires is None or wires[0] != os.getpid():
            library("requests", self.extra)
            from storages.http.wire import Wire

            if wires is not None:
                _inherited.append(wires[1])
            wires = self._wires = (os.getpid(), Wire())
        return wires[1]

    @property
    def _urllib_error(self) -> type[BaseException]:
        """The base of what urllib3 raises and requests does not always wrap."""
        found: type[BaseException] = library("urllib3.exceptions", self.extra).HTTPError
        return found

    def close(self) -> None:
        """Close the connections; the storage opens new ones when it is used again."""
        wires, self._wires = self._wires, None
        if wires is not None and wires[0] == os.getpid():
            wires[1].close()
        super().close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_wires": None}


_inherited: list[Any] = []


def _hint(answer: Answer) -> str:
    if answer.status in {401, 403}:
        return "Check the credentials, and what they allow."
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the redirects
        place = origin(answer.headers.get("Location", ""))
        return f"Redirects are not followed. This one leads to {place}." if place != "://" else ""
    return ""


def _without(text: str, authorization: Mapping[str, str]) -> str:
    """Return ``text`` without what authorized the request."""
    for value in authorization.values():
        for secret in (value, value.rpartition(" ")[2]):  # "Bearer x", "x"
            text = text.replace(secret, "***") if secret else text
    return text
