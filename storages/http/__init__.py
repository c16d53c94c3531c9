"""What the storages that speak HTTP share, on ``requests``.

:class:`HTTPStorage` sends requests and gives answers, with pooled connections, timeouts and our
errors; a backend says what its service's URLs and statuses mean. ``requests`` is imported when the
first request is sent.
"""

from __future__ import annotations

from storages.http.addresses import (
    origin,
    quoted,
    split_credentials,
    web_address,
    with_query,
)
from storages.http.answers import Answer, status_of
from storages.http.bodies import Body, Multipart, Related
from storages.http.login import BasicLogin
from storages.http.reading import Verified
from storages.http.storage import HTTPStorage, basic, bearer

__all__ = [
    "Answer",
    "BasicLogin",
    "Body",
    "HTTPStorage",
    "Multipart",
    "Related",
    "Verified",
    "basic",
    "bearer",
    "origin",
    "quoted",
    "split_credentials",
    "status_of",
    "web_address",
    "with_query",
]
