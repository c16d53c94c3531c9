"""Whether what arrived is what was sent: a digest made by the server, where it offers one.

``HASH`` (draft-bryan-ftpext-hash) has one of several algorithms selected; older servers have one
command for each. Where there is none, the size must do.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Any

from storages.backends.ftp.connection import Connection
from storages.backends.ftp.inquiry import size_of
from storages.errors import Unavailable
from storages.retry import timeout

__all__ = ["Check"]

# Bytes per second in which a server reads what it digests, at least.
_SLOWEST = 10_000_000
_SELECTED = {
    "SHA-512": "sha512",
    "SHA-256": "sha256",
    "SHA-1": "sha1",
    "MD5": "md5",
    "CRC32": "crc32",
}
_COMMANDS = {
    "XSHA256": "sha256",
    "XSHA512": "sha512",
    "XSHA1": "sha1",
    "XSHA": "sha1",
    "XMD5": "md5",
    "MD5": "md5",
    "XCRC": "crc32",
}


class _CRC32:
    """CRC-32 in the form of hashlib's."""

    digest_size = 4

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


class Check:
    """Sees what is sent, and asks the server what arrived."""

    def __init__(self, ftp: Connection) -> None:
        self._ftp = ftp
        self._size = 0
        self.command, algorithm = _offered(ftp.features)
        self._digest: Any = None
        if algorithm == "crc32":
            self._digest = _CRC32()
        elif algorithm:
            self._digest = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Take note of what is sent."""
        self._size += len(data)
        if self._digest is not None:
            self._digest.update(data)

    def confirm(self, path: str) -> None:
        """Raise Unavailable when the file is another one: sent again, it may arrive."""
        if self._digest is not None:
            patience = timeout(self._ftp.place.timeout + self._size / _SLOWEST)
            reply = self._ftp.ask(f"{self.command} {path}", patience)
            # Up to so many digits: some leave out leading zeros of a CRC.
            shown = reply.text.replace(path, "").partition(" ")[2]
            longest = self._digest.digest_size * 2
            found = re.findall(
                rf"(?<![\w.-])[0-9A-Fa-f]{{{longest - 3},{longest}}}(?![\w.-])", shown
            )
            if reply.is_positive and found:
                if int(found[-1], 16) != int(self._digest.hexdigest(), 16):
                    raise Unavailable("What arrived at the server has another digest.")
                return
        size = size_of(self._ftp, path)
        if size is not None and size != self._size:
            raise Unavailable(f"Of {self._size} bytes {size} arrived at the server.")


def _offered(features: dict[str, str]) -> tuple[str, str]:
    """Return the command and the algorithm; two empty strings when there is none."""
    selected = re.search(r"([\w-]+)\*", features.get("HASH", ""))
    if selected and selected[1].upper() in _SELECTED:
        return "HASH", _SELECTED[selected[1].upper()]
    for command, algorithm in _COMMANDS.items():
        if command in features:
            return command, algorithm
    return "", ""
