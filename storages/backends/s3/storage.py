"""The storage: what its hooks ask of S3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.core.checks import CheckMessage

from storages import names
from storages.backends.s3 import checks, reading, writing
from storages.backends.s3 import client as clients
from storages.backends.s3.faults import CODES, NotSupported
from storages.backends.s3.preload import Catalogue
from storages.backends.s3.requests import S3Requests
from storages.backends.s3.urls import S3URLs
from storages.base import RemoteStorage
from storages.errors import NotFound, OptionError, StorageError, Unavailable
from storages.files import Mode, StorageFile
from storages.readers import Entry, Reader, Stat
from storages.retry import Retry, repeat
from storages.staging import Source
from storages.told import understood

__all__ = ["S3File", "S3Storage"]

#: So many names one bulk delete takes.
MOST_DELETED = 1000


class S3File(StorageFile):
    """A file of an S3 storage; ``obj`` is the boto3 Object, ``obj.key`` its key."""

    __module__ = "storages.backends.s3"

    @property
    def obj(self) -> Any:
        """The object, as a boto3 resource."""
        storage: Any = self._storage
        return storage.bucket.Object(storage._key(self.name))  # noqa: SLF001 - one package


class S3Storage(S3Requests, S3URLs, RemoteStorage):
    """Files in a bucket of Amazon S3 or of a server that speaks its protocol.

    Saving a name again gives the second file another name, unless ``file_overwrite``; two savers
    who meet both keep their files. The options are those of :class:`S3Options`.
    """

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.s3"

    lists_missing_as_empty = True
    extra: ClassVar[str] = "s3"
    #: The constructor's positional arguments, those of 1.1.4.
    positional: ClassVar[tuple[str, ...]] = (
        "bucket_name",
        "access_key",
        "secret_key",
        "default_acl",
        "addressing_style",
        "encrypt",
        "gzip",
        "gzip_content_types",
        "preload_metadata",
    )
    #: 1.1.4's names of options.
    renamed: ClassVar[dict[str, str]] = {
        "bucket": "bucket_name",
        "acl": "default_acl",
        "calling_format": "addressing_style",
    }

    def __init__(self, *args: Any, **given: Any) -> None:
        if len(args) > len(self.positional):
            raise TypeError(f"{type(self).__name__} takes {len(self.positional)} arguments at most")
        options = dict(zip(self.positional, args, strict=False))
        for name, value in given.items():
            option = self.renamed.get(name, name)
            if option in options:
                raise TypeError(f"{type(self).__name__} got several values for {option!r}")
            options[option] = value
        # 1.1.4's constructors had None where today's say nothing.
        super().__init__(**{n: v for n, v in options.items() if n in given or v is not None})
        self._check_options()

    def _check_options(self) -> None:
        """Raise OptionError for options that do not go together; no I/O."""
        if self.session_profile and (self.access_key or self.secret_key):
            raise OptionError(
                "AWS_S3_SESSION_PROFILE (session_profile) cannot be combined with "
                "AWS_S3_ACCESS_KEY_ID (access_key) and AWS_S3_SECRET_ACCESS_KEY (secret_key)."
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise OptionError(
                "AWS_S3_ACCESS_KEY_ID (access_key) and AWS_S3_SECRET_ACCESS_KEY (secret_key) must "
                "be set together."
            )
        self.check_headers()
        self.check_urls()

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O."""
        return checks.check(self, alias)

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_client", "_connection", "_catalogue", "_addressed"}
        return {name: value for name, value in self.__dict__.items() if name not in kept}

    @property
    def overwrites(self) -> bool:  # type: ignore[override]  # an option decides it here
        """Whether saving a name again replaces the file."""
        return self.file_overwrite

    @property
    def retry(self) -> Retry:  # type: ignore[override]  # likewise
        """How failed requests are repeated."""
        return Retry(attempts=clients.attempts(self))

    def _open(self, name: str, mode: str = "rb") -> S3File:
        """Open a file; see :class:`storages.files.StorageFile`."""
        Mode.parse(mode)
        return S3File(self, names.file_name(name), mode)

    async def aurl(
        self,
        name: str | None,
        parameters: Mapping[str, Any] | None = None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        """Return the URL of a file, as ``url`` does."""
        # Signing may have to find credentials first.
        return await self._run(self.url, name, parameters, expire, http_method, download_as)

    # ------------------------------------------------------------------- hooks

    def _stat(self, key: str) -> Stat:
        known = self._preloaded
        if known is not None and (stat := known.stat(key)) is not None:
            return stat
        return self._asked_stat(key)

    def _asked_stat(self, key: str) -> Stat:
        full = self._key(key)
        return reading.true_stat(self, full, self._head(full))

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return reading.open_object(self, self._key(key), offset=offset, version=version)

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        try:
            writing.write_object(self, self._new_key(key), source, overwrite=overwrite)
        finally:
            self._written(key)

    def _remove(self, key: str) -> None:
        try:
            self._request("delete_object", self._key(key))
        except NotFound:
            self._removed([key])
            raise
        self._removed([key])

    def _list(self, prefix: str) -> Iterator[Entry]:
        start = self._prefix(prefix)
        with understood():
            for page in self._listing(start, Delimiter="/"):
                for found in page.get("CommonPrefixes", ()):
                    name = found["Prefix"][len(start) : -1]
                    if name not in {"", ".", ".."}:
                        yield Entry(name, is_dir=True)
                for found in page.get("Contents", ()):
                    name = found["Key"][len(start) :]
                    if name not in {"", ".", ".."}:  # "": the marker of the directory itself
                        yield Entry(name, stat=reading.stat_of(found, int(found["Size"])))

    def _walk(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        root = len(self._prefix(""))
        for page in self._listing(self._prefix(prefix)):
            for found in page.get("Contents", ()):
                key = found["Key"][root:]
                if not {"", ".", ".."}.intersection(key.split("/")):
                    yield key, reading.listed(self, found)

    def _is_dir(self, key: str) -> bool:
        known = self._preloaded
        if known is not None and key:
            return known.is_dir(key)
        page = next(self._listing(self._prefix(key), MaxKeys=1))
        return not key or bool(page.get("Contents"))

    def _copy(self, key: str, target: str, *, overwrite: bool) -> None:
        try:
            writing.copy_object(self, self._key(key), self._new_key(target), overwrite=overwrite)
        finally:
            self._written(target)

    def _move(self, key: str, target: str, *, overwrite: bool) -> None:
        """S3 has no renaming: the copy is complete before the original goes."""
        self._copy(key, target, overwrite=overwrite)
        try:
            repeat(self.retry, lambda: self._remove(key))
        except Unavailable as error:
            error.final = True  # begun anew, it would meet its own copy
            raise

    def _remove_many(self, keys: list[str]) -> Any:
        first: StorageError | None = None
        for begin in range(0, len(keys), MOST_DELETED):
            some = keys[begin : begin + MOST_DELETED]
            objects = [{"Key": self._key(key)} for key in dict.fromkeys(some)]
            try:
                answer = self._request("delete_objects", Delete={"Objects": objects, "Quiet": True})
            except NotSupported:
                return NotImplemented  # the core deletes them one by one
            errors = answer.get("Errors", ())
            first = first or next(self._refused(errors), None)
            failed = {error["Key"] for error in errors}
            self._removed([key for key in some if self._key(key) not in failed])
        if first is not None:
            raise first
        return None

    def _refused(self, errors: Any) -> Iterator[StorageError]:
        """Yield what a bulk delete could not do, as our errors."""
        for error in errors:
            code = str(error.get("Code", ""))
            kind = CODES.get(code, StorageError)
            if kind is not NotFound:
                name = error["Key"][len(self._prefix("")) :]
                yield kind(f"S3 answered {code}: {error.get('Message', '')}", name=name)

    # ------------------------------------------------------------ preload_metadata

    @property
    def _preloaded(self) -> Catalogue | None:
        if not self.preload_metadata:
            return None
        known: Catalogue | None = self.__dict__.get("_catalogue")
        if known is None:
            known = self.__dict__.setdefault("_catalogue", Catalogue(self._everything))
        return known

    def _everything(self) -> Iterator[tuple[str, Stat]]:
        start = self._prefix("")
        for page in self._listing(start):
            for found in page.get("Contents", ()):
                yield found["Key"][len(start) :], reading.stat_of(found, int(found["Size"]))

    def _written(self, key: str) -> None:
        if (known := self.__dict__.get("_catalogue")) is not None:
            known.written(key)

    def _removed(self, keys: list[str]) -> None:
        if (known := self.__dict__.get("_catalogue")) is not None:
            known.removed(keys)

    def size(self, name: str) -> int:
        """Return the file's length in bytes. Raises NotFound.

        A listing tells the length of what is stored; where files are compressed, each is asked for.
        """
        if self.preload_metadata and self.gzip:
            key = names.file_name(name)
            return self._call("stat", key, lambda: self._asked_stat(key)).size
        return super().size(name)
