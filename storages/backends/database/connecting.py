"""The ODBC side of a connection: opening one, its transactions, its errors."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.views.decorators.debug import sensitive_variables

from storages.backends.database.dialects import Dialect, dialect_of
from storages.backends.database.failures import failure_of
from storages.errors import OptionError, StorageError, Unavailable
from storages.libraries import library
from storages.retry import timeout

__all__ = ["Session", "connection_string", "open_session", "passwords_in", "secrets_in"]

# What the drivers that ignore ODBC's own time limits call theirs, by part of the driver's name.
# (PostgreSQL's are set by SQL, see the dialects.)
_MARIADB_KEYS = (
    "CONN_TIMEOUT={connect};READ_TIMEOUT={silence};WRITE_TIMEOUT={silence};CHARSET=utf8mb4;"
)
_DRIVER_KEYS = {
    "maodbc": _MARIADB_KEYS,
    "mariadb": _MARIADB_KEYS,
    "sqlite": "TIMEOUT={milliseconds};",
}
# A shorter password would blot out half of an ordinary sentence.
_SHORTEST = 3
_PAIR = re.compile(r"\s*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)")
# The native error number that pyodbc appends: "... (1062) (SQLExecDirectW)".
_CODE = re.compile(r"\((\d+)\) \(SQL\w+\)$")


def connection_string(keys: Mapping[str, str | None]) -> str:
    """Return ``KEY=value;…`` without the empty ones.

    A value is put in braces where it needs them; the drivers of SQLite and PostgreSQL take braces
    around a plain value for part of it.
    """
    return "".join(f"{key}={_quoted(value)};" for key, value in keys.items() if value)


def _quoted(value: str) -> str:
    if not set(value) & set(";{}") and value == value.strip():
        return value
    return "{" + value.replace("}", "}}") + "}"


def _pairs(text: str) -> dict[str, str]:
    return {key.upper(): value for key, value in _PAIR.findall(text)}


def passwords_in(text: str) -> list[str]:
    """Return the passwords of a connection string, as written and as meant."""
    found = []
    for key, value in _pairs(text).items():
        if key in {"PWD", "PASSWORD"}:
            plain = value[1:-1].replace("}}", "}") if value.startswith("{") else value
            found += [value, plain]
    return found


def secrets_in(text: str) -> list[re.Pattern[str]]:
    """Return what finds the passwords of a connection string, as written and as meant.

    A driver that stumbles over a password may show a piece of it, so the pieces count too, as
    words of their own.
    """
    whole = {text, *passwords_in(text)}
    pieces = {p for plain in passwords_in(text) for p in re.split(r"[;{}=\s]+", plain)} - whole
    found = [re.escape(secret) for secret in whole if len(secret) >= _SHORTEST]
    found += [rf"\b{re.escape(piece)}\b" for piece in pieces if len(piece) >= _SHORTEST]
    return [re.compile(pattern) for pattern in sorted(found, key=len, reverse=True)]


class Session:
    """One connection, with what is known of its database."""

    def __init__(
        self, raw: Any, driver: Any, dialect: Dialect, secrets: Sequence[re.Pattern[str]]
    ) -> None:
        self.raw = raw
        self.dialect = dialect
        self._driver = driver
        self._secrets = secrets
        self._allowed: int | None = None

    def allow(self, seconds: float) -> None:
        """Let statements take ``seconds``, or what the caller's deadline leaves."""
        allowed = math.ceil(timeout(seconds))
        if allowed == self._allowed:
            return
        for statement in self.dialect.setup:
            self.run(statement.format(seconds=allowed, milliseconds=allowed * 1000))
        if not self.dialect.setup:
            # Not every driver knows this one.
            with contextlib.suppress(self._driver.Error):
                self.raw.timeout = allowed
        self._allowed = allowed

    def rows(self, sql: str, *values: Any, most: int | None = None) -> list[Any]:
        """Run a query; return its rows, or the first ``most`` of them."""
        with self.translating(), self._cursor() as cursor:
            cursor.execute(sql, *values)
            rows: list[Any] = cursor.fetchall() if most is None else cursor.fetchmany(most)
            return rows

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement; return how many rows it changed."""
        with self.translating(), self._cursor() as cursor:
            count: int = cursor.execute(sql, *values).rowcount
            return count

    def close(self) -> None:
        """Close the connection; one that the server has closed already is closed, too."""
        with contextlib.suppress(self._driver.Error):
            self.raw.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is run inside, or roll all of it back."""
        with self.translating():
            self.raw.autocommit = False
        try:
            yield
            if self.dialect.commit is not None:
                self.run(self.dialect.commit)
            with self.translating():
                self.raw.commit()
        except BaseException as error:
            lost = self._undo()
            if lost is not None and not isinstance(error, Unavailable):
                # Nobody may use this connection again.
                raise lost from error
            raise
        with self.translating():
            self.raw.autocommit = True

    def _undo(self) -> Unavailable | None:
        try:
            with self.translating():
                self.raw.rollback()
                self.raw.autocommit = True
        except (StorageError, OptionError) as error:
            return error if isinstance(error, Unavailable) else Unavailable(str(error))
        return None

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self.raw.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn the driver's errors into ours, which show no secret; neither does their cause."""
        failed = None
        try:
            yield
        except self._driver.Error as error:
            mysql = self.dialect.title in {"MariaDB", "MySQL"}
            failed = translated(error, self._secrets, mysql=mysql)
        if failed is not None:
            # Outside the except clause, or the error would drag the driver's own one along.
            raise failed


