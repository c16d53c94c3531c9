"""The options of the GridFS storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit, urlunsplit

from django.utils.functional import Promise

from storages.base import RemoteStorage
from storages.options import Option, option, positive

__all__ = ["SECRET_OPTIONS", "GridFSOptions", "database_in", "options_in"]

#: A document has at most 16 MiB, with its other fields.
_MOST = 15 * 1024 * 1024
_LEAST = 1024
#: Options of MongoDB clients that nobody may see.
SECRET_OPTIONS = ("password", "tlsCertificateKeyFilePassword", "authMechanismProperties")
_SECRET_WORDS = {name.lower() for name in SECRET_OPTIONS}


class _URIOption(Option):
    """A connection string, which may hold user and password."""

    def secret_parts(self, value: Any) -> list[Any]:
        """Return the password, as it stands and as it is meant, and secret options."""
        return list(_secrets(value)) if isinstance(value, str) else []

    def shown(self, value: Any) -> Any:
        """Return the string without who logs in, and without secret options."""
        if not isinstance(value, str):
            return value
        parts = urlsplit(value)
        query = [
            pair
            for pair in parse_qsl(parts.query, keep_blank_values=True)
            if pair[0].lower() not in _SECRET_WORDS
        ]
        return urlunsplit(
            parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(query))
        )


def _secrets(uri: str) -> Iterator[str]:
    # Greedy: a "/" or "@" in the password, which should have been quoted, is still not shown.
    user = uri.partition("://")[2].partition("?")[0].rpartition("@")[0]
    _, found, password = user.partition(":")
    secrets = [password] if found else []
    secrets += [
        value for name, value in parse_qsl(urlsplit(uri).query) if name.lower() in _SECRET_WORDS
    ]
    for secret in secrets:
        yield from dict.fromkeys((secret, unquote_plus(secret)))


@lru_cache(maxsize=64)
def database_in(uri: str) -> str:
    """Return the database that a connection string names; "" for none."""
    return unquote_plus(urlsplit(uri).path.strip("/"))


@lru_cache(maxsize=64)
def options_in(uri: str) -> Mapping[str, str]:
    """Return the options of a connection string, their names in lower case."""
    found = parse_qsl(urlsplit(uri).query)
    return MappingProxyType({name.lower(): value for name, value in found})


def _uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must begin with mongodb:// or mongodb+srv://")
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
    if not value or "$" in value or "\0" in value or value.startswith("system."):
        raise ValueError("is not the name of a collection")
    return value


def _client_options(value: Mapping[str, Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in value):
        raise ValueError("must have names for keys")
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
        convert=_uri,
        secret=SECRET_OPTIONS,
        help="A connection string of MongoDB, instead of database.",
    )  # type: ignore[assignment]
    database_name: str | None = option(
        settings=("GRIDFS_DATABASE_NAME",),
        type=str,
        help="With uri: the database, where the connection string names none.",
    )
    client_options: Mapping[str, Any] = option(
        settings=("GRIDFS_CLIENT_OPTIONS",),
        default={},
        type=dict,
        convert=_client_options,
        secret=SECRET_OPTIONS,
        help="More arguments of pymongo's MongoClient, where the storage makes one.",
    )
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
