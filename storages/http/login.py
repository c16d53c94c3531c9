"""Logging in with what is in the server's URL, or in options of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from storages.http.addresses import split_credentials
from storages.http.storage import HTTPStorage, basic

__all__ = ["BasicLogin"]

#: Shorter passwords are not taken out of texts, as in storages.redact: nothing would be left.
_SHORTEST = 3


class BasicLogin(HTTPStorage):
    """A storage that logs in by HTTP's Basic authentication.

    A subclass declares the options ``username`` and ``password``, and says in ``address`` which
    option holds the server's URL; that may hold both instead.
    """

    address: ClassVar[str]
    username: str | None
    password: str | None

    @property
    def server_url(self) -> str:
        """The server's URL, without a user and a password."""
        return split_credentials(getattr(self, self.address))[0]

    @property
    def _in_address(self) -> tuple[str, str] | None:
        return split_credentials(getattr(self, self.address))[1]

    def _authorization(self) -> Mapping[str, str]:
        if self.username is not None:
            return basic(self.username, self.password or "")
        found = self._in_address
        return basic(*found) if found else {}

    def _clean(self, text: str) -> str:
        text = super()._clean(text)
        found = self._in_address
        return text.replace(found[1], "***") if found and len(found[1]) >= _SHORTEST else text

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration needs, without the password that a URL may hold."""
        path, positional, given = super().deconstruct()
        if self.address in given:
            given[self.address] = split_credentials(given[self.address])[0]
        return path, positional, given
