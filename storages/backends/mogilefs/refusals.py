"""What a tracker's errors mean: its code, and which of ours it is.

The codes are those of MogileFS-Server 2.73, ``lib/MogileFS/Worker/Query.pm``.
"""

from __future__ import annotations

from collections.abc import Mapping

from storages.errors import (
    AlreadyExists,
    Corrupt,
    NotFound,
    PermissionDenied,
    StorageError,
    Unavailable,
)

__all__ = [
    "NO_TEMPORARY_FILE",
    "UNKNOWN_COMMAND",
    "TrackerError",
    "code_of",
    "is_long",
    "refusal",
    "too_long",
]

NO_TEMPORARY_FILE = "no_temp_file"
UNKNOWN_COMMAND = "unknown_command"

#: Those that are not here say that the command itself was wrong.
_KINDS: Mapping[str, type[StorageError]] = {
    "checksum_mismatch": Corrupt,
    "db": Unavailable,
    "failure": Unavailable,
    "key_exists": AlreadyExists,
    "no_devices": Unavailable,
    "nodb": Unavailable,
    "plugin_aborted": PermissionDenied,
    "size_mismatch": Corrupt,
    "size_verify_error": Unavailable,
    "unknown_key": NotFound,
}
_HINTS: Mapping[str, str] = {
    "no_devices": "No storage node is up and has room for it: see `mogadm check`.",
    "unreg_class": "Create it: `mogadm class add <domain> <class>`.",
    "unreg_domain": "Create it: `mogadm domain add <domain>`.",
}
#: The usual length of the column that MogileFS keeps keys in: of characters, or of bytes.
_COLUMN = 255


class TrackerError(Exception):
    """A tracker's ERR, as it came: the cause of our error."""


def refusal(command: str, code: str, words: str) -> StorageError:
    """Return our error for a tracker's ``ERR code words`` in answer to ``command``."""
    said = words if words and words != code else code.replace("_", " ")
    error = _KINDS.get(code, StorageError)(
        f"The tracker refused {command}: {said} ({code}).", hint=_HINTS.get(code, "")
    )
    vars(error)["code"] = code
    error.__cause__ = TrackerError(f"ERR {code} {words}")
    return error


def is_long(key: str) -> bool:
    """Tell whether the usual column may have no room for the key."""
    return len(key.encode()) > _COLUMN


def too_long(key: str, message: str) -> StorageError:
    """Return the error for a key that the trackers' database does not keep."""
    return StorageError(
        f"{message} The name has {len(key)} characters, {len(key.encode())} bytes.",
        hint=f"MogileFS keeps keys of up to {_COLUMN} characters (bytes, with some databases), "
        "unless its database has a longer column for them.",
    )


def code_of(error: BaseException) -> str | None:
    """Return the tracker's code that one of our errors was made of, or None."""
    found: str | None = vars(error).get("code")
    return found
