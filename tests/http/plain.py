"""A storage that has what those that speak HTTP share, and nothing else; and content for it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from storages.http import HTTPStorage, bearer
from storages.staging import Source


class PlainStorage(HTTPStorage, settings_prefix="PLAIN"):
    """One that has a token, and gets a new one when the server does not like it."""

    extra = "couchdb"
    tokens: Iterator[str] = iter(())
    token = ""

    def _authorization(self) -> Mapping[str, str]:
        return bearer(self.token) if self.token else {}

    def _reauthorize(self) -> bool:
        self.token = next(self.tokens, "")
        return bool(self.token)


def source(content: bytes) -> Source:
    """Content to be sent."""
    return Source(io.BytesIO(content), len(content))
