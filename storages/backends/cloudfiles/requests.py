"""Requests: the one place where the storage speaks to Swift."""

# ruff: noqa: N818 - named as the tree of errors is

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.core.exceptions import ImproperlyConfigured

from storages import retry
from storages.backends.cloudfiles import accounts
from storages.backends.cloudfiles.options import CloudFilesOptions
from storages.errors import Changed, Corrupt, StorageError, StorageFull, Unavailable
from storages.http import Answer, HTTPStorage, origin, quoted, status_of, with_query

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["LONGEST_KEY", "MissingContainer", "NameTooLong", "SwiftRequests"]

#: Bytes of a name, and entries of a listing, that Swift takes where it is not told otherwise.
LONGEST_KEY = 1024
PAGE = 10_000
#: A page shorter than was asked for is the last one. But some servers (Ceph's) have a smaller limit
#: of their own, and say nothing: limits are round, so a page of a round length may have a next.
_ROUND = 100

#: Bytes a second at which a server may copy, and still be waited for.
_COPYING = 4 * 1024 * 1024

#: Storage URL -> what its server's /info says.
_infos: dict[str, Mapping[str, Any] | None] = {}
#: The token that this thread sent last.
_sent = threading.local()


class MissingContainer(StorageError, ImproperlyConfigured):
    """The container does not exist, and may not be created."""

    number = errno.ENOENT
    reason = "The container does not exist."


class NameTooLong(StorageError):
    """The name is longer than Swift takes."""

    number = errno.ENAMETOOLONG
    reason = f"The name is too long: Swift takes {LONGEST_KEY} bytes."


