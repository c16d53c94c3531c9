"""A storage that reads a server's pages, and how the server answers."""

from __future__ import annotations

from typing import Any

from storages.http import Answer, HTTPStorage
from storages.readers import Reader, Stat
from storages.retry import Retry
from tests.servers.http import Reply, Request

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class PageStorage(HTTPStorage, settings_prefix="PAGE"):
    """Reads pages of a server."""

    extra = "couchdb"
    retry = Retry(backoff=0.001)
    base = ""
    size: Any = None

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        match = f'"{version}"' if version else None

        def stat(answer: Answer, size: int) -> Stat:
            checksum = answer.headers.get("X-Checksum")
            return Stat(size=size, version=answer.etag, checksum=checksum)

        return self._open_range(
            f"{self.base}/{key}",
            stat=stat,
            offset=offset,
            if_match=match,
            size=self.size,
            verify=True,
        )


def ranged(request: Request, content: bytes = CONTENT, etag: str = "one") -> Reply:
    """Answer as a server should."""
    headers = {"ETag": f'"{etag}"'}
    if request.headers.get("if-match", headers["ETag"]) != headers["ETag"]:
        return Reply(412)
    offset = request.range
    if not offset:
        return Reply(200, headers, content)
    if offset >= len(content):
        return Reply(416, {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {offset}-{len(content) - 1}/{len(content)}"
    return Reply(206, headers, content[offset:])
