"""Publishing files on a local disk: a name shows all of a file or nothing of it.

Content is written to a temporary file in the directory of its name, synchronized to the disk, and
given its name in one step: ``rename`` when it replaces, ``link`` (which refuses a taken name) when
it must not. What is raised here are Python's own ``OSError`` classes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storages.events import logger
from storages.staging import Source, temporary_name

WINDOWS = os.name == "nt"

# os.link() on a filesystem that has no hard links, or no more for this file.
_NO_LINKS = frozenset(
    {
        errno.EACCES,  # Android's external storage
        errno.EMLINK,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,  # FAT, exFAT, many FUSE filesystems
        errno.EXDEV,
    }
)
# os.fsync() of a directory where the filesystem has no such thing.
_NO_DIRECTORY_SYNC = frozenset({errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
_NEW = os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
# How often directories that vanish (another save failed, a delete) are made again.
_ATTEMPTS = 10


@dataclass(frozen=True)
class Publisher:
    """How files get onto one disk.

    ``root`` is the directory that all names are below; it gives files their group. ``file_mode``
    and ``directory_mode`` are permission bits, None for what the umask leaves. With ``fsync``,
    content and name have reached the disk when a method returns.
    """

    root: Path
    file_mode: int | None = None
    directory_mode: int | None = None
    fsync: bool = True

    def publish(self, target: Path, source: Source, *, overwrite: bool) -> None:
        """Write ``source`` to ``target``: all of it, or nothing.

        Raises FileExistsError when the name is taken and may not be overwritten, IsADirectoryError
        when it may but is a directory's, NotADirectoryError when a part of the path is a file, and
        what else the disk says. As after any other exception, nothing has changed then.
        """
        _check(target, overwrite=overwrite)
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._publish(target, source, overwrite=overwrite)
            except FileNotFoundError:
                # The directory went, and may be there again: by another save that failed, or by a
                # delete.
                if source.failure is not None or not left:
                    raise
            else:
                return

    def symlink(self, points_to: Path, target: Path, *, overwrite: bool) -> bool:
        """Make ``target`` a symbolic link; False: not possible here. Errors as for ``publish``."""
        _check(target, overwrite=overwrite)
        with self._directory(target.parent) as directory:
            new = directory / temporary_name() if overwrite else target
            try:
                new.symlink_to(points_to)
            except FileExistsError:
                raise
            except (OSError, NotImplementedError) as error:
                logger.debug("cannot make a symbolic link: %s", error)
                return False
            if overwrite:
                try:
                    new.replace(target)
                except BaseException:
                    _discard(new)
                    raise
            return True

    def move(self, path: Path, target: Path, *, overwrite: bool) -> None:
        """Give the file ``path`` the name ``target``; errors as for ``publish``."""
        identity = _identity(path)
        _check(target, overwrite=overwrite)
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._move(path, target, overwrite=overwrite, identity=identity)
            except FileNotFoundError:
                if _identity(path) is None or not left:
                    raise
            else:
                return

    def _move(
        self, path: Path, target: Path, *, overwrite: bool, identity: tuple[int, int] | None
    ) -> None:
        with self._directory(target.parent):
            _give_name(path, target, overwrite=overwrite, identity=identity)
            if not overwrite:
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    _discard(target)
                    raise

    def _publish(self, target: Path, source: Source, *, overwrite: bool) -> None:
        with self._directory(target.parent) as directory:
            temporary = directory / temporary_name()
            try:
                adopted = self._adopt(source, temporary)
                if not adopted:
                    self._copy(source, temporary)
                identity = None if adopted else _identity(temporary)
                _give_name(temporary, target, overwrite=overwrite, identity=identity)
            except BaseException:
                _discard(temporary)
                raise
            if adopted or not overwrite:
                # It is a second link now: so it is after rename() too, which does nothing when
                # both names are links to one upload's file.
                _discard(temporary)
            if adopted and source.path is not None:
                # Moved, as Django's own storage does: whoever works on the upload's file after
                # this must not change the stored one.
                _discard(Path(source.path))

    def _copy(self, source: Source, temporary: Path) -> None:
        """Write the content to a new file, with its final mode and group, onto the disk."""
        # Created no wider than it will be: a private file is private from the start.
        mode = 0o666 if self.file_mode is None else self.file_mode & 0o777
        fd = os.open(temporary, os.O_WRONLY | _NEW, mode)
        try:
            for chunk in source.chunks():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(fd, rest) :]
            self._finish(fd, temporary)
        except BaseException:
            _close(fd)
            raise
        os.close(fd)  # may raise: a network filesystem tells here that it could not write

    def _adopt(self, source: Source, temporary: Path) -> bool:
        """Take an upload's own file on this filesystem instead of a copy, if that is possible.

        Without a mode to give it, it would keep the upload's; then it is copied.
        """
        if source.path is None or self.file_mode is None or WINDOWS:
            return False
        try:
            os.link(source.path, temporary)
        except OSError:  # another filesystem, no links, gone: whatever it is, copying tells
            return False
        try:
            fd = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            usable = False
        else:
            try:
                # Its path may be another file's by now.
                found = os.fstat(fd)
                usable = source.is_file(found) and found.st_size == source.size
                if usable:
                    self._finish(fd, temporary)
            except OSError:
                usable = False
            finally:
                _close(fd)
        if not usable:
            temporary.unlink()
        return usable

    def _finish(self, fd: int, path: Path) -> None:
        """Set group and mode, and write the file to the disk."""
        if not WINDOWS:
            self._set_group(fd, path.parent)
        if self.file_mode is not None:  # after the group: chown takes set-id bits away
            path.chmod(self.file_mode)
        if self.fsync:
            os.fsync(fd)

    def _set_group(self, fd: int, directory: Path) -> None:
        """Give the file the group that its directory passes on, else the root's, if allowed."""
        parent = directory.stat()
        inherits = parent.st_mode & stat.S_ISGID
        group = parent.st_gid if inherits else self.root.stat().st_gid
        if os.fstat(fd).st_gid != group:
            try:
                os.fchown(fd, -1, group)
            except PermissionError:
                # Not a member of that group: as with Django's own storage, an effort, no promise.
                logger.debug("cannot give a file in %s the group %d", directory, group)

    @contextmanager
    def _directory(self, path: Path) -> Iterator[Path]:
        """Make the directory, and unmake what was made if the body fails.

        On success, the names that the body made in it are written to the disk.
        """
        made: list[Path] = []
        try:
            with ExitStack() as opened:
                self._make(path, made)
                changed = [path, *(directory.parent for directory in made)] if self.fsync else []
                # Opened before the body, so that what can fail fails before a name is given.
                fds = [opened.enter_context(_opened(directory)) for directory in changed]
                yield path
                for fd in fds:
                    _sync(fd)
        except BaseException:
            for directory in reversed(made):
                _remove_if_empty(directory)
            raise

    def _make(self, path: Path, made: list[Path]) -> None:
        """Make the directory ``path`` and its parents; note in ``made`` what did not exist."""
        missing = [path]
        for _ in range(_ATTEMPTS + 2 * len(path.parts)):
            if missing[-1].is_dir() or self._make_one(missing[-1], made):
                missing.pop()
                if not missing:
                    return
            else:
                missing.append(missing[-1].parent)
        raise _error(errno.ENOENT, path)

    def _make_one(self, path: Path, made: list[Path]) -> bool:
        """Make one directory, with the mode wanted at every level; False: it has no parent."""
        mode = self.directory_mode
        try:
            path.mkdir(0o777 if mode is None else mode & 0o777)
        except FileNotFoundError:
            return False
        except OSError as error:
            # Asked once, because it may come and go.
            found = _mode(path)
            if found is not None and stat.S_ISDIR(found):
                return True  # made by another, or a mount point that refuses otherwise
            if not isinstance(error, FileExistsError):
                raise
            if found is None and not path.is_symlink():
                return False  # made by another, and deleted since
            raise _error(errno.ENOTDIR, path) from error
        made.append(path)
        if mode is not None:
            # Past the umask, and without losing the set-group-id bit that the parent passed on.
            path.chmod(mode | (path.stat().st_mode & stat.S_ISGID))
        return True


