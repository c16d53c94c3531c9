"""How databases differ: one table.

Each entry is SQL with ``{table}``, ``{name}``, ``{blob}`` and ``{size}`` for the project's own
identifiers and ``?`` for bound values. A database that is not in the table gets ``GENERIC``, which
asks for nothing beyond SQL-92: its values are then read in one piece.

PostgreSQL, MariaDB and SQLite are tested against the real thing; MySQL and SQL Server follow their
manuals only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["GENERIC", "Dialect", "dialect_of"]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Dialect:
    """What one database needs said differently."""

    title: str

    #: How text travels; None: as the driver has it.
    encoding: str | None = None

    #: Run when a connection is made; ``{seconds}`` and ``{milliseconds}`` are the time limit.
    setup: tuple[str, ...] = ()

    #: The row of exactly this name, whatever the column's collation takes for equal.
    #: Each ``?`` is the name.
    same: str = "{name} = ?"
    #: The name, and a bound name, in an order in which ``dir/…`` stands together.
    binary: str = "{name}"
    bound: str = "?"

    length: str | None = "LENGTH({blob})"
    #: Part of a value: bound are the start, counted from 1, and the count. None: only the whole.
    slice: str | None = None
    #: How much of a value is asked for at most at a time.
    slice_size: int = MIB
    #: Differs whenever the row's content does. None: a reader takes its copy when it is opened.
    version: str | None = None

    #: The first rows, in order.
    page: str = "SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}"

    #: Begins a transaction by making all other writers of this name wait, so that a name is
    #: created once also without a unique index. Bound is what ``lock_by`` says: the "name", a
    #: "number" or a "text" made of it, or nothing.
    lock: str | None = None
    lock_by: str | None = None
    unlock: str | None = None

    #: Commits, where the driver's own call says "done" on a connection that is gone.
    commit: str | None = None

    #: Bytes in one value, whatever the table says.
    most: int | None = None
    #: Asks for the bytes that a packet and the column take, and whether the name's collation tells
    #: all names apart. Bound are the schema, the table and the column: the name's, the blob's.
    limits: str | None = None

    def exact(self) -> Dialect:
        """Return the dialect for a column whose own collation tells all names apart."""
        return replace(self, same="{name} = ?", binary="{name}", bound="?")


POSTGRESQL = Dialect(
    "PostgreSQL",
    setup=("SET statement_timeout = {milliseconds}",),
    binary='{name} COLLATE "C"',
    length="OCTET_LENGTH({blob})",
    slice="SUBSTRING({blob} FROM ? FOR ?)",
    version="CAST(xmin AS text) || CAST(ctid AS text)",
    page="SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT {count}",
    lock="SELECT pg_advisory_xact_lock(?)",
    lock_by="number",
    # psqlodbc may notice only after a statement, in releasing its savepoint, and tell nobody.
    commit="COMMIT",
    most=256 * MIB,  # it travels as text, twice as long, in a message of at most 1 GB
)

_BYTES = "CAST(CONVERT({0} USING utf8mb4) AS BINARY)"

_COLUMN = "table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND column_name = ?"

# Without strict mode a name or a content that is too long is cut, and nobody told.
_STRICT = (
    "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES')"
)

MARIADB = Dialect(
    "MariaDB",
    encoding="utf-8",  # its driver mangles names of more than 128 characters in UTF-16
    setup=(
        _STRICT,
        "SET SESSION max_statement_time = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}",
    ),
    # The first half finds the row by its index, the second tells "a" from "A" and from "a ".
    same="{name} = ? AND " + _BYTES.format("{name}") + " = " + _BYTES.format("?"),
    binary=_BYTES.format("{name}"),
    bound=_BYTES.format("?"),
    slice="SUBSTRING({blob}, ?, ?)",
    slice_size=4 * MIB,  # each one costs a digest of the whole
    version="MD5({blob})",
    page="SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT {count}",
    lock="SELECT GET_LOCK(?, {seconds})",
    lock_by="text",
    unlock="SELECT RELEASE_LOCK(?)",
    limits=(
        "SELECT @@max_allowed_packet, character_octet_length, (SELECT"
        " collation_name LIKE '%nopad_bin' OR collation_name = 'utf8mb4_0900_bin'"
        " FROM information_schema.columns WHERE {column})"
        " FROM information_schema.columns WHERE {column}".replace("{column}", _COLUMN)
    ),
)

MYSQL = replace(
    MARIADB,
    title="MySQL",
    setup=(
        _STRICT,
        "SET SESSION max_execution_time = {milliseconds}",
        "SET SESSION innodb_lock_wait_timeout = {seconds}",
    ),
)

SQLITE = Dialect(
    "SQLite",
    same="{name} = ? COLLATE BINARY",
    binary="{name} COLLATE BINARY",
    slice="SUBSTR({blob}, ?, ?)",
    slice_size=4 * MIB,  # each one costs a copy of the whole
    page="SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT {count}",
    # A transaction that begins by reading cannot wait for its turn to write.
    lock="UPDATE {table} SET {size} = {size} WHERE 1 = 0",
    most=1_000_000_000 - MIB,
)

SQLSERVER = Dialect(
    "Microsoft SQL Server",
    setup=("SET LOCK_TIMEOUT {milliseconds}",),
    # A final character, since "=" takes "a" and "a " for the same under every collation.
    same="{name} = ? AND ({name} + N'.') COLLATE Latin1_General_BIN2 = ? + N'.'",
    binary="{name} COLLATE Latin1_General_BIN2",
    length="DATALENGTH({blob})",
    slice="SUBSTRING({blob}, ?, ?)",
    slice_size=4 * MIB,
    version="CONVERT(varchar(64), HASHBYTES('SHA2_256', {blob}), 2)",
    page="SELECT TOP {count} {columns} FROM {table} WHERE {where} ORDER BY {order}",
    lock="SELECT 1 FROM {table} WITH (UPDLOCK, HOLDLOCK) WHERE {name} = ?",
    lock_by="name",
    most=2**31 - 1,
)

GENERIC = Dialect("SQL", length=None)

#: By what the driver says at the question SQL_DBMS_NAME.
_BY_NAME = {d.title.lower(): d for d in (POSTGRESQL, MARIADB, MYSQL, SQLITE, SQLSERVER)}


def dialect_of(database: str) -> Dialect:
    """Return the dialect of the database of that name, else GENERIC under that name."""
    found = _BY_NAME.get(database.lower())
    return found or replace(GENERIC, title=database or GENERIC.title)
