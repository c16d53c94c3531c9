"""The storage: its options, and what its hooks ask of an FTP server."""

from __future__ import annotations

import codecs
import ftplib
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.checks import CheckMessage
from django.core.exceptions import SuspiciousFileOperation
from django.utils.functional import Promise

from storages import names
from storages.backends.ftp import checks, inquiry, reading, writing
from storages.backends.ftp.connection import Connection, Place
from storages.backends.ftp.location import LocationOption, PasswordOption, parse
from storages.backends.ftp.mutex import is_reserved
from storages.backends.ftp.replies import refusal, why
from storages.base import Entry, Reader, RemoteStorage, Source, Stat
from storages.connections import PerThread
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    NotFound,
    NoURL,
    OptionError,
    StorageError,
    Unavailable,
)
from storages.files import Mode, StorageFile
from storages.options import base_url_option, option, positive
from storages.staging import BLOCK, Spool

__all__ = ["FTPStorage", "FTPStorageException", "FTPStorageFile"]

#: What the original raised for everything. Here every error of a storage is one.
FTPStorageException = StorageError

# Unused for so many seconds, a connection is asked whether it still stands.
_DOUBTFUL = 10.0
#: How often a file is deleted that cannot be, and is there all the same.
_ATTEMPTS = 5


class FTPStorageFile(StorageFile):
    """A file of an FTP storage; see :class:`storages.files.StorageFile`."""

    __module__ = "storages.backends.ftp"


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise ValueError(str(error)) from error
    return name


def _tls(value: str) -> str:
    if value not in {"explicit", "implicit"}:
        raise ValueError("'explicit' or 'implicit'")
    return value


