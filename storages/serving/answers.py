"""The answer to a request for a file: the whole of it, parts of it, or why not.

Each costs one operation of the storage: the one that begins to read also tells what is read, and
begins where the client wants it to. What costs more is said where it happens.
"""

# ruff: noqa: SLF001 - it reads as the storage's own files do

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.middleware.gzip import GZipMiddleware
from django.utils.module_loading import import_string

from storages import names
from storages.errors import Changed, Corrupt
from storages.readers import RangeReader, Stat
from storages.serving.bodies import BLOCK, AsyncBody, Body
from storages.serving.conditions import Validators
from storages.serving.headers import content_disposition, is_inline, media_type, policy, put
from storages.serving.ranges import Span, Wanted, parse, resolve

if TYPE_CHECKING:
    from storages.base import BaseStorage
    from storages.serving.places import Served

__all__ = ["Wish", "answer", "caching", "headers_of"]

#: A place that no store is asked for: some cannot even count so far.
_FAR = 2**40


@dataclass(frozen=True)
class Wish:
    """What is asked for: a file, how it is served, and what a link says of it."""

    storage: BaseStorage
    key: str
    place: Served
    disposition: str = ""
    filename: str = ""
    #: Header fields that are to be sent, too.
    more: Mapping[str, str] = field(default_factory=dict)


class FileAnswer(StreamingHttpResponse):
    """A whole file on this disk, which a WSGI server may send by itself (``sendfile``).

    Django hands ``file_to_stream`` to servers that have a ``wsgi.file_wrapper``; to others this is
    a stream like any.
    """

    block_size = BLOCK

    def __init__(self, body: Body, file: io.FileIO, headers: Mapping[str, str]) -> None:
        super().__init__(body, headers=headers)
        self.file_to_stream: _Handle | None = _Handle(file, body.length)

    def _set_streaming_content(self, value: Any) -> None:
        # A middleware may stream something else, which a server is not to pass over.
        self.file_to_stream = None
        cast("Any", super())._set_streaming_content(value)