class SwiftRequests(CloudFilesOptions, HTTPStorage):
    """The part of a Cloud Files storage that makes requests."""

    statuses: ClassVar[Mapping[int, type[StorageError]]] = {
        # Somebody else's upload has a later time: repeated, it is this one.
        409: Unavailable,
        # What was sent was damaged on its way: nothing has been stored, sending it again may work.
        422: Unavailable,
        498: Unavailable,  # Swift's own "too many requests"
        499: Unavailable,
    }

    @property
    def _account(self) -> accounts.Account:
        return accounts.account(cast("CloudFilesStorage", self))

    @property
    def connection(self) -> accounts.Account:
        """The account: its ``storage_url``, ``token`` and ``cdn_url``."""
        return self._account

    def _authorization(self) -> Mapping[str, str]:
        token = self._account.token
        _sent.token = token
        return {"X-Auth-Token": token}

    def _reauthorize(self) -> bool:
        auth = self.effective_auth
        if auth is not None and not callable(getattr(auth, "authenticate", None)):
            return False  # a token that was given cannot be got anew
        accounts.forget(cast("CloudFilesStorage", self), getattr(_sent, "token", None))
        return True

    @property
    def _capabilities(self) -> Mapping[str, Any] | None:
        """What the server says it can do; None: it does not say."""
        url = self._account.storage_url
        if url not in _infos:
            place = f"{origin(url)}/info"
            answer = self._ask("GET", place, authorize=False, accept=range(300, 500))
            found = answer.json() if answer.status == 200 else None  # noqa: PLR2004
            _infos[url] = found if isinstance(found, dict) else None
        return _infos[url]

    # ------------------------------------------------------------------- URLs

    def _container_url(self, container: str, **query: Any) -> str:
        return with_query(f"{self._account.storage_url}/{quoted(container)}", query)

    def _object_url(self, key: str, container: str | None = None, **query: Any) -> str:
        place = quoted(container or self.container)
        return with_query(
            f"{self._account.storage_url}/{place}/{quoted(key, safe='/')}",
            {name.replace("_", "-"): value for name, value in query.items()},
        )

    # ----------------------------------------------------------------- requests

    def _stream(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """Send a request; see :class:`storages.http.HTTPStorage`."""
        agent = self.connection_kwargs.get("useragent")
        given = {"User-Agent": agent, **(headers or {})} if agent else headers
        return super()._stream(method, url, headers=given, **more)

    def _refusal(self, answer: Answer) -> StorageError:
        """Return our error for an answer; what a status means depends on what was asked."""
        error = super()._refusal(answer)
        kind: type[StorageError] | None = None
        hint = error.hint
        if answer.status == 413 and b"quota" in answer.content:  # noqa: PLR2004
            kind = StorageFull
        elif answer.status == 409 and answer.method == "GET":  # noqa: PLR2004
            kind = Corrupt
            hint = "It is a large object of which a segment is missing."
        elif answer.status == 412 and answer.method == "GET":  # noqa: PLR2004
            hint = Changed.reason
        elif answer.status == 401:  # noqa: PLR2004
            hint = "The server does not take the token: look at CLOUDFILES_API_KEY (api_key)."
        elif answer.status == 403:  # noqa: PLR2004
            hint = f"The user may not do that in the container {self.container!r}."
        if kind is None:
            error.hint = hint
            return error
        ours = kind(error.message, hint=hint)
        vars(ours)["status"] = answer.status
        return ours

    def _head(self, key: str) -> Answer:
        """Return the answer to HEAD. Raises NotFound."""
        return self._ask("HEAD", self._object_url(key))

    def _put_object(  # noqa: PLR0913 - all of a request
        self,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        container: str | None = None,
        *,
        make: bool | None = None,
        copied: int = 0,
    ) -> Answer:
        """Store an object, and make its container if that is missing and ``make`` says so.

        ``copied`` is how many bytes the server is to take from where ``X-Copy-From`` says.

        Raises AlreadyExists when ``headers`` say that it may only be created.
        """
        try:
            return self._store(url, body, headers, copied)
        except StorageError as error:
            if status_of(error) != 404 or ("X-Copy-From" in headers and not make):  # noqa: PLR2004
                raise  # of a copy, the original may be what is missing
            if not (self.create_container if make is None else make):
                raise self._missing(container) from error
        self._ask("PUT", self._container_url(container or self.container), body=b"")
        return self._store(url, body, headers, copied)

    def _store(self, url: str, body: Any, headers: Mapping[str, str], copied: int) -> Answer:
        # The server answers a copy when it is complete, and says nothing before.
        patience = self.read_timeout + copied / _COPYING
        answer = self._ask("PUT", url, headers=headers, body=body, read_timeout=patience)
        if answer.status == 202:  # noqa: PLR2004
            # "Accepted", and thrown away: the object was deleted or replaced at a later time than
            # that at which this request began.
            raise Unavailable("Somebody else has written or deleted it meanwhile.")
        return answer

    def _missing(self, container: str | None = None) -> MissingContainer:
        return MissingContainer(
            f"The container {container or self.container!r} does not exist.",
            hint="CLOUDFILES_CONTAINER (container) must name one that does; with "
            "CLOUDFILES_CREATE_CONTAINER (create_container) = True it is created.",
        )

    def _listing(
        self, prefix: str, container: str | None = None, *, delimiter: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Yield what a container has whose name begins with ``prefix``.

        ``{"name", "bytes", "hash", "content_type", "last_modified"}``, or ``{"subdir"}`` for all
        that is the same up to the delimiter.
        """
        marker: str | None = None
        limit: int | None = PAGE
        while True:
            ask = partial(self._page, prefix, container, delimiter, marker, limit)
            # The first page is repeated by whoever asks for the listing.
            page, limit = ask() if marker is None else retry.repeat(self.retry, ask)
            if not all(_name(entry).startswith(prefix) for entry in page):
                raise Corrupt("The server lists what it was not asked for.")
            if page and marker is not None and _name(page[0]) <= marker:
                raise StorageError("The server begins the listing anew instead of going on.")
            yield from page
            if not page or (limit is not None and len(page) < limit and len(page) % _ROUND):
                return
            marker = _name(page[-1])

    def _page(
        self,
        prefix: str,
        container: str | None,
        delimiter: str | None,
        marker: str | None,
        limit: int | None,
    ) -> tuple[list[Any], int | None]:
        """Return a page, and the limit to ask for next: None where the server takes no such."""
        query = {"format": "json", "prefix": prefix or None, "delimiter": delimiter}
        url = self._container_url(container or self.container, **query, marker=marker, limit=limit)
        answer = self._ask("GET", url, accept=(404, 412))
        if answer.status == 412 and limit is not None:  # noqa: PLR2004 - a limit above its own
            return self._page(prefix, container, delimiter, marker, None)
        if answer.status == 412:  # noqa: PLR2004
            raise self._refusal(answer)
        if answer.status == 404:  # noqa: PLR2004
            if container is not None or self.create_container:
                return [], limit
            raise self._missing()
        return answer.json() if answer.content else [], limit


def _name(entry: Mapping[str, Any]) -> str:
    """Return what an entry of a listing is sorted by."""
    name: str = entry["name"] if "name" in entry else entry["subdir"]
    return name
