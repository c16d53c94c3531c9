"""Capabilities: the strings with which Tahoe-LAFS names files and directories, and opens them.

Whoever knows one has what it names. See docs/specifications/uri.rst of Tahoe-LAFS.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "LITERAL",
    "is_literal_version",
    "is_of_directory",
    "literal_version",
    "version",
    "without_caps",
]

#: Files up to this length, in bytes, are not stored: their capability holds them.
LITERAL = 55
_LITERAL_VERSION = "LIT-"

_DIRECTORY = re.compile(
    r"URI:DIR2("
    r"((-MDMF)?(-RO)?):[a-z2-7]{26}:[a-z2-7]{52}(:[0-9:]*)?"
    r"|-CHK:[a-z2-7]{26}:[a-z2-7]{52}:\d+:\d+:\d+"
    r"|-LIT:[a-z2-7]*"
    r")"
)
# As they are, and percent-encoded, once or more.
_ANY = re.compile(r"URI(:|%(25)*3A)[A-Za-z0-9]((:|%(25)*3A)?[A-Za-z0-9-])*", re.IGNORECASE)


def is_of_directory(cap: str) -> bool:
    """Tell whether ``cap`` is the capability of a directory, to write or only to read."""
    return _DIRECTORY.fullmatch(cap) is not None


def without_caps(text: str) -> str:
    """Return ``text`` with each capability, also percent-encoded, as ``URI:***``."""
    return _ANY.sub("URI:***", text)


def version(told: Mapping[str, Any]) -> str | None:
    """Return the version of a file of which the gateway has ``told``; None for a mutable one.

    It is the storage index, which is also the ETag: a hash of the key, which is one of the content.
    It does not let anybody read the file, so it can be shown.
    """
    verifier = str(told.get("verify_uri", ""))
    if verifier.startswith("URI:CHK-Verifier:"):
        return verifier.split(":")[2]
    literal = str(told.get("ro_uri", ""))
    return _digest(literal) if literal.startswith("URI:LIT:") else None


def literal_version(content: bytes) -> str:
    """Return the same for a file so small that its capability holds ``content``."""
    return _digest("URI:LIT:" + base64.b32encode(content).decode().rstrip("=").lower())


def is_literal_version(version: str | None) -> bool:
    """Tell whether it is the version of such a file."""
    return version is not None and version.startswith(_LITERAL_VERSION)


def _digest(cap: str) -> str:
    return _LITERAL_VERSION + hashlib.sha256(cap.encode()).hexdigest()[:32]
