"""What a server answers, and which of our errors a refusal is.

FTP has few codes for many reasons (550 is "missing", "forbidden" and "that is a directory"), so the
words count where they are those of every server; where they are not, the storage asks on.
"""

# ruff: noqa: N818 - named as those in storages.errors

from __future__ import annotations

import errno
import ftplib
import re
from dataclasses import dataclass

from storages.errors import (
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    TooLarge,
    Unavailable,
)

__all__ = ["NameTooLong", "NotSupported", "Reply", "refusal", "why"]


#: Codes from here on say that asking again is of no use (RFC 959, 4.2).
PERMANENT = 500


class NotSupported(StorageError):
    """The server does not know a command that is needed."""

    reason = "The server does not implement this."


@dataclass(frozen=True)
class Reply:
    """A server's answer: three digits, and all lines of text."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        """Whether it was done, or goes on."""
        return self.code < 400  # noqa: PLR2004 - RFC 959, 4.2

    @property
    def is_unknown(self) -> bool:
        """Whether the server does not know the command."""
        return self.code in {202, 500, 502, 504}

    def __str__(self) -> str:
        return self.text


class NameTooLong(StorageError):
    """The server's disk does not take so long a name."""

    number = errno.ENAMETOOLONG
    reason = "The name is too long."


# What errno is called by every libc's strerror(), and what servers write instead.
_WORDS: tuple[tuple[type[StorageError], str], ...] = (
    (
        StorageFull,
        r"no space left|dis[ck] (is )?full|quota|not enough (disk )?space|insufficient (disk )?sp",
    ),
    (NotADirectory, r"not a directory"),
    (IsADirectory, r"is a directory|not a (plain|regular) file|not retrievable"),
    (DirectoryNotEmpty, r"not empty"),
    (PermissionDenied, r"permission|denied|not (allowed|permitted)|forbidden|read-?only|access is"),
    (NotFound, r"no such|not found|(does|doesn't|did) ?n[o']t exist|cannot find|no file"),
    (TooLarge, r"file too large"),
    (NameTooLong, r"name too long"),
)
# The server's own idea of the path may differ.
_PATH = re.compile(r"\S*/\S*")
_BUSY = re.compile(r"too many|maximum|limit|try (again )?later", re.IGNORECASE)
_WANTS_TLS = re.compile(r"\b(TLS|SSL)\b|encrypt|clear-?text", re.IGNORECASE)
_CODES: dict[int, type[StorageError]] = {
    421: Unavailable,
    425: Unavailable,
    426: Unavailable,
    430: PermissionDenied,
    434: Unavailable,
    450: Unavailable,
    451: Unavailable,
    452: StorageFull,
    500: NotSupported,
    502: NotSupported,
    504: NotSupported,
    530: PermissionDenied,
    532: PermissionDenied,
    # Whoever asks has seen to it that nothing is missing.
    550: PermissionDenied,
    553: PermissionDenied,
    552: StorageFull,
}


def why(reply: Reply, path: str = "") -> type[StorageError] | None:
    """Return what the words of a refusal say, once the name in them is taken out; else None."""
    words = reply.text
    for part in (path, *sorted(path.split("/"), key=len, reverse=True)):
        if part:
            words = words.replace(part, "")
    words = _PATH.sub("", words)
    for kind, pattern in _WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return kind
    return None


def refusal(
    reply: Reply, path: str = "", *, hint: str = "", unknown: type[StorageError] | None = None
) -> StorageError:
    """Return the error that a negative answer is; ``unknown`` where words tell nothing."""
    kind = why(reply, path) or unknown or _CODES.get(reply.code, StorageError)
    if reply.code in {421, 530} and _BUSY.search(reply.text):
        kind = Unavailable
    elif reply.code in {421, 530}:
        kind = _CODES[reply.code]
    if _WANTS_TLS.search(reply.text) and (not hint or reply.code in {421, 530}):
        hint = (
            "The server asks for TLS: see FTP_STORAGE_LOCATION ('ftps://...') and "
            "FTP_STORAGE_TLS; a data connection must resume the session of the control connection."
        )
    error = kind(f"The server answered {reply.text!r}.", hint=hint)
    theirs = ftplib.error_temp if reply.code < PERMANENT else ftplib.error_perm
    error.__cause__ = theirs(reply.text)
    return error
