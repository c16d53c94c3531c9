"""The mix-ins: storages that take part in ``collectstatic``, and are ordinary ones otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.utils.encoding import filepath_to_uri

from storages import names
from storages.base import BaseStorage
from storages.files import Mode
from storages.options import Option, option
from storages.readers import Entry, Stat
from storages.staging import Source
from storages.static.command import attend
from storages.static.run import Run, current, run_of

__all__ = ["ManifestStaticFilesMixin", "StaticFilesMixin"]


def _positive(value: int) -> int:
    if value < 1:
        raise ValueError("at least 1")
    return value


class StaticFilesMixin(BaseStorage):
    """A storage that takes part in ``collectstatic``; to be put before a storage class.

    ::

        class StaticSFTPStorage(StaticFilesMixin, SFTPStorage): ...

    Saving replaces. URLs begin with ``STATIC_URL`` where the class has an option ``base_url`` and
    none is given. During ``collectstatic`` nothing is stored before the command has done its part;
    see ``storages.static.run``. The storage must keep the names that it is given.
    """

    overwrites: bool = True

    cache_control: str = option(
        settings=("STORAGES_STATIC_CACHE_CONTROL",),
        default="public, max-age=60",
        type=str,
        help="Static files: ``Cache-Control`` of those without a hash in the name, on stores that "
        "keep headers; empty: none.",
    )
    hashed_cache_control: str = option(
        settings=("STORAGES_STATIC_HASHED_CACHE_CONTROL",),
        default="public, max-age=31536000, immutable",
        type=str,
        help="Static files: ``Cache-Control`` of those with a hash in the name; empty: none.",
    )
    workers: int = option(
        settings=("STORAGES_STATIC_WORKERS",),
        default=8,
        type=int,
        convert=_positive,
        help="Static files: how many ``collectstatic`` sends at a time, each over a connection of "
        "its own.",
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        # The classes behind this one may take options by position.
        super().__init__(*args, **given)
        attend()

    # -------------------------------------------------- during collectstatic

    def _collecting(self, command: Any) -> AbstractContextManager[Run]:
        """Give the run of ``command``, at whose end its outcome is stored."""
        return run_of(self, command)

    def exists(self, name: str) -> bool:
        """Tell whether there is a file or directory of that name."""
        run = current(self)
        return super().exists(name) if run is None else run.exists(name)

    def stat(self, name: str) -> Stat:
        """Return what the store tells about a file."""
        run = current(self)
        return super().stat(name) if run is None else run.stat(names.file_name(name))

    def scandir(self, path: str = "") -> Iterator[Entry]:
        """Return an iterator over a directory's entries."""
        run = current(self)
        if run is None:
            return super().scandir(path)
        return run.entries(names.directory_name(path))

    def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last written."""
        run = current(self)
        found = None if run is None else run.modified_time(names.file_name(name))
        return super().get_modified_time(name) if found is None else found

    def delete(self, name: str) -> None:
        """Delete a file; a missing one is passed over."""
        run = current(self)
        if run is None:
            super().delete(name)
        else:
            run.delete(self._deletable(name))

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete files; missing ones are passed over."""
        run = current(self)
        if run is None:
            super().delete_many(names)
        else:
            for key in [self._deletable(name) for name in names]:
                run.delete(key)

    def url(self, name: str | None, *args: Any, **options: Any) -> str:
        """Return the URL of a file."""
        if current(self) is None:
            behind: Any = super()  # some take more than a name
            return str(behind.url(name, *args, **options))
        # Of this one Django looks at the last part alone, to put it into a stylesheet.
        return urljoin(str(settings.STATIC_URL), (filepath_to_uri(name) or "").lstrip("/"))

    def _open(self, name: str, mode: str = "rb") -> Any:
        run = current(self)
        if run is None or Mode.parse(mode).writes:
            return super()._open(name, mode)
        found = run.open(names.file_name(name), binary="b" in mode)
        return super()._open(name, mode) if found is None else found

    def _save(self, name: str, content: Any) -> str:
        run = current(self)
        if run is None:
            return super()._save(name, content)
        return run.save(names.file_name(name), content)

    def _upload(self, key: str, source: Source) -> None:
        """Store content for good, past whatever a subclass does in ``_save``: it did it before."""
        super()._save(key, source)

    # --------------------------------------------------- what a run has to know

    @property
    def _manifest_key(self) -> str | None:
        """The manifest's name, if it is kept in this storage."""
        if getattr(self, "manifest_storage", None) is not self:
            return None
        name: str | None = getattr(self, "manifest_name", None)
        return name

    @property
    def _workers(self) -> int:
        """How many threads may store files: one, which is the caller's, for Django's databases."""
        return 1 if self.thread_sensitive else self.workers

    def _as_stored(self, key: str, source: Source) -> AbstractContextManager[Source]:  # noqa: ARG002
        """Give what the store gets for ``source``, and of which it tells size and digest."""
        return nullcontext(source)

    def _is_digest(self, key: str) -> bool:  # noqa: ARG002
        """Tell whether what the listing gives as the file's digest is one, when it differs."""
        return True

    def _local_time(self, timestamp: float) -> datetime:
        """Return the time as ``get_modified_time`` does."""
        return self._time(datetime.fromtimestamp(timestamp, tz=timezone.utc), "modified")

    # ---------------------------------------------------------------- at all times

    def _cache_control_of(self, key: str, *, hashed: bool) -> str | None:  # noqa: ARG002
        """Return the ``Cache-Control`` of a file; to be overridden where names say more."""
        return (self.hashed_cache_control if hashed else self.cache_control) or None

    def _put(self, key: str, source: Source, *, overwrite: bool) -> None:
        if source.cache_control is None:
            source.cache_control = self._cache_control_of(key, hashed=False)
        super()._put(key, source, overwrite=overwrite)

    def _url_of(self, key: str) -> str:
        if "base_url" in self.given or not isinstance(
            inspect.getattr_static(type(self), "base_url", None), Option
        ):
            return super()._url_of(key)
        # Whatever the settings say: those are for uploads.
        return names.join_url(str(settings.STATIC_URL), key)


