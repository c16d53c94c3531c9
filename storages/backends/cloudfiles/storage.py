"""The storage: what its hooks ask of Swift."""

from __future__ import annotations

import contextvars
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.core.checks import CheckMessage

from storages import names, retry, turns
from storages.backends.cloudfiles import checks, copying, deleting, large, reading
from storages.backends.cloudfiles.requests import LONGEST_KEY, NameTooLong
from storages.backends.cloudfiles.urls import SwiftURLs
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    Unavailable,
)
from storages.files import Mode, StorageFile
from storages.http import Answer, split_credentials
from storages.options import options_of
from storages.readers import Entry, Reader, Stat
from storages.staging import Source
from storages.told import length, understood

__all__ = ["CloudFilesStorage", "CloudFilesStorageFile", "ThreadSafeCloudFilesStorage"]

#: Contents up to this size are held in memory while they are sent.
_SMALL = 1024 * 1024


class CloudFilesStorageFile(StorageFile):
    """A file of a Cloud Files storage."""

    __module__ = "storages.backends.cloudfiles"


class CloudFilesStorage(SwiftURLs, settings_prefix="CLOUDFILES"):
    """Files in a container of Rackspace Cloud Files, or of any other OpenStack Swift.

    Saving a name again gives the second file another name. The options are those of
    :class:`~storages.backends.cloudfiles.options.CloudFilesOptions` and of
    :class:`~storages.http.HTTPStorage`.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.cloudfiles"

    lists_missing_as_empty = True
    extra: ClassVar[str] = "cloudfiles"
    #: 1.1.4 listed without directories where this was true; ``listdir`` has always both now.
    default_quick_listdir: ClassVar[bool] = True
    #: The constructor's positional arguments, those of 1.1.4.
    positional: ClassVar[tuple[str, ...]] = (
        "username",
        "api_key",
        "container",
        "connection_kwargs",
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        if len(args) > len(self.positional):
            raise TypeError(f"{type(self).__name__} takes {len(self.positional)} arguments at most")
        for name, value in zip(self.positional, args, strict=False):
            if name in given:
                raise TypeError(f"{type(self).__name__} got several values for {name!r}")
            if value is not None:
                given[name] = value
        super().__init__(**given)
        self.check_credentials()
        self._take_timeout()

    def _take_timeout(self) -> None:
        """Let ``connection_kwargs["timeout"]`` count for what no option of its own says."""
        seconds = self.connection_kwargs.get("timeout")
        declared = options_of(type(self))
        for name in ("connect_timeout", "read_timeout"):
            said = (
                name in self.given
                or any(hasattr(settings, setting) for setting in declared[name].settings)
                # a subclass's plain attribute
                or inspect.getattr_static(type(self), name) is not declared[name]
            )
            if seconds is not None and not said:
                vars(self)[name] = declared[name].checked(seconds, "connection_kwargs")

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O."""
        return checks.check(self, alias)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration needs to make the storage again: never a secret."""
        path, args, given = super().deconstruct()
        known = given.get("connection_kwargs")
        if known is not None:
            known = given["connection_kwargs"] = {n: v for n, v in known.items() if n != "auth"}
        for where, name in ((given, "auth_url"), (known, "authurl")):
            if where and where.get(name):  # which may hold a password
                where[name] = split_credentials(where[name])[0]
        return path, args, given

    def _open(self, name: str, mode: str = "rb") -> CloudFilesStorageFile:
        """Open a file; see :class:`storages.files.StorageFile`."""
        Mode.parse(mode)
        return CloudFilesStorageFile(self, names.file_name(name), mode)

    def full_listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return what ``listdir`` does, under its name in 1.1.4."""
        return self.listdir(path)

    async def aurl(
        self,
        name: str | None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        """Return the URL of a file, as ``url`` does."""
        # It may have to ask for a token first.
        return await self._run(self.url, name, expire, http_method, download_as)

    # ------------------------------------------------------------------- hooks

    @understood()
    def _stat(self, key: str) -> Stat:
        answer = self._head(key)
        self._no_directory(answer)
        return reading.stat_of(answer, reading.length_of(answer))

    @understood()
    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        cut: int | None = None

        def stat(answer: Answer, size: int) -> Stat:
            nonlocal cut
            self._no_directory(answer)
            cut = reading.segment_size(answer)
            return reading.stat_of(answer, size)

        # Only an ETag can be asked for; a version that is a time is compared by the core.
        pinned = f'"{version}"' if version and "." not in version else None
        url = self._object_url(key)
        reader = self._open_range(url, stat=stat, offset=offset, if_match=pinned, verify=True)
        if cut and not offset and reader.stat.version:
            return reading.Segments(reader, cut, reader.stat.version)
        return reader

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if len(key.encode()) > LONGEST_KEY:
            raise NameTooLong
        headers = self._written_headers(key, source)
        if self.directory_markers:
            self._mark_directories(key)
        if source.size > self.segment_size and self._makes_large(source.size):
            if not overwrite and self._has(key):
                raise AlreadyExists  # before gigabytes are sent in vain
            self._publishing(
                key,
                lambda publish, given: large.upload(self, key, source, given, publish),
                headers,
                overwrite=overwrite,
            )
        else:
            self._publishing(
                key,
                lambda publish, given: publish(lambda: self._put_whole(key, source, given)),
                headers,
                overwrite=overwrite,
            )

    @understood()
    def _remove(self, key: str) -> None:
        answer = self._head(key)
        if self._is_marker(answer) and self._is_dir(key):
            raise DirectoryNotEmpty
        segments = large.segments_of(self, key, answer)
        # Repeated here, where its segments are known. 404: by then, or by somebody else, it was
        # deleted. 409: it has been replaced since, so this deletion came first.
        delete = partial(self._ask, "DELETE", self._object_url(key), accept=(404, 409))
        try:
            answer = retry.repeat(self.retry, delete)
        except Unavailable as error:
            error.final = True
            raise
        # They may be the new file's; those of the old one went when it was replaced.
        if answer.status != 409:  # noqa: PLR2004
            self._drop(segments)

    def _list(self, prefix: str) -> Iterator[Entry]:
        start = f"{prefix}/" if prefix else ""
        marked: set[str] = set()
        with understood():
            for found in self._listing(start, delimiter="/"):
                if "subdir" in found:
                    name = found["subdir"][len(start) : -1]
                    if name not in {"", ".", ".."} and name not in marked:
                        yield Entry(name, is_dir=True)
                    continue
                name = found["name"][len(start) :]
                if name in {"", ".", ".."}:  # "": the marker of the directory itself
                    continue
                if reading.is_marker(found.get("content_type"), length(found["bytes"])):
                    # A directory with its marker is listed twice.
                    marked.add(name)
                    yield Entry(name, is_dir=True)
                else:
                    yield Entry(name, stat=reading.listed(found))

    def _walk(self, prefix: str) -> Iterator[tuple[str, Stat | None]]:
        with understood():
            for found in self._listing(f"{prefix}/" if prefix else ""):
                key = found["name"]
                if reading.is_marker(found.get("content_type"), length(found["bytes"])):
                    continue
                if not {"", ".", ".."}.intersection(key.split("/")):
                    yield key, reading.listed(found)

    @understood()
    def _is_dir(self, key: str) -> bool:
        if not key:
            self._page("", None, None, None, 1)
            return True
        page, _ = self._page(f"{key}/", None, None, None, 1)
        return bool(page)

    def _copy(self, key: str, target: str, *, overwrite: bool) -> None:
        if len(target.encode()) > LONGEST_KEY:
            raise NameTooLong
        copying.copy(self, key, target, overwrite=overwrite)

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        """Swift has no renaming: the copy is complete before the original goes.

        The copy of a large object has segments of its own. Were they shared, and the original not
        deleted after all, deleting one file would ruin the other.
        """
        self._copy(key, target, overwrite=overwrite)
        try:
            retry.repeat(self.retry, lambda: self._remove(key))
        except NotFound:
            return  # deleted by a first attempt, whose answer was lost
        except Unavailable as error:
            error.final = True  # begun anew, it would meet its own copy
            raise

    def _remove_many(self, keys: list[str]) -> Any:
        return deleting.remove_many(self, keys)

    # ------------------------------------------------------------------ writing

    def _publishing(
        self,
        key: str,
        store: Callable[[large.Publish, Mapping[str, str]], None],
        headers: Mapping[str, str],
        *,
        overwrite: bool,
    ) -> None:
        """Let ``store`` store a file: create it, when nobody else does, or replace another."""
        if not overwrite:

            def create(put: Callable[[], object]) -> None:
                with turns.taking(self._object_url(key)):
                    put()

            store(create, {**headers, "If-None-Match": "*"})
            return
        replaced = self._segments_at(key)
        store(large.at_once, headers)
        self._drop(replaced)

    def _put_whole(self, key: str, source: Source, headers: Mapping[str, str]) -> None:
        source.seek(0)
        body: bytes | Source = source
        if source.size <= _SMALL:
            body = source.read()
            digest = hashlib.md5(body, usedforsecurity=False)
        else:
            # Read twice: the server has to know before the end whether it got what was sent.
            digest = hashlib.md5(usedforsecurity=False)
            for chunk in source.chunks():
                digest.update(chunk)
        self._put_object(self._object_url(key), body, {**headers, "ETag": digest.hexdigest()})

    def _written_headers(self, key: str, source: Source) -> dict[str, str]:
        headers = {"Content-Type": source.content_type or names.content_type(key)}
        if self.delete_after is not None:
            headers["X-Delete-After"] = str(self.delete_after)
        if source.cache_control:
            headers["Cache-Control"] = source.cache_control
        return {**headers, **{name: str(v) for name, v in self._given_headers(key).items()}}

    def _mark_directories(self, key: str) -> None:
        directory = key.rpartition("/")[0]
        while directory:
            headers = {"Content-Type": "application/directory", "If-None-Match": "*"}
            try:
                self._put_object(self._object_url(directory), b"", headers)
            except AlreadyExists:
                return  # and so its parents were marked before
            directory = directory.rpartition("/")[0]

    @understood()
    def _makes_large(self, size: int) -> bool:
        """Tell whether ``size`` bytes are stored in segments: the server must know how."""
        known = self._capabilities
        if known is None or "slo" in known:
            return True
        return size > int(known.get("swift", {}).get("max_file_size", 0))

    # ----------------------------------------------------------------- deleting

    @understood()
    def _segments_at(self, key: str) -> list[str]:
        """Return the segments of the file that is about to be replaced."""
        try:
            answer = self._head(key)
        except NotFound:
            return []
        self._no_directory(answer)
        return large.segments_of(self, key, answer)

    def _drop(self, segments: list[str]) -> None:
        """Delete segments that no file needs; that this fails is logged and raises nothing."""
        if segments:
            # A context of its own: a deadline that has passed must not keep them.
            contextvars.Context().run(deleting.drop, self, segments)

    # ------------------------------------------------------------------ helpers

    def _has(self, key: str) -> bool:
        try:
            self._head(key)
        except NotFound:
            return False
        return True

    @staticmethod
    def _is_marker(answer: Answer) -> bool:
        return reading.is_marker(answer.headers.get("Content-Type"), answer.length or 0)

    def _no_directory(self, answer: Answer) -> None:
        if self._is_marker(answer):
            raise IsADirectory


class ThreadSafeCloudFilesStorage(CloudFilesStorage):
    """The same: every storage may be used by several threads."""

    __module__ = "storages.backends.cloudfiles"
