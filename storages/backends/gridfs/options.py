"""The options of the GridFS storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from django.utils.functional import Promise

from storages.base import RemoteStorage
from storages.options import Option, option, positive

__all__ = ["SECRET_OPTIONS", "GridFSOptions", "database_in", "options_in", "uri_of"]

#: A document has at most 16 MiB, with its other fields.
_MOST = 15 * 1024 * 1024
_LEAST = 1024
#: Options of MongoDB clients that nobody may see.
SECRET_OPTIONS = ("password", "tlsCertificateKeyFilePassword", "authMechanismProperties")
_SECRET_WORDS = {name.lower() for name in SECRET_OPTIONS}
#: Between the options of a connection string.
_PAIRS = re.compile("[&;]")


class _URIOption(Option):
    """A connection string, which may hold user and password."""

    def secret_parts(self, value: Any) -> list[Any]:
        """Return the password, as it stands and as it is meant, and secret options."""
        return list(_secrets(value)) if isinstance(value, str) else []

    def shown(self, value: Any) -> Any:
        """Return the string without who logs in, and without secret options."""
        if not isinstance(value, str):
            return value
        uri = _parts_of(value)
        query = "&".join(
            pair
            for pair in _PAIRS.split(uri.query)
            if unquote_plus(pair.partition("=")[0]).lower() not in _SECRET_WORDS
        )
        shown = f"{uri.scheme}://{uri.hosts}"
        shown += f"/{uri.database}" if uri.database else "/" if query else ""
        return f"{shown}?{query}" if query else shown


class _ClientOption(Option):
    """Arguments of MongoClient, to which upper and lower case are one."""

    def secret_parts(self, value: Any) -> list[Any]:
        """Return the values of secret options."""
        given = value.items() if isinstance(value, Mapping) else ()
        return [part for name, part in given if str(name).lower() in _SECRET_WORDS]

    def shown(self, value: Any) -> Any:
        """Return the options without the secret ones."""
        if not isinstance(value, Mapping):
            return value
        return {n: part for n, part in value.items() if str(n).lower() not in _SECRET_WORDS}


class _Parts(NamedTuple):
    """A connection string, taken apart as MongoDB's clients do it."""

    scheme: str
    user: str
    hosts: str
    database: str
    query: str


def _parts_of(uri: str) -> _Parts:
    # Not urlsplit: to it, a "#" in a password begins a fragment.
    scheme, _, rest = uri.partition("://")
    place, _, query = rest.partition("?")
    before, _, database = place.partition("/")
    user, _, hosts = before.rpartition("@")
    return _Parts(scheme, user, hosts, database, query)


def _pairs(uri: str) -> Iterator[tuple[str, str]]:
    for pair in _PAIRS.split(_parts_of(uri).query):
        name, found, value = pair.partition("=")
        if found:
            yield unquote_plus(name).lower(), value


def _secrets(uri: str) -> Iterator[str]:
    _, found, password = _parts_of(uri).user.partition(":")
    secrets = [password] if found else []
    secrets += [value for name, value in _pairs(uri) if name in _SECRET_WORDS]
    for secret in secrets:
        yield from dict.fromkeys((secret, unquote_plus(secret)))


@lru_cache(maxsize=64)
def database_in(uri: str) -> str:
    """Return the database that a connection string names; "" for none."""
    return unquote_plus(_parts_of(uri).database)


@lru_cache(maxsize=64)
def options_in(uri: str) -> Mapping[str, str]:
    """Return the options of a connection string, their names in lower case."""
    return MappingProxyType({name: unquote_plus(value) for name, value in _pairs(uri)})


def uri_of(value: str) -> str:
    """Return a connection string; raise ValueError for what is none, without showing it."""
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must begin with mongodb:// or mongodb+srv://")
    uri = _parts_of(value)
    # Else the rest of a password would be taken for a host, a database or an option, and be shown.
    rest = uri.query.partition("=")[0]
    if "@" in uri.user or "@" in uri.database or "@" in rest or (not uri.user and "@" in uri.query):
        raise ValueError(
            "must have user and password percent-encoded (urllib.parse.quote_plus), and each @ "
            "that is not the one before the hosts, too"
        )
    return value


def _database(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, str) or not (hasattr(value, "client") and hasattr(value, "name")):
        raise ValueError("must be an alias in DATABASES or a Database of pymongo")
    return value


def _chunk_size(value: int) -> int:
    if not _LEAST <= value <= _MOST:
        raise ValueError(f"must be from {_LEAST} to {_MOST} bytes")
    return value


def _collection(value: str) -> str:
    if not all(value.split(".")) or "$" in value or "\0" in value or value.startswith("system."):
        raise ValueError("is not the name of a collection")
    return value


def _client_options(value: Mapping[str, Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in value):
        raise ValueError("must have names for keys")
    if {"host", "port"}.intersection(map(str.lower, value)):
        raise ValueError("cannot name the server: uri does, or the entry in DATABASES")
    return dict(value)


class GridFSOptions(RemoteStorage):
    """Where the files are, and how to get there."""

    database: Any = option(
        settings=("GRIDFS_DATABASE",),
        convert=_database,
        help="An alias in DATABASES, or a Database object of pymongo; 'default' where there is "
        "no uri.",
    )
    uri: str | None = _URIOption(
        settings=("GRIDFS_URI",),
        type=str,
        convert=uri_of,
        secret=SECRET_OPTIONS,
        help="A connection string of MongoDB, instead of database.",
    )  # type: ignore[assignment]
    database_name: str | None = option(
        settings=("GRIDFS_DATABASE_NAME",),
        type=str,
        help="With uri: the database, where the connection string names none.",
    )
    client_options: Mapping[str, Any] = _ClientOption(
        settings=("GRIDFS_CLIENT_OPTIONS",),
        default={},
        type=dict,
        convert=_client_options,
        secret=SECRET_OPTIONS,
        help="More arguments of pymongo's MongoClient, where the storage makes one.",
    )  # type: ignore[assignment]
    collection: str = option(
        settings=("GRIDFS_COLLECTION",),
        default="fs",
        type=str,
        convert=_collection,
        help="The bucket: what the names of its two collections begin with.",
    )
    base_url: str | None = option(
        settings=("GRIDFS_BASE_URL",),
        type=(str, Promise),
        help="What URLs begin with; None: files have no URL.",
    )
    chunk_size: int = option(
        settings=("GRIDFS_CHUNK_SIZE",),
        default=255 * 1024,
        type=int,
        convert=_chunk_size,
        help="Bytes of a new file in one document.",
    )
    timeout: float = option(
        settings=("GRIDFS_TIMEOUT",),
        default=30.0,
        type=float,
        convert=positive,
        help="Seconds that a command may take.",
    )
    connect_timeout: float = option(
        settings=("GRIDFS_CONNECT_TIMEOUT",),
        default=5.0,
        type=float,
        convert=positive,
        help="Seconds that finding a server and connecting to it may take.",
    )
