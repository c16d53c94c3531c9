"""What is sent: content of known length, in large pieces, as often as need be."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from storages.staging import BLOCK, Source

__all__ = ["Body", "Multipart", "sendable"]

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

    def _new_hash(self) -> Any:
        if self._algorithm is None:
            return None
        return hashlib.new(self._algorithm, usedforsecurity=False)

    @property
    def hexdigest(self) -> str:
        """The hash of what was sent, in hexadecimal."""
        found: str = self._hash.hexdigest()
        return found

    @property
    def digest(self) -> bytes:
        """The hash of what was sent."""
        found: bytes = self._hash.digest()
        return found


class Multipart:
    """A form (``multipart/form-data``) with one file; its length is known.

    ``content_type`` of the whole, with the boundary, is for the request's header Content-Type
    (:class:`~storages.http.HTTPStorage` sets it); ``body`` is the file's part.
    """

    def __init__(
        self,
        source: Source | Body,
        *,
        field: str = "file",
        filename: str = "file",
        content_type: str = "application/octet-stream",
    ) -> None:
        boundary = secrets.token_hex(16)
        self.body = source if isinstance(source, Body) else Body(source)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{_in_quotes(field)}"; '
            f'filename="{_in_quotes(filename)}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + len(self.body) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self.body
        yield self._tail


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
