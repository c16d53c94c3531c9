"""Clients of MongoDB: one per process and settings, shared by every storage and thread.

A client is a pool of connections and a thread that watches the servers. It is closed when the last
storage that uses it is closed, or at exit. A forked child makes clients of its own and leaves its
parent's alone.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

from storages.backends.gridfs.failures import translating
from storages.backends.gridfs.options import database_in, options_in, uri_of
from storages.errors import OptionError
from storages.libraries import library

if TYPE_CHECKING:
    from storages.backends.gridfs.options import GridFSOptions

__all__ = ["Server", "database_of", "forget", "place_of", "release"]

#: Engines whose entries in DATABASES only say where the server is: Django cannot use them.
_PLAIN = ("django_mongodb_engine", "django.db.backends.dummy")
#: Clients that no storage uses are kept for those to come, so many of them.
_MOST_IDLE = 8


@dataclass(frozen=True)
class Server:
    """What a client is made of, and the database."""

    arguments: Mapping[str, Any] = field(repr=False)
    database: str

    @property
    def key(self) -> str:
        """Tells clients apart; it holds the password, so nobody may see it."""
        return repr(sorted(self.arguments.items()))


@dataclass
class _Entry:
    client: Any
    users: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)


_lock = threading.RLock()
_entries: dict[str, _Entry] = {}
#: Clients of Django's that this process has used, by identity: those of one server are equal.
_used: dict[int, weakref.ref[Any]] = {}
_inherited: list[Any] = []


# ------------------------------------------------------------------ which database


def place_of(storage: GridFSOptions) -> Any:
    """Return where the files are: a server, an alias in DATABASES, or the Database itself.

    Raises OptionError. Nothing is connected to.
    """
    database, uri = storage.database, storage.uri
    if database is not None and uri is not None:
        ranks = [_rank(storage, name) for name in ("database", "uri")]
        if ranks[0] == ranks[1]:
            raise OptionError(
                "Of database (GRIDFS_DATABASE) and uri (GRIDFS_URI) only one can say where the "
                "files are."
            )
        database, uri = (database, None) if ranks[0] < ranks[1] else (None, uri)
    if uri is not None:
        return _server_of_uri(storage, uri)
    if database is not None and not isinstance(database, str):
        return database
    alias = database or "default"
    entry = settings.DATABASES.get(alias)
    if entry is None:
        raise OptionError(
            f"DATABASES has no {alias!r} (GRIDFS_DATABASE, database=…). "
            f"It has: {', '.join(map(repr, settings.DATABASES)) or 'nothing'}."
        )
    engine = str(entry.get("ENGINE") or "")
    if not engine or engine.startswith(_PLAIN):
        return _server_of_entry(storage, alias, entry)
    if engine.startswith("django."):
        raise OptionError(
            f"DATABASES[{alias!r}] is no MongoDB: its ENGINE is {engine!r}. Name another alias in "
            "GRIDFS_DATABASE, or a connection string in GRIDFS_URI."
        )
    return alias


def _rank(storage: GridFSOptions, name: str) -> int:
    """Return how near the value was given: 0 to the constructor, 1 by the class, 2 by settings."""
    if name in storage.given:
        return 0
    return 1 if name in vars(storage) else 2


def _server_of_uri(storage: GridFSOptions, uri: str) -> Server:
    name = storage.database_name or database_in(uri)
    if not name:
        raise OptionError(
            "Which database? Add its name to the connection string (mongodb://host/name), or set "
            "GRIDFS_DATABASE_NAME (database_name)."
        )
    arguments = {**_limits(storage, options_in(uri)), **storage.client_options, "host": uri}
    return Server(arguments, name)


def _server_of_entry(storage: GridFSOptions, alias: str, entry: Mapping[str, Any]) -> Server:
    """Read an entry as the engines for MongoDB did and do, without them."""
    name = entry.get("NAME")
    host = entry.get("HOST") or None
    if not name:
        raise OptionError(f"DATABASES[{alias!r}] is missing the NAME of the database.")
    # What the old engine knew, MongoDB's client does not: it was all in capital letters.
    options = {key: it for key, it in (entry.get("OPTIONS") or {}).items() if not key.isupper()}
    arguments: dict[str, Any] = {"host": host}
    if entry.get("PORT"):
        try:
            arguments["port"] = int(entry["PORT"])
        except (TypeError, ValueError):
            raise OptionError(f"The PORT in DATABASES[{alias!r}] is no number.") from None
    if entry.get("USER"):
        arguments["username"] = entry["USER"]
        arguments["password"] = entry.get("PASSWORD")
        if str(entry.get("ENGINE") or "").startswith("django_mongodb_engine"):
            arguments["authSource"] = str(name)  # as that engine did
    known = {key.lower() for key in options}
    if isinstance(host, str) and "://" in host:
        try:
            known |= options_in(uri_of(host)).keys()
        except ValueError as error:
            raise OptionError(f"The HOST in DATABASES[{alias!r}] {error}.") from None
    more = {**_limits(storage, known), **arguments, **options, **storage.client_options}
    return Server(more, str(name))


def _limits(storage: GridFSOptions, known: Any) -> dict[str, Any]:
    """Return how long to wait for a server, where nothing else says that."""
    milliseconds = max(1, int(storage.connect_timeout * 1000))
    limits = ("serverSelectionTimeoutMS", "connectTimeoutMS")
    return {name: milliseconds for name in limits if name.lower() not in known}


# ------------------------------------------------------------------ its client


def database_of(storage: GridFSOptions) -> Any:
    """Return pymongo's Database, of a client that belongs to this process."""
    place = place_of(storage)
    if isinstance(place, Server):
        with translating():
            return _client(storage, place)[place.database]
    return _django(storage, place) if isinstance(place, str) else place


