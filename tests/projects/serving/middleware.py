"""The log that tests read: one line of JSON for each request, when its answer begins."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADERS = ("Content-Length", "Content-Range", "Content-Type", "ETag")


def note(request: HttpRequest, response: HttpResponseBase) -> None:
    """Write the line in one piece, so that those of several threads do not mix."""
    line = {
        "method": request.method,
        "path": request.path,
        "range": request.headers.get("Range"),
        "status": response.status_code,
        # Of a stream nothing is known yet.
        "body": len(response.content) if isinstance(response, HttpResponse) else None,
        **{name: response.headers.get(name) for name in HEADERS},
    }
    log = os.open(os.environ["SERVING_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(log, json.dumps(line).encode() + b"\n")
    finally:
        os.close(log)


@sync_and_async_middleware
def log_requests(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Log each answer, whether the server is sync or async."""

    async def answer_later(request: HttpRequest) -> HttpResponseBase:
        answering: Awaitable[HttpResponseBase] = get_response(request)
        response = await answering
        note(request, response)
        return response

    def answer(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        note(request, response)
        return response

    return answer_later if iscoroutinefunction(get_response) else answer