def translated(
    error: Any, secrets: Sequence[re.Pattern[str]], *, mysql: bool
) -> StorageError | OptionError:
    """Return our error for a driver's; its cause is a copy of that one without secrets."""
    state = str(error.args[0]) if error.args else ""
    text = str(error.args[-1]) if error.args else type(error).__name__
    code = _CODE.search(text)
    failure = failure_of(state, int(code[1]) if code and mysql else None, text)
    for secret in secrets:
        text = secret.sub("***", text)
    ours = failure.error_for(text)
    ours.__cause__ = type(error)(state, text)
    return ours


@sensitive_variables()
def open_session(text: str, *, connect_timeout: float, seconds: float) -> Session:
    """Connect; raise MissingLibrary, OptionError, PermissionDenied, Unavailable and others."""
    driver = library("pyodbc", "database")
    secrets = secrets_in(text)
    connect = math.ceil(timeout(connect_timeout))
    pairs = _pairs(text)
    for part, limits in _DRIVER_KEYS.items():
        if part in pairs.get("DRIVER", "").lower():
            whole = math.ceil(seconds)
            # The server's own limit comes first: it leaves the connection in order.
            wanted = limits.format(connect=connect, silence=whole + 5, milliseconds=1000 * whole)
            added = {k: v for k, v in _pairs(wanted).items() if k not in pairs}
            text = f"{text.rstrip('; ')};{connection_string(added)}"
    failed = None
    try:
        raw = driver.connect(text, timeout=connect, autocommit=True)
        name = str(raw.getinfo(driver.SQL_DBMS_NAME))
    except driver.Error as error:
        mysql = re.search("mysql|maria|maodbc", text, re.IGNORECASE)
        failed = translated(error, secrets, mysql=mysql is not None)
    if failed is not None:
        raise failed
    session = Session(raw, driver, dialect_of(name), secrets)
    try:
        if session.dialect.encoding is not None:
            raw.setencoding(session.dialect.encoding, ctype=driver.SQL_CHAR)
            raw.setdecoding(driver.SQL_CHAR, session.dialect.encoding)
            raw.setdecoding(driver.SQL_WCHAR, session.dialect.encoding, ctype=driver.SQL_CHAR)
        session.allow(seconds)
    except BaseException:
        session.close()
        raise
    return session
