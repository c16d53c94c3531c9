"""ODBC drivers by path, so that nothing depends on the machine's odbcinst.ini."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from tests.servers.process import MissingProgramError

# Every character that a connection string treats specially and that every driver can pass on.
PASSWORD = "s3cret;Pass=word {x"


def driver(library: str, package: str) -> str:
    """The path of an ODBC driver, for the machine's own architecture first."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "*"
    for pattern in (
        f"usr/lib/{multiarch}/odbc/{library}",
        f"usr/lib*/odbc/{library}",
        f"usr/lib*/{library}",
        f"usr/local/lib*/{library}",
        f"usr/lib/*/odbc/{library}",
        f"opt/homebrew/lib/{library}",
    ):
        for path in sorted(Path("/").glob(pattern)):
            return str(path)
    raise MissingProgramError(f"{library} is not installed: apt-get install {package}")


def connection_string(**keys: str) -> str:
    """``Key=value;...``: a value in braces only where it needs them.

    (The drivers of SQLite and PostgreSQL take the braces around a plain value for part of it.)
    """
    return "".join(f"{key}={_quoted(value)};" for key, value in keys.items())


def _quoted(value: str) -> str:
    if not set(value) & set(";{}") and value == value.strip():
        return value
    return "{" + value.replace("}", "}}") + "}"


def sqlite(path: Path | str, **more: str) -> str:
    """How pyodbc opens an SQLite file. There is no server: the driver is the database."""
    return connection_string(
        Driver=driver("libsqlite3odbc.so", package="libsqliteodbc"),
        Database=str(path),
        **{"LongNames": "1", "BigInt": "1", "FKSupport": "1", **more},
    )