class ManifestStaticFilesMixin(ManifestFilesMixin, StaticFilesMixin):  # type: ignore[misc]
    """:class:`StaticFilesMixin` with the hash of a file's content in its name, as Django does it.

    ``manifest_strict``, ``manifest_name``, ``manifest_storage``, ``patterns`` and the rest are
    those of :class:`~django.contrib.staticfiles.storage.ManifestStaticFilesStorage`. The manifest
    is read when it is first needed, and not by the constructor.
    """

    def load_manifest(self) -> Any:
        """Return the manifest's names and its hash; nothing yet to Django's constructor.

        A constructor asks no server: checks, migrations and commands make storages, too.
        """
        if "manifest_hash" not in self.__dict__:
            return {}, ""
        return super().load_manifest()

    @property
    def hashed_files(self) -> dict[str, str]:
        """The manifest: names and what they are with the hash; read when it is first needed."""
        known: dict[str, str] | None = self.__dict__.get("_hashed_files")
        if known is None:
            known, self.manifest_hash = self.load_manifest()
            self.hashed_files = known
        return known

    @hashed_files.setter
    def hashed_files(self, value: dict[str, str]) -> None:
        # The constructor's own value is none.
        self.__dict__["_hashed_files"] = value if "manifest_hash" in self.__dict__ else None

    def save_manifest(self) -> None:
        """Store the manifest: in a run, when all that it names is stored."""
        run = current(self)
        if run is None or self.manifest_storage is self:
            super().save_manifest()
        else:
            run.last.append(super().save_manifest)

    def post_process(self, *args: Any, **options: Any) -> Iterator[tuple[str, Any, Any]]:
        """Give files their hashes; see Django's. Errors say what is to be done."""
        processing = super().post_process(*args, **options)
        run = current(self)
        if run is not None and hasattr(processing, "close"):
            # The command stops at an error, while some versions of Django have a file open.
            run.at_end.callback(processing.close)
        for name, hashed, processed in processing:
            yield name, hashed, _explained(name, processed)


def _explained(name: str, processed: Any) -> Any:
    """Return an error of Django's with what to do next."""
    if isinstance(processed, UnicodeDecodeError):
        text = f"'{name}' is not UTF-8 ({processed}). Save it in that encoding."
    elif isinstance(processed, ValueError) and "could not be found" in str(processed):
        text = (
            f"'{name}' refers to a file that is not among the static files: {processed} Add the "
            "file, or correct or remove the reference."
        )
    elif isinstance(processed, ValueError):
        text = f"'{name}' could not be processed: {processed}"
    elif isinstance(processed, RuntimeError):
        text = (
            f"{processed} Of the files '{name}', some refer to each other in a circle, or in more "
            "steps than max_post_process_passes."
        )
    else:
        return processed
    explained = ValueError(text) if isinstance(processed, ValueError) else RuntimeError(text)
    explained.__cause__ = processed
    # Django 6.1 notes the line with the reference.
    vars(explained)["__notes__"] = list(getattr(processed, "__notes__", ()))
    return explained