def _check(target: Path, *, overwrite: bool) -> None:
    """Raise early, before content is copied, what giving the name would raise in the end."""
    try:
        found = target.lstat()
    except FileNotFoundError:
        return
    if not overwrite:
        raise _error(errno.EEXIST, target)
    if stat.S_ISDIR(found.st_mode) or target.is_dir():
        # A link to a directory is the operator's: it is not replaced by a file either.
        raise _error(errno.EISDIR, target)


def _give_name(
    path: Path, target: Path, *, overwrite: bool, identity: tuple[int, int] | None
) -> None:
    """Give the file ``path`` the name ``target`` in one step, refusing a taken one unless told.

    ``path`` may remain as a second link. ``identity`` is the file's: a network filesystem may do
    what it was asked and lose its answer; asking again, as its client does by itself, then fails.
    """
    try:
        if overwrite:
            path.replace(target)
        elif WINDOWS:
            path.rename(target)  # which refuses a taken name there
        else:
            _link(path, target)
    except OSError:
        if identity is None or _identity(target) != identity:
            raise


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return
    # No hard links here: take the name with an empty file, then replace that. Others may see the
    # empty file for a moment, and a crash in between leaves it.
    fd = os.open(target, os.O_WRONLY | _NEW, 0o666)
    try:
        os.close(fd)
        path.replace(target)
    except BaseException:
        _discard(target)
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file from every other one there is now, or None without a file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _mode(path: Path) -> int | None:
    """Return the kind and mode of what is there, or None when nothing is."""
    try:
        return path.stat().st_mode
    except PermissionError:
        raise
    except OSError:  # also a link that leads to itself
        return None


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def _discard(path: Path) -> None:
    """Remove a file that has done its work; one that cannot be removed is logged and stays.

    What is left of a temporary is never shown and harmless, so it is not worth failing for.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("cannot remove %s: %s", path, error.strerror)


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError as error:  # another save uses it by now, or the disk is broken: it may stay
        logger.debug("not removing %s: %s", directory, error.strerror)


def _close(fd: int) -> None:
    """Close after a failure, or after reading: an error has nothing to tell then."""
    try:
        os.close(fd)
    except OSError as error:
        logger.debug("closing a file failed: %s", error.strerror)


@contextmanager
def _opened(directory: Path) -> Iterator[int | None]:
    """Give a descriptor of the directory, or None where directories cannot be opened."""
    fd = None
    if not WINDOWS:
        try:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError:  # one may write to a directory that one may not read
            logger.debug("cannot open %s to synchronize it", directory)
    try:
        yield fd
    finally:
        if fd is not None:
            _close(fd)


def _sync(fd: int | None) -> None:
    if fd is None:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
