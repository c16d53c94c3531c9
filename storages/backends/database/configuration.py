"""Options that the dict ``DB_FILES`` sets too, and connection strings made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from storages.backends.database.connecting import connection_string, passwords_in
from storages.errors import OptionError
from storages.options import Option

if TYPE_CHECKING:
    from storages.backends.database import DatabaseStorage

__all__ = ["ConnectionStringOption", "FilesOption", "files_option", "server_string"]


class FilesOption(Option):
    """An option that may also be a key of the setting ``DB_FILES``."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the value from ``DB_FILES``, else as every option does."""
        if instance is None:
            return self
        files = instance._files  # noqa: SLF001 - the storage's own part
        if self.name in files:
            return self.checked(files[self.name], f"DB_FILES[{self.name!r}]")
        return super().__get__(instance, owner)

    @property
    def places(self) -> str:
        """Where a user may set the option, for messages."""
        return f"DB_FILES[{self.name!r}] or {super().places}"


class ConnectionStringOption(FilesOption):
    """How pyodbc connects: neither the whole nor the password in it may be seen."""

    def secret_parts(self, value: Any) -> list[Any]:
        """Return the string, and its password by itself."""
        return [value, *passwords_in(value)] if isinstance(value, str) else [value]


def files_option(*, settings: tuple[str, ...] = (), **declared: Any) -> Any:
    """Declare an option as ``storages.options.option`` does."""
    return FilesOption(settings=settings, **declared)


def server_string(storage: DatabaseStorage) -> str:
    """Return the connection string that the options, or the database ``using``, amount to."""
    driver = storage.driver
    keys = {
        "SERVER": storage.host,
        "PORT": storage.port,
        "DATABASE": storage.database,
        "UID": storage.user,
        "PWD": storage.password,
    }
    if storage.using is not None:
        database = django_database(storage.using)
        driver = driver or database.get("OPTIONS", {}).get("driver")
        for key, name in zip(keys, ("HOST", "PORT", "NAME", "USER", "PASSWORD"), strict=True):
            keys[key] = str(database.get(name) or "")
    if not driver:
        raise OptionError(
            "DatabaseStorage does not know how to connect: set DB_FILES['connection_string'] or "
            "DB_FILES_CONNECTION_STRING; or DB_FILES['driver'], DATABASE_ODBC_DRIVER or the "
            "database's OPTIONS['driver'], with DATABASE_HOST, DATABASE_NAME and so on."
        )
    if "sql server" in driver.lower() and keys["PORT"]:
        keys["SERVER"], keys["PORT"] = f"{keys['SERVER']},{keys['PORT']}", None
    if driver.startswith("{") and driver.endswith("}"):
        driver = driver[1:-1]
    return connection_string({"DRIVER": driver, **keys})


def django_database(alias: str) -> dict[str, Any]:
    """Return ``DATABASES[alias]``; raise OptionError when there is none."""
    found: dict[str, Any] | None = connections.settings.get(alias)
    if found is None:
        known = ", ".join(sorted(connections.settings))
        raise OptionError(f"DB_FILES['using']: DATABASES has no {alias!r}, only {known}.")
    return found
