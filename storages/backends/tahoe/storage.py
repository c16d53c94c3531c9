"""The storage: what its hooks ask of a Tahoe-LAFS gateway."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from storages import names
from storages.backends.tahoe import caps
from storages.backends.tahoe.numbering import NumberedNames
from storages.backends.tahoe.reading import Guarded
from storages.backends.tahoe.requests import TahoeRequests
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    NoURL,
    Unavailable,
)
from storages.events import logger
from storages.http import Answer, quoted
from storages.readers import Entry, HeldReader, Reader, Stat
from storages.retry import repeat
from storages.staging import Source
from storages.told import length, understood

__all__ = ["TahoeStorage"]

#: So many names are tried for a file that has to get another one.
_MOST_NAMES = 1000


class TahoeStorage(NumberedNames, TahoeRequests):
    """Files in a directory of a Tahoe-LAFS grid, through the web API of a node.

    Saving a name again gives the second file another one, ``name_1.txt``. Deleting a file unlinks
    it: who has its URL can read it as long as the storage servers keep its shares.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.tahoe"

    real_directories = True

    @understood()
    def _stat(self, key: str) -> Stat:
        return self._stat_of(self._file(key))

    @understood()
    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        url = self._file_url(key)
        whole: list[bytes] = []

        def unknown() -> int:
            # Mostly it is a page about a directory, and this says so.
            return length(self._file(key)["size"])

        def stat(answer: Answer, size: int) -> Stat:
            if "Accept-Ranges" not in answer.headers:
                raise IsADirectory
            if answer.etag is None and answer.length == size <= caps.LITERAL:
                whole.append(answer.read_all(size))
                return Stat(size, version=caps.literal_version(whole[0]))
            return Stat(size, version=(answer.etag or "").removesuffix("-") or None)

        # A part of a file as small as that does not tell its version.
        start = 0 if caps.is_literal_version(version) else offset
        reader = self._open_range(url, stat=stat, offset=start, size=unknown)
        if whole:
            reader.close()
            return HeldReader(reader.stat, whole[0], offset)

        def again(count: int) -> bytes:
            return self._ask("GET", url, headers={"Range": f"bytes=-{count}"}).content

        return Guarded(reader, start, again)

    @understood()
    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        self._make_parents(key)
        self._put_at(key, source, {"format": "CHK"}, overwrite=overwrite)

    @understood()
    def _remove(self, key: str) -> None:
        with self._described(self._file_url(key)) as found:
            was_directory = found.kind == "dirnode"
            # The gateway would unlink a full one as well.
            if was_directory and next(found.children(), None) is not None:
                raise DirectoryNotEmpty
        if was_directory:
            self._directories.forget(key)
        # It tells what it has unlinked: somebody may have put something else there by then.
        cap = self._ask("DELETE", self._file_url(key)).text
        if caps.is_of_directory(cap):
            with self._described(self._url_at(cap)) as unlinked:
                lost = next(unlinked.children(), None) is not None
        else:
            lost = was_directory
        if lost:
            self._directories.forget(key)
            self._put_back(key, cap)
            if was_directory:
                raise DirectoryNotEmpty

    def _put_back(self, key: str, cap: str) -> None:
        """Link what was unlinked too early, whatever has been saved in its place meanwhile."""
        try:
            self._link(key, cap, overwrite=False)
        except AlreadyExists:
            if not (caps.is_of_directory(cap) and self._is_dir(key)):
                self._link_beside(key, cap)
                return
            # Made anew, for another file.
            with self._described(self._url_at(cap)) as unlinked:
                children = [(name, told) for name, _, told in unlinked.children()]
            for name, told in children:
                self._put_back(f"{key}/{name}", told.get("rw_uri", told["ro_uri"]))

    def _link_beside(self, key: str, cap: str) -> None:
        """Link it under another name; that its own is taken is logged."""
        root, extension = posixpath.splitext(key)
        for number in range(1, _MOST_NAMES):
            name = f"{root}_{number}{extension}"
            try:
                self._link(name, cap, overwrite=False)
            except AlreadyExists:
                continue
            logger.warning(
                "%r was saved while its directory was deleted, and again: one is %r now.", key, name
            )
            return
        raise AlreadyExists

    def _list(self, prefix: str) -> Iterator[Entry]:
        with understood(), self._described(self._file_url(prefix)) as found:
            if found.kind != "dirnode":
                raise NotADirectory
            for name, kind, told in found.children():
                if _is_a_name(name):
                    known = kind == "filenode" and "size" in told
                    stat = self._stat_of(told) if known else None
                    yield Entry(name, is_dir=kind == "dirnode", stat=stat)

    @understood()
    def _is_dir(self, key: str) -> bool:
        try:
            with self._described(self._file_url(key)) as found:
                return found.kind == "dirnode"
        except (NotFound, NotADirectory):
            return False

    @understood()
    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        """Link the same file, which cannot change."""
        told = self._file(key)
        if told["mutable"]:
            return NotImplemented  # another program's; both names would be of what can change
        self._link(target, told["ro_uri"], overwrite=overwrite)
        return None

    @understood()
    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        """Link, then unlink.

        ``t=relink`` does the same, but takes spaces off both names, and makes the directory of the
        original when that is missing.
        """
        told = self._file(key)
        self._link(target, told.get("rw_uri", told["ro_uri"]), overwrite=overwrite)
        try:
            repeat(self.retry, lambda: self._ask("DELETE", self._file_url(key), accept=(404,)))
        except Unavailable as error:
            error.final = True  # begun anew, it would meet its own link
            raise

    @understood()
    def _url_of(self, key: str) -> str:
        if not key or key.endswith("/"):
            raise NoURL("A directory has no URL: whoever had it could read all that is in it.")
        told = self._reading(lambda: self._call("url", key, lambda: self._file(key)))
        base = self.base_url or self.tahoe_base_url
        cap, name = quoted(told["ro_uri"]), quoted(key.rpartition("/")[2])
        if self.url_style == "named":
            return f"{base}named/{cap}/{name}"
        return f"{base}file/{cap}/@@named=/{name}"


def _is_a_name(name: str) -> bool:
    """Tell whether a name here can be this; other programs may have given others."""
    try:
        return "/" not in name and names.file_name(name) == name
    except SuspiciousFileOperation:
        return False