class _Handle:
    """What servers want of a file."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._size = size
        self._is_whole = False
        self._close: Callable[[], object] | None = None
        self.tell, self.seek, self.seekable = file.tell, file.seek, file.seekable

    def fileno(self) -> int:
        """Return the descriptor, unless there is less than was announced: then read, and fail.

        Servers ask up to three times before they send; that it became shorter meanwhile, ``close``
        finds.
        """
        descriptor = self._file.fileno()
        if not self._is_whole and os.fstat(descriptor).st_size < self._size:
            raise io.UnsupportedOperation("The file is shorter than it was.")
        self._is_whole = True
        return descriptor

    def read(self, size: int = -1) -> bytes:
        """Read as the file does, and as many bytes as were announced, whatever has become of it."""
        left = max(0, self._size - self._file.tell())
        data = self._file.read(min(size, left) if size >= 0 else left)
        if left and size and not data:
            raise Corrupt(f"The file ended {left} bytes early.")
        return data

    @property
    def close(self) -> Callable[[], None]:
        """Django sets this to the response's own, which closes the file.

        Raises :exc:`~storages.errors.Corrupt` where bytes are missing, which ``socket.sendfile``
        does not mind: the server would keep the connection, and the next answer pass for the rest
        of this one.
        """
        return self._closed

    @close.setter
    def close(self, close: Callable[[], object]) -> None:
        self._close = close

    def _closed(self) -> None:
        # Let go at once: a response that holds itself waits for the garbage collector.
        close, self._close = self._close, None
        if close is None:
            return
        missing = self._missing()
        close()
        if missing:
            raise Corrupt(f"The file ended {missing} bytes early.")

    def _missing(self) -> int:
        """Return how many bytes were announced and could not be sent, as far as can be told.

        A file that has been sent stands behind what was; ``socket.sendfile`` leaves it where it was
        if it was empty.
        """
        if self._file.closed or self._file.tell() >= self._size:
            return 0
        return max(0, self._size - os.fstat(self._file.fileno()).st_size)


def answer(request: HttpRequest, wish: Wish) -> HttpResponseBase:
    """Answer a GET or HEAD. Raises what reading the storage raises."""
    if request.method == "HEAD":
        # Ranges are defined for GET only.
        told = _Answer(request, wish, wish.storage.stat(wish.key))
        return told.refused() or HttpResponse(headers=told.fields(told.stat.size))
    wanted = parse(request.META.get("HTTP_RANGE"))
    raw = _opened(wish, wanted[0].first or 0 if wanted and len(wanted) == 1 else 0)
    try:
        response = _Answer(request, wish, raw.stat).with_file(raw, wanted)
    except BaseException:
        raw.close()
        raise
    if not response.streaming:
        raw.close()
    return response


def _opened(wish: Wish, start: int) -> RangeReader:
    storage, key = wish.storage, wish.key
    if start > _FAR:
        start = 0
    try:
        return RangeReader(storage, key, storage._open_reader(key, offset=start), start)
    except Changed:
        if not start:
            raise
        # What several stores say of a place beyond the end. The file may be another than the client
        # has a part of (If-Range): then it gets the whole.
        return RangeReader(storage, key, storage._open_reader(key))


class _Answer:
    """The answer to one request with one version of a file."""

    def __init__(self, request: HttpRequest, wish: Wish, stat: Stat) -> None:
        self.request = request
        self.wish = wish
        self.stat = stat
        self.validators = Validators.of(stat)
        self.content_type = media_type(stat.content_type or names.content_type(wish.key))

    def with_file(self, raw: RangeReader, wanted: list[Wanted] | None) -> HttpResponseBase:
        """Return what suits the request: all of the file, parts of it, or no more than a status."""
        refused = self.refused()
        if refused is not None:
            return refused
        if wanted and not self.validators.allow_range(self.request.META.get("HTTP_IF_RANGE")):
            wanted = None
        spans = resolve(wanted, self.stat.size) if wanted else None
        if spans is None:
            return self._whole(raw)
        if not spans:
            return self._unsatisfiable()
        return self._several(raw, spans) if len(spans) > 1 else self._part(raw, spans[0])

    def refused(self) -> HttpResponseBase | None:
        """Return the answer to a condition that is not met; nothing of the file is read for it."""
        status = self.validators.judge(self.request.META)
        return None if status is None else self._bare(status, {})

    def fields(self, length: int) -> dict[str, str]:
        """Return the header fields of a response with ``length`` bytes of the file."""
        found = {
            **headers_of(self.wish, self.content_type),
            **self.validators.headers,
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
        }
        if _compresses(tuple(settings.MIDDLEWARE)):
            # It would compress parts of a file, whose ranges then mean something else.
            found["Content-Encoding"] = "identity"
        return found

    def _whole(self, raw: RangeReader) -> HttpResponseBase:
        size = self.stat.size
        body = Body(raw, [(b"", Span(0, size))])
        raw.seek(0)  # a range was asked for that is not sent: the file stands there
        file = None if self._is_async() else raw.on_disk()
        if file is not None and size > BLOCK:
            return FileAnswer(body, file, self.fields(size))
        return self._streamed(body, {})

    def _part(self, raw: RangeReader, span: Span) -> HttpResponseBase:
        fields = {"Content-Range": span.content_range(self.stat.size)}
        return self._streamed(Body(raw, [(b"", span)]), fields, HTTPStatus.PARTIAL_CONTENT)

    def _several(self, raw: RangeReader, spans: list[Span]) -> HttpResponseBase:
        """Answer with multipart/byteranges; a store that cannot seek is asked for each part."""
        boundary = secrets.token_hex(16)
        parts = [
            (
                f"\r\n--{boundary}\r\nContent-Type: {self.content_type}\r\n"
                f"Content-Range: {span.content_range(self.stat.size)}\r\n\r\n".encode(),
                span,
            )
            for span in spans
        ]
        body = Body(raw, parts, f"\r\n--{boundary}--\r\n".encode())
        fields = {"Content-Type": f"multipart/byteranges; boundary={boundary}"}
        return self._streamed(body, fields, HTTPStatus.PARTIAL_CONTENT)

    def _unsatisfiable(self) -> HttpResponseBase:
        told = {"Content-Range": f"bytes */{self.stat.size}", "Accept-Ranges": "bytes"}
        return self._bare(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, told)

    def _bare(self, status: int, fields: Mapping[str, str]) -> HttpResponseBase:
        response = HttpResponse(status=status)
        del response.headers["Content-Type"]
        put(response, {**fields, **self.validators.headers, **_caching(self.wish)})
        if status != HTTPStatus.NOT_MODIFIED:
            # It is for who set the condition; a cache would give it to all who ask for the file.
            response.headers["Cache-Control"] = "no-store"
        return response

    def _streamed(
        self, body: Body, fields: Mapping[str, str], status: int = HTTPStatus.OK
    ) -> HttpResponseBase:
        fields = {**self.fields(body.length), **fields}
        if body.length <= BLOCK:
            # The reader is given back at once.
            return HttpResponse(b"".join(body), status=status, headers=fields)
        body.begin()
        stream = AsyncBody(body) if self._is_async() else body
        return StreamingHttpResponse(stream, status=status, headers=fields)

    def _is_async(self) -> bool:
        # Django REST framework gives its views a request that is around the server's.
        return isinstance(getattr(self.request, "_request", self.request), ASGIRequest)


@lru_cache(maxsize=8)
def _compresses(middleware: tuple[str, ...]) -> bool:
    found = map(import_string, middleware)
    return any(isinstance(each, type) and issubclass(each, GZipMiddleware) for each in found)


def headers_of(wish: Wish, content_type: str) -> dict[str, str]:
    """Return the header fields that do not depend on which version of a file is sent."""
    filename = wish.filename or wish.key.rpartition("/")[2]
    described = _described(wish.place, content_type, wish.disposition, filename)
    return {**described, **_caching(wish)}


@lru_cache(maxsize=1024)
def _described(
    place: Served, content_type: str, disposition: str, filename: str
) -> Mapping[str, str]:
    inline = disposition != "attachment" and is_inline(content_type, place.inline_types)
    return {
        "Content-Type": content_type,
        "Content-Disposition": content_disposition("inline" if inline else "attachment", filename),
        "Content-Security-Policy": place.content_security_policy or policy(content_type),
        "X-Content-Type-Options": "nosniff",
    }


def _caching(wish: Wish) -> dict[str, str]:
    place = wish.place
    return {"Cache-Control": place.cache_control or caching(place.access), **wish.more}


def caching(access: str | None) -> str:
    """Return the Cache-Control by which a file is kept, but asked for each time."""
    return "public, no-cache" if access == "public" else "private, no-cache"
