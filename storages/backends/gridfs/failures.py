"""What MongoDB and pymongo say when something fails, and which of our errors that is.

https://www.mongodb.com/docs/manual/reference/error-codes/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storages.errors import (
    AlreadyExists,
    Corrupt,
    OptionError,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.libraries import library
from storages.redact import forget_variables

__all__ = ["DUPLICATE", "code_of", "is_refusal", "translating"]

#: The code of a document that a unique index refuses.
DUPLICATE = 11000

_CODES: dict[int, type[StorageError]] = {
    **dict.fromkeys((DUPLICATE, 11001, 12582), AlreadyExists),
    # Unauthorized, AuthenticationFailed, and what Atlas says of either
    **dict.fromkeys((13, 18, 8000), PermissionDenied),
    # MaxTimeMSExpired, ExceededTimeLimit, WriteConcernFailed (not replicated in time)
    **dict.fromkeys((50, 64, 262), Timeout),
    **dict.fromkeys((12501, 14031), StorageFull),
    **dict.fromkeys((10334, 17280, 17419, 17420), TooLarge),
    # hosts that went, elections, shutdowns, lost races for a document
    **dict.fromkeys(
        (6, 7, 24, 46, 89, 91, 112, 133, 189, 9001, 10107, 11600, 11602, 13435, 13436), Unavailable
    ),
}
#: What is wrong with a server that cannot be reached is only told in words.
_UNVERIFIED = "certificate verify failed"
_REFUSED = "authentication failed"
_SILENT = ("timed out", "No servers found yet")


def code_of(error: Any) -> int:
    """Return the server's code: that of the first of several refused writes; 0 for none."""
    details = getattr(error, "details", None) or {}
    for kind in ("writeErrors", "writeConcernErrors"):
        if details.get(kind):
            return int(details[kind][0].get("code") or 0)
    return int(getattr(error, "code", None) or 0)


def is_refusal(error: StorageError) -> bool:
    """Tell whether it is certain that nothing was done: the server has said so."""
    if isinstance(error, TooLarge):
        return True
    cause = error.__cause__
    # What was not replicated as it should be is there nevertheless.
    return (
        not isinstance(error, Unavailable)
        and _is(cause, "OperationFailure")
        and not _is(cause, "WriteConcernError")
    )


@contextmanager
def translating() -> Iterator[None]:
    """Turn what pymongo raises into our errors.

    Raises OptionError for what the settings have wrong.
    """
    pymongo = library("pymongo.errors", "gridfs")
    bson = library("bson.errors", "gridfs")
    try:
        yield
    except pymongo.InvalidOperation as error:
        # Another thread has closed the storage, and with it the client.
        raise Unavailable(_text(error)) from error
    except (pymongo.ConfigurationError, pymongo.InvalidURI, pymongo.InvalidName) as error:
        raise OptionError(f"MongoDB's client cannot be made: {_text(error)}") from None
    except (pymongo.DocumentTooLarge, bson.InvalidDocument) as error:
        raise TooLarge(_text(error)) from error
    except bson.BSONError as error:
        raise Corrupt(_text(error)) from error
    except pymongo.PyMongoError as error:
        forget_variables(error)  # the credentials are among them
        raise _failure(error) from error


def _failure(error: Any) -> StorageError:
    text = _text(error)
    code = code_of(error)
    if code in _CODES:
        kind = StorageFull if "space quota" in text else _CODES[code]
        return kind(text, hint=_HINTS.get(code, ""))
    if code == 0 and _is(error, "ServerSelectionTimeoutError"):
        return _no_server(text)
    if error.timeout:
        return Timeout(text)
    # What a broken connection says has no code.
    return Unavailable(text) if _is(error, "ConnectionFailure") else StorageError(text)


def _no_server(text: str) -> StorageError:
    if _UNVERIFIED in text.lower():
        return StorageError(text, hint="Name the authority's certificate in the option tlsCAFile.")
    if _REFUSED in text.lower():
        return PermissionDenied(text, hint=_HINTS[18])
    kind = Timeout if any(words in text for words in _SILENT) else Unavailable
    return kind(text, hint="Is the server's address right, and does it run?")


_HINTS = {
    13: "The user needs the role readWrite on the database.",
    18: "Look at user, password and authSource (the database that knows the user).",
}


def _is(error: Any, name: str) -> bool:
    return isinstance(error, getattr(library("pymongo.errors", "gridfs"), name))


def _text(error: Any) -> str:
    """Return what it says, without the state of the whole cluster and the refused documents."""
    details = getattr(error, "details", None) or {}
    for kind in ("writeErrors", "writeConcernErrors"):
        if isinstance(details, dict) and details.get(kind):
            return str(details[kind][0].get("errmsg"))
    text = str(details.get("errmsg") or error) if isinstance(details, dict) else str(error)
    return text.partition(", Topology Description:")[0].partition(", full error:")[0]