class FTPStorage(RemoteStorage):
    """Files on an FTP server.

    Saving a name again gives the second file another name, unless ``allow_overwrite``; two savers
    who meet both keep their files. ``location`` and ``base_url`` may be given by position.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.ftp"

    location: str = LocationOption(  # type: ignore[assignment] # as option() is typed
        settings=("FTP_STORAGE_LOCATION",),
        required=True,
        type=str,
        secret=("password",),
        help="The server, who logs in, and the directory: '[a]ftp[s]://user:password@host:port/path'.",
    )
    password: str = PasswordOption(  # type: ignore[assignment] # likewise
        settings=("FTP_STORAGE_PASSWORD",),
        type=str,
        secret=True,
        help="The password, if it is not in the location.",
    )
    base_url: str | None = base_url_option(
        settings=("BASE_URL",),
        help="What URLs begin with; None: files have no URL.",
    )
    allow_overwrite: bool = option(
        settings=("FTP_ALLOW_OVERWRITE",),
        default=False,
        type=bool,
        help="Whether saving a name again replaces the file.",
    )
    encoding: str = option(
        settings=("FTP_STORAGE_ENCODING",),
        default="utf-8",
        type=str,
        convert=_known_encoding,
        help="The encoding of names on the server.",
    )
    timeout: float = option(
        settings=("FTP_STORAGE_TIMEOUT",),
        default=30.0,
        type=float,
        convert=positive,
        help="Seconds to wait for the server, each time.",
    )
    idle: float = option(
        settings=("FTP_STORAGE_IDLE",),
        default=60.0,
        type=float,
        convert=positive,
        help="Seconds after which a connection that is not used is closed.",
    )
    tls: str | None = option(
        settings=("FTP_STORAGE_TLS",),
        type=str,
        convert=_tls,
        help="'explicit' (AUTH TLS) or 'implicit' (TLS from the first byte), whatever the scheme "
        "of the location says.",
    )
    tls_verify: bool = option(
        settings=("FTP_STORAGE_TLS_VERIFY",),
        default=True,
        type=bool,
        help="Whether the server's certificate is verified.",
    )
    tls_ca_file: str | None = option(
        settings=("FTP_STORAGE_TLS_CA_FILE",),
        type=str,
        help="A file with the certificates to trust; None: those that the system trusts.",
    )

    real_directories = True
    errors: ClassVar[Mapping[type[BaseException], type[StorageError]]] = {
        ftplib.Error: Unavailable,
        EOFError: Unavailable,
        socket.gaierror: Unavailable,
        ssl.SSLError: Unavailable,
    }

    def __init__(
        self, location: str | None = None, *args: str | Promise | None, **given: Any
    ) -> None:
        if len(args) > 1:
            raise TypeError(f"{type(self).__name__} takes location and base_url by position")
        # None was the original's default: the settings decide.
        if location is not None:
            given["location"] = location
        if args and args[0] is not None:
            given["base_url"] = args[0]
        super().__init__(**given)
        self.place  # noqa: B018 - an error in the location is told now

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        with self.connection(key) as ftp:
            return inquiry.stat(ftp, ftp.path(key))

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        _refuse_reserved(key)
        lease = self._pool.take()
        try:
            return reading.open_read(lease, key, offset, version)
        except BaseException as error:
            if _in_step(lease.connection, error):
                lease.give_back()
            else:
                lease.drop()
            raise

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        _refuse_reserved(key)
        writing.write(self, key, source, overwrite=overwrite)

    def _remove(self, key: str) -> None:
        with self.connection(key) as ftp:
            path = ftp.path(key)
            for left in reversed(range(_ATTEMPTS)):
                reply = ftp.ask(f"DELE {path}")
                if reply.is_positive:
                    return
                if why(reply, path) is NotFound:
                    raise refusal(reply, path)
                kind = inquiry.kind_of(ftp, path)
                if kind is None:
                    raise NotFound
                if kind == "dir":
                    reply = ftp.ask(f"RMD {path}")
                    if reply.is_positive:
                        return
                    if next(inquiry.entries(ftp, path), None) is not None:
                        raise DirectoryNotEmpty
                # Perhaps another one has been saved since it was missing, or its last file deleted.
                if not left:
                    raise refusal(reply, path)

    def _list(self, prefix: str) -> Iterator[Entry]:
        with self.connection(prefix) as ftp:
            path = ftp.path(prefix)
            items = inquiry.entries(ftp, path)
            first = next(items, None)
        links = []
        while first is not None:
            item, first = first, next(items, None)
            if item.kind == "link":
                links.append(item.name)
            elif item.kind == "dir":
                # A lock is a directory.
                if not is_reserved(item.name):
                    yield Entry(item.name, is_dir=True)
            else:
                yield Entry(item.name, stat=inquiry.stat_of(item))
        for name in links:
            key = names.join(prefix, name)
            with self.connection() as ftp:
                kind = inquiry.kind_of(ftp, ftp.path(key))
            if kind is not None:
                yield Entry(name, is_dir=kind == "dir")

    def _is_dir(self, key: str) -> bool:
        with self.connection(key) as ftp:
            return inquiry.kind_of(ftp, ftp.path(key)) == "dir"

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        """FTP cannot copy. Content comes and goes by one connection, in turn."""
        _refuse_reserved(key)
        with self.connection(target) as ftp:
            if not overwrite and inquiry.kind_of(ftp, ftp.path(target)) is not None:
                raise AlreadyExists
        reader = self._open_read(key)
        with Spool() as spool:
            try:
                view = memoryview(bytearray(BLOCK))
                while count := reader.readinto(view):
                    spool.write(view[:count])
            finally:
                reader.close()
            if spool.tell() != reader.stat.size:
                raise Unavailable("The file ended early.")
            spool.seek(0)
            source = Source(spool, reader.stat.size)
            self._write(target, source, overwrite=overwrite)

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        _refuse_reserved(key)
        _refuse_reserved(target)
        writing.move(self, key, target, overwrite=overwrite)

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O."""
        return checks.check(self, alias)

    # ------------------------------------------------------------- life cycle

    def close(self) -> None:
        """Close the connections of all threads; what uses the storage again opens new ones."""
        for pool in list(self.__dict__.get("_pools", {}).values()):
            pool.close()

    def disconnect(self) -> None:
        """Do what ``close`` does, under the original's name."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_pools"}

    def _open(self, name: str, mode: str = "rb") -> FTPStorageFile:
        """Open a file; see :class:`storages.files.StorageFile`."""
        Mode.parse(mode)
        return FTPStorageFile(self, names.file_name(name), mode)

    # ------------------------------------------- what depends on the settings

    @property
    def overwrites(self) -> bool:  # type: ignore[override] # an option decides it here
        """Whether saving a name again replaces the file."""
        return self.allow_overwrite

    @property
    def place(self) -> Place:
        """What the options and settings of this moment say of the server."""
        try:
            location = parse(self.location, self.tls)
        except ValueError as error:
            raise OptionError(
                f"{type(self).__name__}: option 'location' (setting FTP_STORAGE_LOCATION): {error}"
            ) from None
        return Place(
            location=location,
            password=self.password,
            encoding=self.encoding,
            timeout=self.timeout,
            tls_verify=self.tls_verify,
            tls_ca_file=self.tls_ca_file,
        )

    @property
    def _pool(self) -> PerThread[Connection]:
        place = self.place
        pools: dict[Place, PerThread[Connection]] = self.__dict__.setdefault("_pools", {})
        pool = pools.get(place)
        if pool is None:
            made = PerThread(
                lambda: Connection(place),
                Connection.end,
                is_alive=Connection.is_alive,
                idle=_DOUBTFUL,
                max_idle=self.idle,
            )
            pool = pools.setdefault(place, made)
        return pool

    @contextmanager
    def connection(self, key: str = "") -> Iterator[Connection]:
        """Give a connection to the block alone; what is nested in it gets another one."""
        _refuse_reserved(key)
        lease = self._pool.take()
        try:
            yield lease.connection
        except BaseException as error:
            if _in_step(lease.connection, error):
                lease.give_back()
            else:
                lease.drop()
            raise
        if lease.connection.in_step:
            lease.give_back()
        else:
            lease.drop()


def _in_step(ftp: Connection, error: BaseException) -> bool:
    """Tell whether the connection is of use after an error."""
    return ftp.in_step and isinstance(error, StorageError) and not isinstance(error, Unavailable)


def _refuse_reserved(key: str) -> None:
    """A directory that is called like a lock would not be shown."""
    if any(is_reserved(part) for part in key.split("/")):
        raise SuspiciousFileOperation(
            f"The name {key!r} has a part that is reserved for files that are being written."
        )
