"""The statements, for one dialect and one table."""

# ruff: noqa: S608 - the only text put into SQL are identifiers, which identifiers.py has judged

from __future__ import annotations

from dataclasses import dataclass

from storages.backends.database.dialects import Dialect

__all__ = ["Statements", "Table"]


@dataclass(frozen=True)
class Table:
    """The project's table and its three columns."""

    table: str
    name: str
    blob: str
    size: str


class Statements:
    """SQL with ``?`` for what is bound; where a row is named, ``same(key)`` is bound."""

    def __init__(self, dialect: Dialect, table: Table) -> None:
        self.dialect = dialect
        self._identifiers = {**vars(table)}
        same = dialect.same
        version = dialect.version or "{size}"  # looked at only if the dialect has one
        length = dialect.length or "{size}"  # likewise
        #: -> size, version
        self.describe = self._filled(
            f"SELECT COALESCE({{size}}, {length}), {version} FROM {{table}} WHERE {same}"
        )
        #: from, count -> length, size, version, part; or -> length, size, version, all of it
        self.read = self._filled(
            f"SELECT {length}, {{size}}, {version}, {dialect.slice or '{blob}'}"
            f" FROM {{table}} WHERE {same}"
        )
        self.exists = self._filled(f"SELECT 1 FROM {{table}} WHERE {same}")
        #: name, content, size
        self.insert = self._filled("INSERT INTO {table} ({name}, {blob}, {size}) VALUES (?, ?, ?)")
        #: content, size; same
        self.update = self._filled(f"UPDATE {{table}} SET {{blob}} = ?, {{size}} = ? WHERE {same}")
        #: new name; same
        self.rename = self._filled(f"UPDATE {{table}} SET {{name}} = ? WHERE {same}")
        self.delete = self._filled(f"DELETE FROM {{table}} WHERE {same}")
        self.probe = self._filled("SELECT {name}, {blob}, {size} FROM {table} WHERE 1 = 0")

    def lock(self, seconds: int) -> str:
        """What begins a writing transaction; "" where nothing needs to."""
        return self._filled(self.dialect.lock or "", seconds=str(seconds))

    def page(self, count: int, *, after: bool, bounded: bool) -> str:
        """``count`` names and sizes in order; bound are where to start and, if so, where to end."""
        dialect = self.dialect
        where = f"{dialect.binary} {'>' if after else '>='} {dialect.bound}"
        if bounded:
            where += f" AND {dialect.binary} < {dialect.bound}"
        return self._filled(
            self._filled(
                dialect.page,
                columns="{name}, {size}",
                where=where,
                order=dialect.binary,
                count=str(count),
                table="{table}",
            )
        )

    def same(self, key: str) -> tuple[str, ...]:
        """Return what to bind where a row is named."""
        return (key,) * self.dialect.same.count("?")

    def _filled(self, template: str, **more: str) -> str:
        return template.format(**{**self._identifiers, **more})
