"""The answer to a request for a file: the whole of it, parts of it, or why not.

Each costs one operation of the storage: the one that begins to read also tells what is read, and
begins where the client wants it to. What costs more is said where it happens.
"""

# ruff: noqa: SLF001 - it reads as the storage's own files do

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from storages import names
from storages.errors import Changed
from storages.readers import RangeReader, Stat
from storages.serving.bodies import BLOCK, AsyncBody, Body
from storages.serving.conditions import Validators
from storages.serving.headers import content_disposition, is_inline, media_type, put
from storages.serving.ranges import Span, Wanted, parse, resolve

if TYPE_CHECKING:
    from storages.base import BaseStorage
    from storages.serving.places import Served

__all__ = ["Wish", "answer", "headers_of"]

#: A place that no store is asked for: some cannot even count so far.
_FAR = 2**40
_GZIP = "django.middleware.gzip.GZipMiddleware"


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

    def __init__(self, body: Body, file: io.FileIO) -> None:
        super().__init__(body)
        self.file_to_stream = _Handle(file)


class _Handle:
    """What servers want of a file. Django replaces ``close`` by the response's own."""

    def __init__(self, file: io.FileIO) -> None:
        self.fileno, self.read = file.fileno, file.read
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def close(self) -> None:
        """The response closes the file."""


def answer(request: HttpRequest, wish: Wish) -> HttpResponseBase:
    """Answer a GET or HEAD. Raises what reading the storage raises."""
    if request.method == "HEAD":
        # Ranges are defined for GET only.
        stat = wish.storage.stat(wish.key)
        refused = _refused(request, wish, stat)
        return refused or _described(wish, stat, HttpResponse(), length=stat.size)
    wanted = parse(request.META.get("HTTP_RANGE"))
    start = wanted[0].first or 0 if wanted and len(wanted) == 1 else 0
    if start > _FAR:
        start = 0
    try:
        raw = RangeReader(wish.storage, wish.key, _open(wish, start), start)
    except Changed:
        if not start:
            raise
        # What several stores say of a place beyond the end. The file may be another than the client
        # has a part of (If-Range): then it gets the whole.
        raw = RangeReader(wish.storage, wish.key, _open(wish, 0))
    try:
        response = _answer(request, wish, raw, wanted)
    except BaseException:
        raw.close()
        raise
    if not response.streaming:
        raw.close()
    return response


def _open(wish: Wish, start: int) -> Any:
    return wish.storage._open_reader(wish.key, offset=start)


def _answer(
    request: HttpRequest, wish: Wish, raw: RangeReader, wanted: list[Wanted] | None
) -> HttpResponseBase:
    stat = raw.stat
    refused = _refused(request, wish, stat)
    if refused is not None:
        return refused
    if wanted and not Validators.of(stat).allow_range(request.META.get("HTTP_IF_RANGE")):
        wanted = None
    spans = resolve(wanted, stat.size) if wanted else None
    if spans is None:
        return _whole(request, wish, raw)
    if not spans:
        return _unsatisfiable(wish, stat)
    if len(spans) > 1:
        return _several(request, wish, raw, spans)
    response = _streamed(request, wish, Body(raw, [(b"", spans[0])]))
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    response.headers["Content-Range"] = spans[0].content_range(stat.size)
    return _described(wish, stat, response, length=len(spans[0]))


def _whole(request: HttpRequest, wish: Wish, raw: RangeReader) -> HttpResponseBase:
    stat = raw.stat
    body = Body(raw, [(b"", Span(0, stat.size))])
    raw.seek(0)  # a range was asked for that is not sent: the file stands there
    file = None if isinstance(request, ASGIRequest) else raw.on_disk()
    response: HttpResponseBase
    if file is not None and stat.size > BLOCK:
        response = FileAnswer(body, file)
    else:
        response = _streamed(request, wish, body)
    return _described(wish, stat, response, length=stat.size)


def _several(
    request: HttpRequest, wish: Wish, raw: RangeReader, spans: list[Span]
) -> HttpResponseBase:
    """Answer with multipart/byteranges; a store that cannot seek is asked once for each part."""
    stat = raw.stat
    boundary = secrets.token_hex(16)
    kind = _content_type(wish, stat)
    parts = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n"
            f"Content-Range: {span.content_range(stat.size)}\r\n\r\n".encode(),
            span,
        )
        for span in spans
    ]
    end = f"\r\n--{boundary}--\r\n".encode()
    body = Body(raw, parts, end)
    response = _streamed(request, wish, body)
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    _described(wish, stat, response, length=body.length)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return response


def _streamed(request: HttpRequest, wish: Wish, body: Body) -> HttpResponseBase:
    if body.length <= BLOCK:
        # The reader is given back at once.
        return HttpResponse(b"".join(body))
    body.begin()
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(
            AsyncBody(body, thread_sensitive=wish.storage.thread_sensitive)
        )
    return StreamingHttpResponse(body)


def _refused(request: HttpRequest, wish: Wish, stat: Stat) -> HttpResponseBase | None:
    """Return the answer to a condition that is not met; the body has not been read then."""
    validators = Validators.of(stat)
    status = validators.judge(request.META)
    if status is None:
        return None
    response = HttpResponse(status=status)
    del response.headers["Content-Type"]
    put(response, {**validators.headers, **_caching(wish)})
    return response


def _unsatisfiable(wish: Wish, stat: Stat) -> HttpResponseBase:
    response = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    del response.headers["Content-Type"]
    put(
        response,
        {
            "Content-Range": f"bytes */{stat.size}",
            "Accept-Ranges": "bytes",
            **Validators.of(stat).headers,
            **_caching(wish),
        },
    )
    return response


def _described(
    wish: Wish, stat: Stat, response: HttpResponseBase, *, length: int
) -> HttpResponseBase:
    put(
        response,
        {
            **headers_of(wish, _content_type(wish, stat)),
            **Validators.of(stat).headers,
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
        },
    )
    if _GZIP in settings.MIDDLEWARE:
        # It would compress parts of a file, whose ranges then mean something else.
        response.headers["Content-Encoding"] = "identity"
    return response


def _content_type(wish: Wish, stat: Stat) -> str:
    return media_type(stat.content_type or names.content_type(wish.key))


def headers_of(wish: Wish, content_type: str) -> dict[str, str]:
    """Return the header fields that do not depend on which version of a file is sent."""
    place = wish.place
    inline = wish.disposition != "attachment" and is_inline(content_type, place.inline_types)
    filename = wish.filename or wish.key.rpartition("/")[2]
    return {
        "Content-Type": content_type,
        "Content-Disposition": content_disposition("inline" if inline else "attachment", filename),
        "Content-Security-Policy": place.content_security_policy,
        "X-Content-Type-Options": "nosniff",
        **_caching(wish),
    }


def _caching(wish: Wish) -> dict[str, str]:
    scope = "public" if wish.place.access == "public" else "private"
    return {"Cache-Control": wish.place.cache_control or f"{scope}, no-cache", **wish.more}
