"""Files in a database.

``DatabaseStorage`` has two engines:

* the documented one, over ODBC (pyodbc): a table of the project's own, with columns for the name,
  the content and the size, one row per file;
* the embedded one, ``{"using": "default"}``: Django's own connection, in whose transactions it
  takes part, and two tables made by ``manage.py createstoragetable``, which take files of any size.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.utils.functional import Promise

from storages import names
from storages.backends.database.configuration import (
    ConnectionStringOption,
    files_option,
    server_string,
)
from storages.backends.database.embedded import EmbeddedEngine
from storages.backends.database.identifiers import identifier, table_identifier
from storages.backends.database.odbc import OdbcEngine, Place
from storages.backends.database.statements import Table
from storages.backends.database.views import image_view, serve_database_file
from storages.base import Entry, Reader, RemoteStorage, Source, Stat
from storages.errors import AlreadyExists, NotFound, NoURL, OptionError, Unavailable
from storages.options import Option, options_of, unknown_options
from storages.retry import NO_RETRY, Retry, repeat

__all__ = ["DatabaseStorage", "image_view", "serve_database_file"]

_COLUMNS = ("fname_column", "blob_column", "size_column")
_PLACE = ("using", "db_table", *_COLUMNS)


class DatabaseStorage(RemoteStorage):
    """Files in a database; see the module for the two engines.

    Options come from the dict that is the first argument, from keywords, or else from the setting
    ``DB_FILES``. A storage that is told any of ``using``, ``db_table`` and the columns takes none
    of them from ``DB_FILES``.
    """

    using: str | None = files_option(
        type=str,
        help="An alias in DATABASES: its connection (no columns given), or where to connect to "
        "over ODBC (columns given).",
    )
    db_table: str | None = files_option(
        type=str,
        convert=table_identifier,
        help='The table. Embedded: "storages_files" unless given.',
    )
    fname_column: str | None = files_option(
        type=str, convert=identifier, help="The column with the file's name, best its primary key."
    )
    blob_column: str | None = files_option(
        type=str, convert=identifier, help="The column with the content."
    )
    size_column: str | None = files_option(
        type=str, convert=identifier, help="The column with the content's size, a big integer."
    )
    base_url: str | None = files_option(
        settings=("DB_FILES_URL",),
        type=(str, Promise),
        help="What URLs begin with; None: files have no URL.",
    )
    overwrite: bool | None = files_option(
        type=bool, help="Whether saving a name again replaces the file; True unless given."
    )
    allow_overwrite: bool | None = files_option(
        type=bool, help="Another name of ``overwrite``, the one Django's own storage uses."
    )
    connection_string: str | None = ConnectionStringOption(
        settings=("DB_FILES_CONNECTION_STRING",),
        type=str,
        secret=True,
        help="How pyodbc connects. Without it one is made of the following.",
    )  # type: ignore[assignment]  # as files_option() is typed
    driver: str | None = files_option(
        settings=("DATABASE_ODBC_DRIVER",), type=str, help="The ODBC driver: a name or a path."
    )
    host: str | None = files_option(settings=("DATABASE_HOST",), type=str, help="The server.")
    port: str | None = files_option(
        settings=("DATABASE_PORT",), type=(str, int), convert=str, help="Its port."
    )
    database: str | None = files_option(
        settings=("DATABASE_NAME",), convert=str, help="The name of the database."
    )
    user: str | None = files_option(settings=("DATABASE_USER",), type=str, help="Who logs in.")
    password: str | None = files_option(
        settings=("DATABASE_PASSWORD",), type=str, secret=True, help="The password."
    )
    max_size: int = files_option(
        default=64 * 1024 * 1024,
        type=int,
        help="ODBC: bytes that a file may have, since each is sent as one value.",
    )
    timeout: float = files_option(
        default=60.0, type=float, help="ODBC: seconds that a statement may take."
    )
    connect_timeout: float = files_option(
        default=10.0, type=float, help="ODBC: seconds that connecting may take."
    )

    def __init__(self, option: Mapping[str, Any] | None = None, **given: Any) -> None:
        """Take the options; nothing is connected to.

        ``option`` is a dict like ``DB_FILES``. Raises OptionError, which is a ValueError.
        """
        if option is not None and not isinstance(option, Mapping):
            raise OptionError(f"DatabaseStorage takes a dict of options, not {option!r}.")
        self._engines: dict[Any, EmbeddedEngine | OdbcEngine] = {}
        told = {**(option or {}), **given}
        self._has_place = any(name in told or self._is_attribute(name) for name in _PLACE)
        super().__init__(**told)
        self._engine  # noqa: B018 - an error in the settings is told now

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        return self._engine.stat(key)

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return self._engine.open_read(key, offset, version)

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        self._engine.write(key, source, overwrite=overwrite)

    def _remove(self, key: str) -> None:
        self._engine.remove(key)

    def _list(self, prefix: str) -> Iterator[Entry]:
        return self._engine.entries(prefix)

    def _walk(self, prefix: str) -> Iterator[tuple[str, Stat | None]]:
        return self._engine.files(prefix)

    def _is_dir(self, key: str) -> bool:
        return self._engine.is_dir(key)

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        return self._engine.copy(key, target, overwrite=overwrite)

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        lost = False

        def move() -> None:
            nonlocal lost
            try:
                self._engine.move(key, target, overwrite=overwrite)
            except Unavailable:
                lost = True
                raise
            except (AlreadyExists, NotFound):
                # The answer that was lost may have been that of the commit.
                if not lost or self._there(key) or not self._there(target):
                    raise

        try:
            repeat(self.retry, move)
        except Unavailable as error:
            error.final = True  # nobody else is to begin anew
            raise

    def _there(self, key: str) -> bool:
        try:
            self._engine.stat(key)
        except NotFound:
            return False
        return True

    def _remove_many(self, keys: list[str]) -> Any:
        return self._engine.remove_many(keys)

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    def close(self) -> None:
        """Close the ODBC connections of every thread; Django's own are Django's to close."""
        for engine in list(self._engines.values()):
            engine.close()

    # ------------------------------------------- what depends on the settings

    @property
    def overwrites(self) -> bool:  # type: ignore[override] # follows the settings
        """Whether saving a name again replaces the file: the documented policy, unless told."""
        told = {choice for choice in (self.overwrite, self.allow_overwrite) if choice is not None}
        if len(told) > 1:
            raise OptionError("overwrite and allow_overwrite are one option; they differ.")
        return told.pop() if told else True

    @property
    def thread_sensitive(self) -> bool:  # type: ignore[override] # depends on the engine
        """Whether async twins must stay in one thread: Django's connection belongs to it."""
        return self._engine.thread_sensitive

    @property
    def retry(self) -> Retry:  # type: ignore[override] # depends on the transaction
        """What failed inside the caller's transaction is the caller's to repeat, as a whole."""
        return NO_RETRY if self._engine.in_transaction else Retry()

    @property
    def _engine(self) -> EmbeddedEngine | OdbcEngine:
        """The engine that the options and settings of this moment ask for."""
        self.overwrites  # noqa: B018 - raises when the options contradict each other
        place = self._place()
        engine = self._engines.get(place)
        if engine is None:
            made = OdbcEngine(place) if isinstance(place, Place) else EmbeddedEngine(*place)
            engine = self._engines.setdefault(place, made)
        return engine

    @property
    def embedded_in(self) -> tuple[str, str] | None:
        """Alias and table, if the files are in Django's own database; None over ODBC."""
        place = self._place()
        return None if isinstance(place, Place) else place

    def _place(self) -> Place | tuple[str, str]:
        using, table = self.using, self.db_table
        columns = [getattr(self, name) for name in _COLUMNS]
        if using is not None and columns == [None, None, None]:
            return using, table or "storages_files"
        found = {"db_table": table, **dict(zip(_COLUMNS, columns, strict=True))}
        missing = [name for name, value in found.items() if value is None]
        # It may be None, but somebody must have said so.
        said = "base_url" in self.given or "base_url" in self._files
        if not (said or self._is_attribute("base_url") or hasattr(settings, "DB_FILES_URL")):
            missing.append("base_url")
        if table is None or missing:
            raise OptionError(
                f"You didn't specify required options: DB_FILES lacks {', '.join(missing)} "
                "(base_url may be None). For files in Django's own database give "
                '{"using": "default"} and no columns.'
            )
        return Place(
            self.connection_string or server_string(self),
            Table(table, *columns),
            self.max_size,
            self.timeout,
            self.connect_timeout,
        )

    @property
    def _files(self) -> Mapping[str, Any]:
        """What counts of the setting ``DB_FILES``."""
        if self._has_place:
            return {}
        files: Mapping[str, Any] = getattr(settings, "DB_FILES", None) or {}
        if files is not self.__dict__.get("_judged"):
            if not isinstance(files, Mapping):
                raise OptionError(f"DB_FILES must be a dict, not {type(files).__name__}.")
            unknown_options("DB_FILES", files, options_of(type(self)))
            self.__dict__["_judged"] = files
        return files

    def _is_attribute(self, name: str) -> bool:
        """Tell whether a subclass sets an option by a plain attribute."""
        return not isinstance(inspect.getattr_static(type(self), name), Option)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_engines": {}, "_judged": None}
