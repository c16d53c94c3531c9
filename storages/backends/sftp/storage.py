"""The storage: what its hooks ask of the server."""

from __future__ import annotations

import os
import stat as modes
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.checks import CheckMessage, Warning  # noqa: A004 - their name for it

from storages import names
from storages.backends.sftp.connecting import Connection, Connector
from storages.backends.sftp.messages import BAD_MESSAGE, Attributes, Failure, Kind, string, text
from storages.backends.sftp.options import SFTPOptions
from storages.backends.sftp.reading import SFTPReader, described, is_directory, judge
from storages.backends.sftp.walking import walk
from storages.backends.sftp.writing import Writer
from storages.base import Entry, Reader, RemoteStorage, Source, Stat
from storages.causes import because_of
from storages.connections import PerThread
from storages.errors import (
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    NoURL,
    PermissionDenied,
    StorageError,
    Unavailable,
)
from storages.files import StorageFile

__all__ = ["SFTPStorage", "SFTPStorageFile"]

#: So many pages of a listing are asked for at once.
_PAGES = 4
#: How often a directory is deleted that cannot be, and is empty all the same.
_ATTEMPTS = 5
SFTPStorageFile = StorageFile
#: While a storage looks for what it keeps: of threads that come first together, one makes it.
_keeping = threading.RLock()
os.register_at_fork(
    before=_keeping.acquire, after_in_parent=_keeping.release, after_in_child=_keeping.release
)


