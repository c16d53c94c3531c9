"""What is asked of a gateway, and what its answers mean."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timezone
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

from django.views.decorators.debug import sensitive_variables

from storages.backends.tahoe import caps
from storages.backends.tahoe.directories import Directories, directories
from storages.backends.tahoe.listing import Description
from storages.backends.tahoe.options import TahoeOptions
from storages.errors import (
    AlreadyExists,
    Corrupt,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.http import Answer, quoted, status_of, with_query
from storages.readers import Stat
from storages.retry import timeout
from storages.staging import Source
from storages.told import length

__all__ = ["TahoeRequests"]

_CONFLICT = 409
_MISSING = 404
_LONGEST_ERROR = 64 * 1024
#: Bytes of a name in a URL: the gateway hangs up on a request line of more than 16384.
LONGEST = 15_000
#: Bytes a second at which a gateway may store a file, and still be waited for.
SLOWEST = 100 * 1024

#: What the gateway says with a status that alone says too little; and what to do. Names, which may
#: hold the same words, are only quoted where these have been met before.
MEANINGS: tuple[tuple[int, str, type[StorageError], str], ...] = (
    (
        500,
        "NotWriteableError",
        PermissionDenied,
        "The capability is read-only; writing needs the one that begins with URI:DIR2: itself.",
    ),
    (400, "Files have no children", NotADirectory, ""),
    (400, "PUT to a directory", IsADirectory, ""),
    (409, "a file was in the way", NotADirectory, ""),
    (409, "its parent is a file", NotADirectory, ""),
)


class TahoeRequests(TahoeOptions):
    """The requests of a storage; its hooks are made of them."""

    extra: ClassVar[str] = "tahoe"
    statuses: ClassVar[Mapping[int, type[StorageError]]] = {410: Unavailable}

    # ------------------------------------------------------------------ asking

    def _stream(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        # Else a failure of the gateway is told as a page, which does not hold its name.
        headers = {"Accept": "text/plain", **(headers or {})}
        return super()._stream(method, url, headers=headers, **more)

    def _file_url(self, key: str) -> str:
        """Return the URL of what is at ``key`` below the base."""
        path = quoted(key, safe="/")
        if len(path) > LONGEST:
            raise StorageError(
                f"The name takes {len(path)} bytes in a URL, where a gateway takes {LONGEST}.",
                hint="Use a shorter name.",
            )
        return f"{self._url_at(self.tahoe_base_cap)}/{path}".rstrip("/")

    def _url_at(self, cap: str) -> str:
        return f"{self.tahoe_base_url}uri/{quoted(cap)}"

    @sensitive_variables("url")
    def _described(self, url: str) -> AbstractContextManager[Description]:
        """Give what the gateway tells of a file or directory; the block reads what it wants."""
        try:
            return _describing(self._stream("GET", f"{url}?t=json"))
        except Unavailable as error:
            name = unicodedata.normalize("NFC", unquote(url.rpartition("/")[2]))
            if f"KeyError: {name!r}" not in error.message:
                raise
            # It was unlinked between two looks of the gateway's at its directory.
            raise NotFound from error

    def _file(self, key: str) -> dict[str, Any]:
        """Return what the gateway tells of a file. Raises NotFound, IsADirectory."""
        with self._described(self._file_url(key)) as found:
            if found.kind == "dirnode":
                raise IsADirectory
            if found.kind != "filenode":
                raise StorageError("The gateway does not know what kind of thing it is.")
            return found.properties()

    def _stat_of(self, told: Mapping[str, Any]) -> Stat:
        linked = told.get("metadata", {}).get("tahoe", {})
        return Stat(
            size=length(told["size"]),
            modified=_moment(linked.get("linkmotime")),
            created=_moment(linked.get("linkcrtime")),
            version=caps.version(told),
        )

    def _cap_at(self, key: str) -> str | None:
        try:
            return self._ask("GET", f"{self._file_url(key)}?t=uri").text
        except NotFound:
            return None

    # ----------------------------------------------------------------- putting

    def _put_at(
        self, key: str, body: Source | bytes, query: Mapping[str, str], *, overwrite: bool
    ) -> None:
        """Put a file, or what a capability names, at ``key``. Raises AlreadyExists, IsADirectory.

        Only files are replaced, whatever ``key`` has become meanwhile.
        """
        query = {**query, "replace": "only-files" if overwrite else "false"}
        put = partial(
            self._ask,
            "PUT",
            with_query(self._file_url(key), query),
            body=body,
            # The gateway has it all before it begins to encode and to send it on.
            read_timeout=self.read_timeout + len(body) / SLOWEST,
        )
        try:
            try:
                put()
            except StorageError as error:
                # A missing "a" of "a/b/a" it takes for the last, and then finds no way on from it.
                if status_of(error) != _MISSING or "/" not in key:
                    raise
                self._directories.forget(key.partition("/")[0])
                self._make_parents(key)
                put()
        except NotADirectory:
            self._directories.forget(posixpath.dirname(key))
            raise
        except IsADirectory as error:
            if overwrite:
                raise
            raise AlreadyExists from error

    def _link(self, key: str, cap: str, *, overwrite: bool) -> None:
        """Put what ``cap`` names at ``key``, with the directories that it needs."""
        self._make_parents(key)
        try:
            self._put_at(key, cap.encode(), {"t": "uri"}, overwrite=overwrite)
        except Unavailable:
            # It may have been done and only the answer be lost; done again, it is refused.
            if self._cap_at(key) != cap:
                raise

    # ------------------------------------------------------------- directories

    @property
    def _directories(self) -> Directories:
        return directories(self.tahoe_base_url, self.tahoe_base_cap)

    def _make_parents(self, key: str) -> None:
        """Make the directories that a file needs, unless they are known to be there.

        Storing a file would make them too. But of two who do that at the same time, one puts its
        file into a directory that nobody will find.
        """
        directory, known = posixpath.dirname(key), self._directories
        if directory in known:
            return
        # Whoever holds it waits for the gateway as long as that.
        if not known.lock.acquire(timeout=timeout(self.read_timeout)):
            raise Timeout("Another thread is making directories, and does not get done.")
        try:
            missing = []
            while not self._is_there(directory):
                missing.append(directory)
                directory = posixpath.dirname(directory)
            for path in reversed(missing):
                self._make_directory(path)
        finally:
            known.lock.release()

    def _is_there(self, directory: str) -> bool:
        if directory in self._directories:
            return True
        cap = self._cap_at(directory)
        if cap is None:
            return False
        if not caps.is_of_directory(cap):
            raise NotADirectory
        self._directories.add(directory)
        return True

    def _make_directory(self, path: str) -> None:
        """Make a directory in one that is there; of several who try, the gateway lets one do it."""
        parent, name = posixpath.split(path)
        query = {"t": "mkdir", "name": name, "replace": "false"}
        answer = self._ask(
            "POST", with_query(self._file_url(parent), query), body=b"", accept=(_CONFLICT,)
        )
        if answer.status == _CONFLICT and not self._is_there(path):
            raise Unavailable("A directory that was there has gone.")
        self._directories.add(path)

    # ------------------------------------------------------------------ errors

    def _refusal(self, answer: Answer) -> StorageError:
        with suppress(Unavailable, Corrupt):
            answer.content = answer.read_all(_LONGEST_ERROR)
        error = super()._refusal(answer)
        for status, words, kind, hint in MEANINGS:
            if answer.status == status and words in answer.text:
                return _as(kind, error, hint)
        if answer.status == _MISSING and "No such child" not in answer.text:
            # Another server, or none that answers for a gateway: it cannot tell what is missing.
            hint = "Is TAHOE_STORAGE_BASE_URL (tahoe_base_url) the address of a Tahoe-LAFS node?"
            return _as(StorageError, error, hint)
        if isinstance(error, Unavailable):
            error.hint = "The gateway's own page shows which storage servers it is connected to."
        return error

    def _reason(self, answer: Answer) -> str:
        if answer.text.startswith("Traceback"):
            return answer.text.rstrip().rpartition("\n")[2].removeprefix("Failure: ")
        return super()._reason(answer)

    def _clean(self, text: str) -> str:
        return caps.without_caps(super()._clean(text))


@contextmanager
def _describing(answer: Answer) -> Iterator[Description]:
    with answer:
        yield Description(answer.read_block)


def _as(kind: type[StorageError], error: StorageError, hint: str) -> StorageError:
    """Return an answer's error as one of another class."""
    other = kind(error.message, hint=hint or error.hint)
    vars(other)["status"] = vars(error)["status"]
    return other


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, tz=timezone.utc)
