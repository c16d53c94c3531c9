"""What is sent: content of known length, in large pieces, as often as need be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from storages.http.digests import Digest
from storages.staging import BLOCK, Source

__all__ = ["Body", "Framed", "Multipart", "Related", "sendable"]

#: So much is handed to the socket at once: http.client alone would send 16 KiB.
_PIECE = 4 * BLOCK


class Body:
    """``size`` bytes of a source, from ``start``; iterating reads them anew.

    No ``read``: http.client would take that for a file to be sent in small blocks. With ``hash``
    (an algorithm of hashlib) ``hexdigest`` and ``digest`` are those of what was sent last.
    """

    def __init__(
        self,
        source: Source,
        start: int = 0,
        size: int | None = None,
        hash: str | None = None,  # noqa: A002 - the field's term
    ) -> None:
        self.size = source.size - start if size is None else size
        self._source = source
        self._start = start
        self._algorithm = hash
        self._hash = self._new_hash()

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        self._hash = self._new_hash()
        self._source.seek(self._start)
        left = self.size
        while left:
            piece = self._source.read(min(_PIECE, left))
            left -= len(piece)
            if self._hash is not None:
                self._hash.update(piece)
            yield piece

    def _new_hash(self) -> Digest | None:
        return None if self._algorithm is None else Digest(self._algorithm, self.size)

    @property
    def hexdigest(self) -> str:
        """The hash of what was sent, in hexadecimal. Raises ValueError without ``hash``."""
        return self.digest.hex()

    @property
    def digest(self) -> bytes:
        """The hash of what was sent. Raises ValueError without ``hash``."""
        if self._hash is None:
            raise ValueError("No hash was asked for.")
        return self._hash.digest()


class Framed:
    """Content between what comes before and after it; the length is known.

    ``content_type``, with the boundary, is sent as the request's Content-Type; ``body`` is the
    content.
    """

    def __init__(self, head: bytes, body: Source | Body, tail: bytes, content_type: str) -> None:
        self.body = body if isinstance(body, Body) else Body(body)
        self.content_type = content_type
        self._head = head
        self._tail = tail

    def __len__(self) -> int:
        return len(self._head) + len(self.body) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self.body
        yield self._tail


class Multipart(Framed):
    """A form (``multipart/form-data``, RFC 7578) with one file."""

    def __init__(
        self,
        source: Source | Body,
        *,
        field: str = "file",
        filename: str = "file",
        content_type: str = "application/octet-stream",
    ) -> None:
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{_in_quotes(field)}"; '
            f'filename="{_in_quotes(filename)}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        super().__init__(
            head.encode(),
            source,
            f"\r\n--{boundary}--\r\n".encode(),
            f"multipart/form-data; boundary={boundary}",
        )


class Related(Framed):
    """A JSON document and one file that it tells of (``multipart/related``, RFC 2387)."""

    def __init__(self, document: Any, source: Source | Body, *, filename: str) -> None:
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\nContent-Type: application/json\r\n\r\n"
            f"{json.dumps(document)}\r\n--{boundary}\r\n"
            f'Content-Disposition: attachment; filename="{_in_quotes(filename)}"\r\n'
            "Content-Type: application/octet-stream\r\n"
            f"Content-Length: {len(source)}\r\n\r\n"
        )
        super().__init__(
            head.encode(),
            source,
            f"\r\n--{boundary}--".encode(),
            f'multipart/related; boundary="{boundary}"',
        )


def _in_quotes(text: str) -> str:
    """As browsers send it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def sendable(body: bytes | Source | Iterable[bytes] | None) -> bytes | Iterable[bytes] | None:
    """Return what requests sends with the right length: a body of none must not be chunked."""
    if isinstance(body, Source):
        body = Body(body)
    if isinstance(body, Body) and not body.size:
        # Read all the same: the hash is that of nothing.
        return b"".join(body)
    return body
