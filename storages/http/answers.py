"""What a server says: its answer, and which of our errors a status is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from types import TracebackType
from typing import TYPE_CHECKING, Any

from storages import retry
from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.staging import BLOCK
from storages.told import document, number

if TYPE_CHECKING:
    import requests
    from typing_extensions import Self

__all__ = ["STATUSES", "Answer", "kind_of_status", "retry_after", "status_of", "words"]

#: What a status means where the backend does not say otherwise. 5xx: Unavailable; others: that the
#: storage failed, which is not tried again.
STATUSES: Mapping[int, type[StorageError]] = {
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    407: PermissionDenied,
    408: Timeout,
    409: AlreadyExists,
    410: NotFound,
    412: AlreadyExists,
    413: TooLarge,
    416: Changed,
    422: Corrupt,
    423: Unavailable,
    425: Unavailable,
    429: Unavailable,
    501: StorageError,
    504: Timeout,
    505: StorageError,
    507: StorageFull,
}

#: So much of a stream that is not wanted any more is read, to keep its connection.
_DRAINED = BLOCK
#: Seconds to wait for it: it should be here already.
_PATIENCE = 0.1
#: Characters of the server's words that a message quotes.
_QUOTED = 300
_TAGS = re.compile(r"(?is)<(script|style|title)\b.*?</\1>|<[^>]*>")
_WORDS = ("reason", "message", "Message", "detail", "error", "title")


class Answer:
    """A server's answer to one request; close it, or use it as a context manager.

    ``status``, ``reason`` and ``headers`` (names in any case) are there at once, the body when it
    is read. ``authorization`` is what the request had to be authorized with.
    """

    def __init__(
        self,
        response: requests.Response,
        method: str,
        authorization: Mapping[str, str],
        failed: Callable[[BaseException, BaseException | None], BaseException],
    ) -> None:
        self.method = method
        self.status = response.status_code
        self.reason = response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        self.authorization = authorization
        self.content = b""
        self._response = response
        self._raw: Any = response.raw
        # As http.client has it: urllib3 fills no buffer, and each of its layers has a price.
        self._received: Any = response.raw._fp  # noqa: SLF001 - there is no other way to it
        self._failed = failed

    @property
    def length(self) -> int | None:
        """The length of the body, as announced; None: it is not (a chunked body)."""
        return number(self.headers.get("Content-Length"))

    @property
    def etag(self) -> str | None:
        """The ETag without quotes or a mark of weakness."""
        return self.headers.get("ETag", "").removeprefix("W/").strip('"') or None

    @property
    def modified(self) -> datetime | None:
        """The header Last-Modified, aware."""
        return _date(self.headers.get("Last-Modified"))

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the content as JSON. Raises Corrupt when it is none."""
        return document(self.content)

    def read_block(self, size: int = BLOCK) -> bytes:
        """Return what has come of the body, at most ``size`` bytes; ``b""`` at the end."""
        with self._receiving():
            data: bytes = self._received.read1(size)
            self._took(bool(data))
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Put what has come into ``buffer``, as far as it can without a copy; return its length."""
        received = self._received
        with self._receiving():
            if received.chunked or received.fp is None:
                data = received.read1(len(buffer))
                count = len(data)
                buffer[:count] = data
            else:
                # http.client waits until a buffer is full, and loses what has come if it fails.
                left = received.length
                count = received.fp.readinto1(buffer if left is None else buffer[:left])
                received.length = None if left is None else left - count
            self._took(bool(count))
        return count

    def read_all(self, limit: int) -> bytes:
        """Return the body. Raises Corrupt when it has more than ``limit`` bytes."""
        blocks = []
        left = limit
        while block := self.read_block():
            left -= len(block)
            if left < 0:
                raise Corrupt(f"The server's answer is longer than {limit} bytes.")
            blocks.append(block)
        return b"".join(blocks)

    def close(self, unread: int | None = None) -> None:
        """Give the connection back if the body was read; else close it.

        ``unread`` is how much is left, where that is known: a little is read for the connection's
        sake.
        """
        if unread and unread <= _DRAINED and retry.remaining() is None:
            try:
                self._received.incoming.wait_at_most(_PATIENCE)
                while self.read_block():
                    pass
            except OSError:
                pass  # the rest was not wanted anyway
        self._response.close()

    @contextmanager
    def _receiving(self) -> Iterator[None]:
        before = sys.exc_info()[1]
        try:
            yield
        except Exception as error:
            self._response.close()
            ours = self._failed(error, before)
            if ours is error:  # the deadline, say
                raise
            raise ours from ours.__cause__ or error

    def _took(self, some: bool) -> None:
        """Give the connection back at the end. Raises Unavailable when that comes too early."""
        left = self._received.length  # None: chunks, of which http.client knows the end
        if not some and left:
            raise Unavailable(f"The answer ended {left} bytes early.") from IncompleteRead(
                b"", left
            )
        if not some or left == 0:
            self._received.close()
            self._raw.release_conn()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def kind_of_status(
    status: int, method: str, table: Mapping[int, type[StorageError]]
) -> type[StorageError]:
    """Return which of our errors a status is; ``table`` goes over :data:`STATUSES`."""
    if status in table:
        return table[status]
    if status == 412 and method in {"GET", "HEAD"}:  # noqa: PLR2004 - Precondition Failed
        return Changed
    return STATUSES.get(status, Unavailable if status >= 500 else StorageError)  # noqa: PLR2004


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that one of our errors was, or None."""
    return vars(error).get("status")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which the server wants to be left alone: a number, or until a date."""
    value = headers.get("Retry-After", "").strip()
    seconds = number(value)
    if seconds is not None:
        return float(seconds)
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())


def words(content: bytes) -> str:
    """Return what the body of an error says in words: out of JSON, HTML or plain text."""
    text = content.decode(errors="replace").strip()
    try:
        found = document(text)
    except Corrupt:
        found = None
    if isinstance(found, dict):
        said = next((found[key] for key in _WORDS if isinstance(found.get(key), str)), None)
        text = said if said is not None else text
    else:
        text = _TAGS.sub(" ", text)
    text = " ".join(text.split())
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except (OverflowError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
