"""The local family's shared half: Django's ``FileSystemStorage``, kept by the core's promises."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.functional import Promise

from storages import names
from storages.base import BaseStorage, Entry, Source, Stat
from storages.errors import Changed, IsADirectory, NotFound, NoURL, StorageError
from storages.events import logger
from storages.local_publish import WINDOWS, Publisher
from storages.options import option

__all__ = ["LocalReader", "LocalStorage"]

# Names that Windows gives another meaning, or changes: they would not come back as they went in.
_WINDOWS_FORBIDDEN = frozenset('<>:"|?*')
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)

# Opening a pipe would wait for a writer, for ever; Windows would change the ends of lines.
_TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _with_slash(url: Any) -> Any:
    # A lazy URL (reverse_lazy) is left alone: the URLconf cannot be read yet.
    return url if isinstance(url, Promise) or url.endswith("/") else f"{url}/"


class LocalReader:
    """A file on this disk, open for reading.

    The descriptor stays with the file that was opened: after an overwrite it still gives the old
    bytes, wherever one seeks.
    """

    def __init__(self, file: io.FileIO, found: Stat) -> None:
        self.stat = found
        #: The file itself, for who can send it by its descriptor.
        self.file = file

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` from the start; return how many bytes came, 0 at the end."""
        return self.file.readinto(buffer) or 0

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        self.file.seek(offset)

    def close(self) -> None:
        """Close the file; after reading, an error has nothing to tell."""
        try:
            self.file.close()
        except OSError as error:
            logger.debug("closing a file failed: %s", error.strerror)


