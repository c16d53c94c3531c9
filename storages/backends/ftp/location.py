"""Where the files are: ``FTP_STORAGE_LOCATION``, as parts."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from storages.options import Option

__all__ = ["Location", "LocationOption", "PasswordOption", "parse", "without_password"]

PORT = 21
#: Where a server expects TLS from the first byte (RFC 4217, section 1).
IMPLICIT_PORT = 990
_LARGEST_PORT = 65535

# Not urllib.parse: in a password, # and ? are characters like any other.
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^/:]*?)(?::(?P<password>[^/]*))?@)?"
    r"(?P<host>\[[^\]/@]*\]|[^/:@\[\]]*)(?::(?P<port>[^/:@]*))?"
    r"(?P<path>/.*)?",
    re.DOTALL,
)
_SCHEMES = {
    "ftp": (False, None),
    "aftp": (True, None),
    "ftps": (False, "explicit"),
    "aftps": (True, "explicit"),
    "ftpes": (False, "explicit"),
    "aftpes": (True, "explicit"),
}
_FORM = "'[a]ftp[s]://user:password@host:port/path'"


@dataclass(frozen=True)
class Location:
    """A server, who logs in, the directory, and how to speak.

    ``path`` is absolute, or ``""`` for the directory in which a login begins. ``tls`` is None,
    ``"explicit"`` or ``"implicit"``.
    """

    host: str
    port: int
    path: str
    user: str = "anonymous"
    password: str = field(default="", repr=False)
    active: bool = False
    tls: str | None = None


@functools.lru_cache(maxsize=64)
def parse(url: str, tls: str | None = None) -> Location:
    """Return the parts of ``url``; ``tls`` overrules what its scheme says of encryption.

    User and password are percent-decoded, the path is taken as it is written. Raises ValueError,
    which never shows the password.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(
            f"A location has the form {_FORM}. In user and password, write / as %2F, : as %3A and "
            "% as %25."
        )
    scheme = found["scheme"].lower()
    if scheme not in _SCHEMES:
        raise ValueError(f"{scheme!r} is none of {', '.join(_SCHEMES)}.")
    host = found["host"].strip("[]")
    if not host:
        raise ValueError(f"The location names no host; its form is {_FORM}.")
    active, encryption = _SCHEMES[scheme]
    port = _port(found["port"])
    if tls is not None:
        encryption = tls
    elif scheme in {"ftps", "aftps"} and port == IMPLICIT_PORT:
        encryption = "implicit"
    user = unquote(found["user"] or "") or "anonymous"
    location = Location(
        host=host,
        port=port or (IMPLICIT_PORT if encryption == "implicit" else PORT),
        path=_path(found["path"] or ""),
        user=user,
        password=unquote(found["password"] or ""),
        active=active,
        tls=encryption,
    )
    for part in (location.host, location.user, location.password, location.path):
        # A line break would begin another command.
        if any(character < " " or character == "\x7f" for character in part):
            raise ValueError("The location has a control character in it.")
    return location


def _port(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST_PORT):
        raise ValueError(f"The port must be a number between 1 and {_LARGEST_PORT}.")
    return int(text)


def _path(text: str) -> str:
    """The directory, without what would make a second spelling of one name."""
    return re.sub("/+", "/", text).rstrip("/") or text[:1]


def without_password(url: str) -> str:
    """Return ``url`` as it may stand in a migration or a log."""
    found = _URL.fullmatch(url)
    if found is None:
        return "***"
    if found["password"] is None:
        return url
    return url[: found.start("password") - 1] + url[found.end("password") :]


class LocationOption(Option):
    """The location: all of it may be seen but the password."""

    def secret_parts(self, value: Any) -> list[Any]:
        """Return the password, as it stands in the location and as it is sent."""
        found = _URL.fullmatch(value) if isinstance(value, str) else None
        password = found and found["password"]
        return [password, unquote(password)] if password else []

    def shown(self, value: Any) -> Any:
        """Return the location without the password."""
        return without_password(value) if isinstance(value, str) else value


class PasswordOption(Option):
    """The password: given by itself, else the one in the location."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the password that counts; "" when there is none."""
        value = super().__get__(instance, owner)
        if instance is None or value is not None:
            return value
        found = _URL.fullmatch(instance.location or "")
        return unquote((found and found["password"]) or "")