class SFTPStorage(SFTPOptions, RemoteStorage):
    """Files on a server that speaks SFTP.

    Saving a name again gives the second file another name, unless ``allow_overwrite``. The options
    are those of :class:`SFTPOptions`.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.sftp"

    real_directories = True
    extra: ClassVar[str] = "sftp"
    #: The constructor's positional arguments.
    positional: ClassVar[tuple[str, ...]] = (
        "host",
        "root_path",
        "params",
        "interactive",
        "file_mode",
        "dir_mode",
        "uid",
        "gid",
        "known_host_file",
        "base_url",
        "host_key_policy",
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        if len(args) > len(self.positional):
            raise TypeError(f"{type(self).__name__} takes {len(self.positional)} arguments at most")
        options = dict(zip(self.positional, args, strict=False))
        if twice := set(options) & set(given):
            raise TypeError(f"{type(self).__name__} got several values for {min(twice)!r}")
        super().__init__(**options, **given)
        self.check_params()

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        with self._connected() as connection, _looking_up():
            found = connection.session.stat(self._path(key))
        if is_directory(found):
            raise IsADirectory
        return described(found)

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        with self._connected() as connection, _looking_up():
            reader = SFTPReader(self._pool, connection, self._path(key), offset)
        reader.check(version)
        return reader

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        with self._connected() as connection:
            self._writer.write(connection, self._path(key), source, overwrite=overwrite)

    def _remove(self, key: str) -> None:
        path = self._path(key)
        with self._connected() as connection, _looking_up():
            session = connection.session
            try:
                session.ask(Kind.REMOVE, string(path))
            except (Failure, PermissionDenied) as error:
                # What servers say of a directory differs.
                with because_of(error):
                    if is_directory(session.stat(path, Kind.LSTAT)):
                        self._remove_directory(connection, path)
                        return
                raise

    def _remove_directory(self, connection: Connection, path: str) -> None:
        for left in reversed(range(_ATTEMPTS)):
            try:
                connection.session.ask(Kind.RMDIR, string(path))
            except Failure as error:
                with because_of(error):
                    first = next(self._entries_at(path), None)
                if first is not None:
                    raise DirectoryNotEmpty from error
                # Perhaps its last file has been deleted since.
                if not left:
                    raise
            else:
                return

    def _list(self, prefix: str) -> Iterator[Entry]:
        path = self._path(prefix) or "."
        try:
            yield from self._entries_at(path)
        except NotFound:
            if prefix:
                raise
            # Nothing has been saved yet: the first save makes the root.

    def _entries_at(self, path: str) -> Iterator[Entry]:
        with self._connected() as connection:
            session = connection.session
            with _looking_up():
                handle = session.ask(Kind.OPENDIR, string(path)).string()
        requests: list[int] = []
        try:
            while True:
                with self._pool.hold(connection):
                    while len(requests) < _PAGES:
                        requests.append(session.send(Kind.READDIR, string(handle)))
                    try:
                        page = session.receive(requests.pop(0))
                    except EOFError:
                        return
                    found = [
                        (text(page.string()), page.string(), page.attributes())
                        for _ in range(page.number())
                    ]
                    followed = self._followed(connection, path, found)
                yield from followed
        finally:
            session.forget(*requests)
            session.give_back(handle)

    def _followed(
        self, connection: Connection, path: str, found: list[tuple[str, bytes, Attributes]]
    ) -> list[Entry]:
        """Return a page's entries; a link is what it leads to, one that leads nowhere a file."""
        session = connection.session
        targets = {
            name: session.send(Kind.STAT, string(f"{path.rstrip('/')}/{name}"))
            for name, _, attributes in found
            if modes.S_ISLNK(attributes.mode or 0)
        }
        entries = []
        for name, _, attributes in found:
            if name in {".", ".."}:
                continue
            known: Attributes | None = attributes
            if name in targets:
                try:
                    known = session.receive(targets[name]).attributes()
                except Unavailable:
                    raise
                except StorageError:
                    known = None
            directory = known is not None and is_directory(known)
            stat = None if directory or known is None or known.size is None else described(known)
            entries.append(Entry(name, directory, stat))
        return entries

    def _walk(self, prefix: str) -> Iterator[tuple[str, Stat | None]]:
        path = self._path(prefix) or "."
        with self._connected() as connection:
            pass  # opened, or found to be alive
        try:
            yield from walk(self._pool, connection, prefix, path, self._followed)
        except NotFound:
            if prefix:
                raise
            # As in _list.

    def _is_dir(self, key: str) -> bool:
        try:
            with self._connected() as connection, _looking_up():
                return is_directory(connection.session.stat(self._path(key) or "."))
        except NotFound:
            return not key  # the root is made when something is saved

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        with self._connected() as connection:
            if "copy-data" not in connection.session.extensions:
                return NotImplemented
            self._writer.copy(connection, self._path(key), self._path(target), overwrite=overwrite)
        return None

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        path, to = self._path(key), self._path(target)
        with self._connected() as connection, _looking_up():
            found = connection.session.stat(path)
            judge(found)
        try:
            with self._connected() as connection:
                self._writer.move(connection, path, to, overwrite=overwrite)
        except Unavailable as error:
            # Begun anew, it might meet its own work, whose answer was lost.
            with because_of(error):
                moved = self._has_moved(path, to, found)
            if not moved:
                raise

    def _has_moved(self, path: str, target: str, was: Attributes) -> bool:
        with self._connected() as connection:
            session = connection.session
            try:
                session.stat(path)
            except NotFound as error:
                with because_of(error):
                    return session.stat(target) == was
        return False

    def _url_of(self, key: str) -> str:
        if not self.base_url:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O."""
        if self.host_key_policy == "ignore":
            yield Warning(
                f"STORAGES[{alias!r}]: the host key of {self.host} is not verified. Whoever gets "
                "between can read and change every file, and learns the password.",
                hint="Put the server's key into the file of known hosts (ssh-keyscan, and compare "
                "the fingerprint), and set host_key_policy (SFTP_STORAGE_HOST_KEY_POLICY) to "
                "'reject'.",
                id="storages.W020",
            )

    # ------------------------------------------------------------ connections

    @property
    def overwrites(self) -> bool:  # type: ignore[override]  # an option decides it here
        """Whether saving a name again replaces the file."""
        return self.allow_overwrite

    @property
    def sftp(self) -> Any:
        """This thread's connection as paramiko's SFTP client, for what Django's API lacks.

        It is closed with the connection; one that was closed is opened again.
        """
        with self._connected() as connection:
            return connection.sftp

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._pool.get() as connection:
            yield connection

    @property
    def _pool(self) -> PerThread[Connection]:
        """The connections that the options and settings of this moment ask for."""
        wanted = (
            self.host,
            self.params,
            self.private_key,
            self.known_host_file,
            self.host_key_policy,
            self.interactive,
            self.connect_timeout,
            self.timeout,
            self.keepalive,
            self.max_idle,
        )
        with _keeping:
            known: tuple[Any, PerThread[Connection]] | None = self.__dict__.get("_connections")
            if known is None or known[0] != wanted:
                self.close()
                pool = PerThread(
                    Connector(*wanted[:-1]).connect,
                    Connection.close,
                    is_alive=Connection.is_alive,
                    reusable=lambda error: not isinstance(error, Unavailable),
                    max_idle=self.max_idle,
                    abandon=Connection.abandon,
                )
                known = self.__dict__["_connections"] = wanted, pool
        return known[1]

    def close(self) -> None:
        """Close every thread's connection; the next use opens a new one."""
        known = self.__dict__.get("_connections")
        if known is not None:
            known[1].close()

    @property
    def _writer(self) -> Writer:
        wanted = self._root, self.file_mode, self.dir_mode, self.uid, self.gid
        with _keeping:
            known: tuple[Any, Writer] | None = self.__dict__.get("_kept_writer")
            if known is None or known[0] != wanted:
                known = self.__dict__["_kept_writer"] = wanted, Writer(*wanted)
        return known[1]

    @property
    def _root(self) -> str:
        root = self.root_path
        return "/" if root and not root.strip("/") else root.rstrip("/")

    def _path(self, key: str) -> str:
        """Return the path of ``key`` on the server."""
        root = self._root
        if not root:
            return key
        return f"{root.rstrip('/')}/{key}" if key else root

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_connections", "_kept_writer"}
        return {name: value for name, value in self.__dict__.items() if name not in kept}


@contextmanager
def _looking_up() -> Iterator[None]:
    """No file has a name that is longer than the server allows."""
    try:
        yield
    except Failure as error:
        if error.code == BAD_MESSAGE:
            raise NotFound from error
        raise