class LocalStorage(BaseStorage, FileSystemStorage):
    """Files in a directory of this machine.

    For Django it is a ``FileSystemStorage``, with its arguments and settings. Unlike Django's, it
    shows a file under its name only when all of it is there: see ``storages.local_publish``.
    """

    location: str = option(
        settings=("MEDIA_ROOT",),
        type=(str, os.PathLike),
        convert=os.path.abspath,
        help="The directory that holds the files.",
    )
    base_url: str | None = option(  # type: ignore[assignment] # the stubs forget None
        settings=("MEDIA_URL",),
        type=(str, Promise),
        convert=_with_slash,
        help="The URL of that directory; with None in both places, files have no URL.",
    )
    file_permissions_mode: int | None = option(
        settings=("FILE_UPLOAD_PERMISSIONS",),
        type=int,
        help="The permission bits of files; None: what the umask leaves.",
    )
    directory_permissions_mode: int | None = option(
        settings=("FILE_UPLOAD_DIRECTORY_PERMISSIONS",),
        type=int,
        help="The permission bits of directories that are made; None: what the umask leaves.",
    )
    allow_overwrite: bool = option(
        default=False,
        type=bool,
        help="Whether saving a name again replaces the file, on every Django version.",
    )
    fsync: bool = option(
        default=True,
        type=bool,
        help="Whether a saved file has reached the disk before save() returns; False is faster, "
        "and a power failure may then lose or empty the files of the last seconds.",
    )

    real_directories = True

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        file_permissions_mode: int | None = None,
        directory_permissions_mode: int | None = None,
        allow_overwrite: bool | None = None,
        **given: Any,
    ) -> None:
        """Take the options; touch no disk. None counts as not given, as with Django's own."""
        arguments = {
            "location": location,
            "base_url": base_url,
            "file_permissions_mode": file_permissions_mode,
            "directory_permissions_mode": directory_permissions_mode,
            "allow_overwrite": allow_overwrite,
            **given,
        }
        # Not FileSystemStorage.__init__: it keeps settings and arguments in other places.
        super().__init__(**{name: value for name, value in arguments.items() if value is not None})
        self.overwrites = self.overwrites or self.allow_overwrite

    # ------------------------------------------------------------------ hooks

    def _stat(self, key: str) -> Stat:
        with _looking_up:
            found = self._path(key).stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectory
        return _described(found)

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> LocalReader:
        path = self._absolute(key)
        try:
            with _looking_up:
                file = _opened(path)
        except PermissionError as error:
            if WINDOWS and Path(path).is_dir():
                raise IsADirectory from error
            raise
        try:
            return _reader(file, offset, version)
        except BaseException:
            file.close()
            raise

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        self._publisher().publish(self._path(key), source, overwrite=overwrite)

    def _remove(self, key: str) -> None:
        path = self._path(key)
        with _looking_up:
            try:
                path.unlink()
            except (IsADirectoryError, PermissionError) as error:
                # What systems say to unlink() of a directory differs.
                try:
                    path.rmdir()
                except NotADirectoryError:
                    raise error from None

    def _list(self, prefix: str) -> Iterator[Entry]:
        path = self._path(prefix)
        if not prefix and not os.path.lexists(path):
            return  # nothing has been saved yet: the first save makes it
        with _looking_up:
            listing = os.scandir(path)
        with listing as entries:
            for entry in entries:
                yield Entry(entry.name, is_dir=entry.is_dir())

    def _is_dir(self, key: str) -> bool:
        path = self._path(key)
        return path.is_dir() or not (key or os.path.lexists(path))

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        path = self._path(key)
        with _looking_up:
            if path.is_dir():
                raise IsADirectory
        self._publisher().move(path, self._path(target), overwrite=overwrite)

    def _url_of(self, key: str) -> str:
        if self.base_url is None:
            raise NoURL
        return names.join_url(str(self.base_url), key)

    # ---------------------------------------- what Django's own storage has

    @property
    def base_location(self) -> str:
        """The directory, as ``location``."""
        return self.location

    @base_location.setter
    def base_location(self, value: str) -> None:
        # Django's StaticFilesStorage takes both away without a STATIC_ROOT, and says so later.
        self.location = value

    def path(self, name: str) -> str:
        """Return the absolute path of a file, whether it exists or not."""
        return str(self._path(names.directory_name(name)))

    def exists(self, name: str) -> bool:
        """Tell whether the name is taken: by a file, a directory, or a link that leads nowhere."""
        name = self._inside(name)
        if super().exists(name):
            return True
        key = names.directory_name(name)
        with self._translating("stat", key):
            return bool(key) and self._is_taken(key)

    def scandir(self, path: str = "") -> Iterator[Entry]:
        """Return an iterator over a directory's entries; see ``BaseStorage``."""
        return super().scandir(self._inside(path))

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name, with seven random characters."""
        # Not FileSystemStorage's, which gives the same name again when it may overwrite.
        return Storage.get_alternative_name(self, file_root, file_ext)

    # ---------------------------------------------------------------- helpers

    def _publisher(self) -> Publisher:
        return Publisher(
            Path(self.location),
            self.file_permissions_mode,
            self.directory_permissions_mode,
            self.fsync,
        )

    def _path(self, key: str) -> Path:
        return Path(self._absolute(key))

    def _absolute(self, key: str) -> str:
        # To make a Path of it takes as long as to open the file.
        if WINDOWS:
            _judge_for_windows(key)
        return os.path.join(self.location, key)  # noqa: PTH118

    def _inside(self, name: str) -> str:
        """Return ``name``; "" for the absolute path of the root, which collectstatic asks about."""
        return "" if name == self.location else name

    def _is_taken(self, key: str) -> bool:
        try:
            with _looking_up:
                self._path(key).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


class _LookingUp:
    """No file has a name that is longer than the disk allows."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            raise NotFound from error


_looking_up = _LookingUp()


def _opened(path: str) -> io.FileIO:
    # With a path, or an opener, FileIO asks the system once more than it takes.
    descriptor = os.open(path, _TO_READ)
    try:
        return io.FileIO(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _reader(file: io.FileIO, offset: int, version: str | None) -> LocalReader:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise StorageError("It is not a file, but a pipe, a socket or a device.")
    found = _described(status)
    if version is not None and found.version != version:
        raise Changed
    if offset:
        file.seek(offset)
    return LocalReader(file, found)


def _described(found: os.stat_result) -> Stat:
    return Stat(
        size=found.st_size,
        modified=_moment(found.st_mtime),
        created=_moment(found.st_ctime),  # as Django: the last change of the inode on Unix
        accessed=_moment(found.st_atime),
        version=f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}",
    )


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, tz=timezone.utc)


def _judge_for_windows(key: str) -> None:
    for part in key.split("/"):
        if (
            _WINDOWS_FORBIDDEN.intersection(part)
            or part.endswith((" ", "."))
            or part.split(".")[0].rstrip(" ").lower() in _WINDOWS_DEVICES
        ):
            msg = f"Windows cannot have a file named {part!r}."
            raise SuspiciousFileOperation(msg)
