"""What databases say when something fails, and which of our errors that is: one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

__all__ = ["NO_TABLE", "Failure", "failure_of"]


@dataclass(frozen=True)
class Failure:
    """A kind of failure: the error that stands for it, and how databases report it.

    ``states`` are SQLSTATEs, or their beginnings; ``codes`` MySQL's and MariaDB's numbers; ``text``
    finds what SQLite, Oracle and drivers without better manners write.
    """

    error: type[StorageError | OptionError]
    states: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    text: str = "(?!)"
    message: str = ""
    hint: str = ""

    def error_for(self, text: str) -> StorageError | OptionError:
        """Return the error, with what the database said."""
        message = " ".join(part for part in (self.message, text) if part)
        if issubclass(self.error, StorageError):
            return self.error(message, hint=self.hint)
        return self.error(f"{message} {self.hint}")


NO_TABLE = Failure(
    StorageError,
    ("42P01", "42S02"),
    (1146,),
    r"no such table|ORA-00942",
    message="The table does not exist.",
)

#: The first that matches counts: an answer to one question may come under a state of another's.
FAILURES = (
    Failure(
        OptionError,
        ("IM",),
        (),
        r"can't open lib|data source name not found",
        message="The ODBC driver, or the data source, cannot be loaded.",
        hint="Give the driver's name in odbcinst.ini or the path of its library.",
    ),
    Failure(
        PermissionDenied,
        ("28", "42501"),
        (1044, 1045, 1142, 1143, 1227, 1698),
        r"password authentication failed|no password supplied|readonly database|ORA-01017"
        r"|login failed|role \".*\" does not exist|pg_hba\.conf",
    ),
    Failure(
        StorageError,
        ("3D000",),
        (1049,),
        r"database \".*\" does not exist|unable to open database|connect failed \(14\)",
        message="The database does not exist, or cannot be opened.",
    ),
    NO_TABLE,
    Failure(
        StorageError,
        ("42703", "42S22"),
        (1054,),
        r"no such column|has no column named|ORA-00904",
        message="The table lacks a column.",
    ),
    Failure(
        AlreadyExists,
        ("23505",),
        (1062, 1586),
        r"UNIQUE constraint failed|PRIMARY KEY must be unique|ORA-00001"
        r"|duplicate key|UNIQUE KEY constraint",
    ),
    Failure(
        TooLarge,
        ("54",),
        (1118, 1153, 2020),
        r"max_allowed_packet|string or blob too big|row is too big|invalid memory alloc",
    ),
    Failure(
        StorageError,
        ("22001",),
        (1406,),
        r"ORA-12899",
        message="A value is too long for its column.",
        hint="Shorten the name, or widen the column.",
    ),
    Failure(
        StorageFull,
        ("53100",),
        (1021, 1114),
        r"disk is full|ORA-0165\d|no space left",
    ),
    Failure(
        Timeout,
        ("57014", "55P03", "HYT"),
        (1205, 1969, 3024),
        r"database (table )?is locked|ORA-00054|timeout expired",
    ),
    Failure(
        Unavailable,
        ("08", "40", "57P", "53"),
        (1040, 1053, 1213, 2002, 2003, 2006, 2013, 2055, 5014),
        r"connection.*(closed|lost|reset|refused)|server closed|ORA-(03113|03114|03135|12541)"
        r"|SSL SYSCALL|SSL error"
        # what psqlodbc says when the connection is gone before it can set its own
        r"|internal SAVEPOINT failed",
    ),
    Failure(Corrupt, (), (), r"disk image is malformed|file is not a database"),
)

OTHER = Failure(StorageError)


def failure_of(state: str, code: int | None, text: str) -> Failure:
    """Return the failure that a database reports by SQLSTATE, MySQL's number and message."""
    for failure in FAILURES:
        if (
            state.startswith(failure.states or ("\0",))
            or code in failure.codes
            or re.search(failure.text, text, re.IGNORECASE)
        ):
            return failure
    return OTHER
