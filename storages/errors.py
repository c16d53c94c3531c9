"""The errors that storages raise.

Each is a :class:`StorageError`, hence an :class:`OSError`, and also the built-in class that
Django's ``FileSystemStorage`` would raise for the same reason, so that code written for it works::

    StorageError (OSError)
    ├── NotFound            (FileNotFoundError)   no file of that name
    ├── AlreadyExists       (FileExistsError)     a create-only write met a file of that name
    ├── PermissionDenied    (PermissionError)     the store refused
    ├── IsADirectory        (IsADirectoryError)   a file was needed, the name is a directory
    ├── NotADirectory       (NotADirectoryError)  a directory was needed, part of the name is a file
    ├── DirectoryNotEmpty                         only empty directories can be deleted
    ├── Unavailable         (ConnectionError)     the store cannot be reached, or broke off
    │   └── Timeout         (TimeoutError)        it did not answer in time
    ├── StorageFull                               no space or quota, at the store or for staging
    ├── TooLarge                                  more than this store or this table can hold
    ├── Changed                                   another version than the one that was opened
    ├── Corrupt                                   the bytes are not those that were stored
    └── SourceChanged                             the content's length changed while it was read

    NoURL                (ValueError, NotImplementedError)    the file has no URL
    OptionError          (ImproperlyConfigured, ValueError)   an option is unknown, missing or wrong
    └── MissingLibrary                                        the backend's library is not installed

A refused *name* is Django's ``SuspiciousFileOperation``.
"""

# ruff: noqa: N818 - a tree of errors reads better without the suffix on each branch

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "AlreadyExists",
    "Changed",
    "Corrupt",
    "DirectoryNotEmpty",
    "IsADirectory",
    "MissingLibrary",
    "NoURL",
    "NotADirectory",
    "NotFound",
    "OptionError",
    "PermissionDenied",
    "SourceChanged",
    "StorageError",
    "StorageFull",
    "Timeout",
    "TooLarge",
    "Unavailable",
]


class StorageError(OSError):
    """A storage could not do what was asked of it.

    ``message`` says what happened, ``hint`` what to do next where that is known. ``operation``
    (``"open"``, ``"write"``, …), ``name`` (the file's) and ``storage`` (its ``repr``) say where;
    the storage fills them in when the code that raised the error left them empty.
    """

    number: ClassVar[int] = errno.EIO
    reason: ClassVar[str] = "The storage failed."

    def __init__(
        self,
        message: str = "",
        *,
        operation: str = "",
        name: str = "",
        storage: str = "",
        hint: str = "",
    ) -> None:
        self.message = message or self.reason
        super().__init__(self.number, self.message)
        self.operation = operation
        self.name = name
        self.storage = storage
        self.hint = hint

    def locate(self, operation: str, name: str, storage: str) -> Self:
        """Fill in where it happened, keeping what is already known; returns the error itself."""
        self.operation = self.operation or operation
        self.name = self.name or name
        self.storage = self.storage or storage
        return self

    def __str__(self) -> str:
        where = " ".join(
            part
            for part in (
                self.operation,
                repr(self.name) if self.name else "",
                f"on {self.storage}" if self.storage else "",
            )
            if part
        )
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Callable[..., StorageError], tuple[Any, ...]]:
        return _restore, (type(self), self.args, dict(self.__dict__))


def _restore(
    kind: type[StorageError], args: tuple[Any, ...], state: dict[str, Any]
) -> StorageError:
    """Unpickle: subclasses may have constructors of their own, so none is called."""
    error = kind.__new__(kind, *args)
    OSError.__init__(error, *args)
    error.__dict__.update(state)
    return error


class NotFound(StorageError, FileNotFoundError):
    """No file of that name."""

    number = errno.ENOENT
    reason = "There is no such file."


class AlreadyExists(StorageError, FileExistsError):
    """A write that may only create met a file (or directory) of that name."""

    number = errno.EEXIST
    reason = "A file of that name exists."