def _client(storage: GridFSOptions, server: Server) -> Any:
    key = server.key
    with _lock:
        entry = _entries.get(key)
        if entry is None:
            with translating():
                try:
                    client = library("pymongo", "gridfs").MongoClient(**server.arguments)
                except (TypeError, ValueError) as error:
                    # So it refuses a port, or an option's value.
                    raise OptionError(f"MongoDB's client cannot be made: {error}") from None
                entry = _Entry(client)
            _prune()
            _entries[key] = entry
        entry.users.add(storage)
    return entry.client


def _django(storage: GridFSOptions, alias: str) -> Any:
    """Return the database of Django's own connection."""
    library("pymongo", "gridfs")
    connection: Any = connections[alias]
    database = getattr(connection, "database", None)
    if database is None:
        raise OptionError(
            f"DATABASES[{alias!r}] is no MongoDB: its connection has no database of pymongo's."
        )
    if any(database.client is client for client in _inherited):
        arguments: dict[str, Any] = getattr(connection, "get_connection_params", dict)()
        return _client(storage, Server(arguments, database.name))[database.name]
    _used[id(database.client)] = weakref.ref(database.client)
    return database


def release(storage: GridFSOptions) -> None:
    """Close the clients that only this storage has used."""
    with _lock:
        mine = [key for key, entry in _entries.items() if storage in entry.users]
        gone = []
        for key in mine:
            _entries[key].users.discard(storage)
            if not _entries[key].users:
                gone.append(_entries.pop(key))
    for entry in gone:
        entry.client.close()


def forget(client: Any) -> None:
    """Let the next use of the same settings make a new client; others' clients are left alone."""
    with _lock:
        keys = [key for key, entry in _entries.items() if entry.client is client]
        for key in keys:
            del _entries[key]
    if keys:
        client.close()


def _prune() -> None:
    """Close clients that no storage uses any more, the oldest first; the lock is held."""
    idle = [key for key, entry in _entries.items() if not entry.users]
    for key in idle[: max(0, len(idle) - _MOST_IDLE + 1)]:
        _entries.pop(key).client.close()


@atexit.register
def _close() -> None:
    with _lock:
        while _entries:
            _entries.popitem()[1].client.close()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the process's
    _lock = threading.RLock()  # another thread of the parent may have held it
    # Kept for ever: closing one would speak on the parent's sockets.
    _inherited.extend(entry.client for entry in _entries.values())
    _inherited.extend(it for it in (client() for client in _used.values()) if it is not None)
    if settings.configured:
        _inherited.extend(
            connection.connection
            for connection in connections.all(initialized_only=True)
            if connection.vendor == "mongodb" and connection.connection is not None
        )
    _entries.clear()
    _used.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