class PermissionDenied(StorageError, PermissionError):
    """The store refused: wrong credentials, or not allowed to do that."""

    number = errno.EACCES
    reason = "The storage refused permission."


class IsADirectory(StorageError, IsADirectoryError):
    """A file was needed, and the name is a directory."""

    number = errno.EISDIR
    reason = "The name is a directory."


class NotADirectory(StorageError, NotADirectoryError):
    """A directory was needed, and part of the name is a file."""

    number = errno.ENOTDIR
    reason = "Part of the name is a file, not a directory."


class DirectoryNotEmpty(StorageError):
    """Only empty directories can be deleted."""

    number = errno.ENOTEMPTY
    reason = "The directory is not empty."


class Unavailable(StorageError, ConnectionError):
    """The store cannot be reached, or broke off; the same call may work later.

    ``retry_after`` is the number of seconds the store asked to be left alone for, if it did.
    ``final`` says that beginning anew would not help: its parts have been tried again already.
    """

    number = errno.ECONNABORTED
    reason = "The storage is unavailable."
    retry_after: float | None = None
    final: bool = False


class Timeout(Unavailable, TimeoutError):
    """The store did not answer in time, or the deadline passed."""

    number = errno.ETIMEDOUT
    reason = "The storage did not answer in time."


class StorageFull(StorageError):
    """No space or quota is left, at the store or where uploads are staged."""

    number = errno.ENOSPC
    reason = "No space is left."


class TooLarge(StorageError):
    """The content is larger than this store can hold in one file."""

    number = errno.EFBIG
    reason = "The content is too large."


class Changed(StorageError):
    """The file is another version than the one that was opened."""

    number = errno.ESTALE
    reason = "The file was changed or deleted after it was opened."


class Corrupt(StorageError):
    """The bytes that came are not the bytes that were stored."""

    reason = "The content is damaged."


class SourceChanged(StorageError):
    """The content to be stored got shorter or longer while it was being read."""

    reason = "The content changed while it was being read."


class NoURL(ValueError, NotImplementedError):
    """The file has no URL (Django raises ValueError, other packages catch NotImplementedError)."""

    def __init__(self, message: str = "This file is not accessible via a URL.") -> None:
        super().__init__(message)


class OptionError(ImproperlyConfigured, ValueError):
    """An option of a storage is unknown, missing or wrong."""


class MissingLibrary(OptionError):
    """The library that a backend needs is not installed."""


_BY_ERRNO: Mapping[int, type[StorageError]] = {
    errno.ENOENT: NotFound,
    errno.EEXIST: AlreadyExists,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.EISDIR: IsADirectory,
    errno.ENOTDIR: NotADirectory,
    errno.ENOTEMPTY: DirectoryNotEmpty,
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EFBIG: TooLarge,
    errno.ESTALE: Changed,
    errno.ETIMEDOUT: Timeout,
    errno.ECONNABORTED: Unavailable,
    errno.ECONNREFUSED: Unavailable,
    errno.ECONNRESET: Unavailable,
    errno.EPIPE: Unavailable,
    errno.EHOSTUNREACH: Unavailable,
    errno.ENETUNREACH: Unavailable,
}


def kind_of(
    error: BaseException, table: Mapping[type[BaseException], type[StorageError]]
) -> type[StorageError] | None:
    """Return which of our errors ``error`` is, or None when it is none of the store's.

    ``table`` is a backend's ``errors``: the entry for the most specific class of ``error`` wins.
    Built-in OSErrors that the table does not name are told apart by their ``errno``.
    """
    for kind in type(error).__mro__:
        if kind in table and kind is not OSError:
            return table[kind]
    if isinstance(error, OSError):
        if isinstance(error, TimeoutError):
            return Timeout
        if isinstance(error, ConnectionError):
            return Unavailable
        return _BY_ERRNO.get(error.errno or 0, table.get(OSError, StorageError))
    return None
