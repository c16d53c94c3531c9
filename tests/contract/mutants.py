"""Storages with one defect each, and the case of the contract that has to find it.

Most of the defects are real ones: of Django's storages, of earlier ones of this name, of others.
"""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

import dataclasses
import fnmatch
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from django.core.files.base import ContentFile, File

from storages import names
from storages.base import BaseStorage, ChunkReader, Entry, Reader, Source, Stat
from storages.errors import AlreadyExists, NotFound
from storages.files import StorageFile
from storages.options import option
from storages.testing import MemoryStorage

T = TypeVar("T", bound=type[MemoryStorage])

MUTANTS: dict[type[MemoryStorage], str] = {}


def found_by(case: str) -> Callable[[T], T]:
    """Note which case finds the defect of the class."""

    def note(cls: T) -> T:
        MUTANTS[cls] = case
        return cls

    return note


@found_by("test_N01_odd_names_round_trip")
class Quotes(MemoryStorage):
    """Stores names percent-encoded, and returns them so."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(quote(name), content)


@found_by("test_N04_names_that_differ_in_case")
class FoldsCase(MemoryStorage):
    """Takes names in lower case, and did not declare that."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key.lower(), source, overwrite=overwrite)

    def _stat(self, key: str) -> Stat:
        return super()._stat(key.lower())

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return super()._open_read(key.lower(), offset=offset, version=version)


@found_by("test_N05_unicode_forms")
class Normalises(MemoryStorage):
    """Turns names to NFC, as some file systems do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(unicodedata.normalize("NFC", key), source, overwrite=overwrite)

    def _stat(self, key: str) -> Stat:
        return super()._stat(unicodedata.normalize("NFC", key))


@found_by("test_N06_spaces_at_the_end_count")
class Strips(MemoryStorage):
    """Loses the spaces at the end of a name, as some services do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key.rstrip(), source, overwrite=overwrite)


@found_by("test_N07_listing_does_not_leak_siblings")
class ListsByPrefix(MemoryStorage):
    """Lists whatever begins with the directory's name."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        found = {key[len(prefix) :].lstrip("/") for key in self._files if key.startswith(prefix)}
        entries = {(rest.partition("/")[0], "/" in rest) for rest in found}
        return iter([Entry(name, is_dir=is_dir) for name, is_dir in sorted(entries)])


@found_by("test_N12_metacharacters_match_literally")
class ListsByPattern(MemoryStorage):
    """Takes a directory's name for a pattern."""

    def _is_dir(self, key: str) -> bool:
        return not key or any(fnmatch.fnmatch(name, f"{key}/*") for name in self._files)


@found_by("test_S02_same_name_twice")
class Replaces(MemoryStorage):
    """Overwrites by default, as others do."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key, source, overwrite=True)


@found_by("test_C01_threads_saving_one_name")
class LooksBeforeItLeaps(MemoryStorage):
    """Asks whether the name is free, and then writes."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if not overwrite and key in self._files:
            raise AlreadyExists
        time.sleep(0.01)
        super()._write(key, source, overwrite=True)


@found_by("test_C02_forced_race")
class AsksTooEarly(MemoryStorage):
    """Asks whether the name is free when it chooses it, and never again."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        while BaseStorage.exists(self, name):
            name = f"{name}_"
        return name

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        super()._write(key, source, overwrite=True)


@found_by("test_S05_half_read_content_is_saved_from_the_start")
class GoesOnReading(MemoryStorage):
    """Saves content from where it stands."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read()))


@found_by("test_S10_failing_source_leaves_nothing")
class KeepsHalves(MemoryStorage):
    """Writes piece by piece under the final name."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        so_far = b""
        for chunk in source.chunks():
            so_far += chunk
            with ContentFile(so_far) as half:
                super()._write(key, _source(half), overwrite=overwrite or len(so_far) > len(chunk))


@found_by("test_S12_old_content_visible_until_replaced")
class DeletesFirst(MemoryStorage):
    """Deletes what it will replace as soon as it is opened."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        if mode == "wb":
            self.delete(name)
        return super()._open(name, mode)


@found_by("test_C06_readers_during_overwrites")
class LeavesGaps(MemoryStorage):
    """Deletes before it writes, so that readers find nothing in between."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        if overwrite and key in self._files:
            del self._files[key]
            time.sleep(0.01)
        super()._write(key, source, overwrite=overwrite)


@found_by("test_S13_max_length")
class IgnoresMaxLength(MemoryStorage):
    """Does not care how long a name may be."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return super().get_available_name(name, None)


@found_by("test_S14_max_length_when_the_race_is_lost")
class ForgetsMaxLength(MemoryStorage):
    """Forgets how long a name may be when it chooses a second time, as Django's own does."""

    def _save(self, name: str, content: Any) -> str:
        try:
            self._put(name, _source(content), overwrite=False)
        except AlreadyExists:
            return super()._save(f"{name}_with_a_longer_name", content)
        return name


@found_by("test_S17_callers_file_stays_open_at_its_end")
class Closes(MemoryStorage):
    """Closes the caller's file."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        content.close()
        return saved


@found_by("test_S22_content_type")
class Guesses(MemoryStorage):
    """Lets the name decide the content type, whatever the caller says."""

    def _stat(self, key: str) -> Stat:
        return dataclasses.replace(super()._stat(key), content_type=names.content_type(key))


@found_by("test_R03_random_seeks")
class IgnoresRanges(MemoryStorage):
    """Sends a file from its start, wherever one wants to read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        return super()._open_read(key, version=version)


@found_by("test_R09_two_handles_are_independent")
class SharesHandles(MemoryStorage):
    """Gives the same file object twice, as Django's storage in memory does."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        opened: dict[str, StorageFile] = self.__dict__.setdefault("_opened", {})
        if mode != "rb" or (name in opened and opened[name].closed):
            opened.pop(name, None)
        return opened.setdefault(name, super()._open(name, mode))


@found_by("test_R15_missing_file_fails_at_open")
class FailsLate(MemoryStorage):
    """Notices that a file is missing when it is read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        try:
            return super()._open_read(key, offset=offset, version=version)
        except NotFound:
            return ChunkReader(Stat(10), [])


@found_by("test_R17_one_operation")
class AsksFirst(MemoryStorage):
    """Asks for a file's size before it opens it."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        self.stat(name)
        return super()._open(name, mode)


@found_by("test_R18_overwritten_while_open")
class MixesVersions(MemoryStorage):
    """Goes on reading whatever has the name by now."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        whole = super()._open_read(key)
        stat = dataclasses.replace(whole.stat, version="always the same")

        def now() -> Iterator[bytes]:
            position = offset
            while piece := self._files[key].content[position : position + 1000]:
                yield piece
                position += len(piece)

        return ChunkReader(stat, now())


@found_by("test_R20_reading_changes_nothing")
class Touches(MemoryStorage):
    """Makes a new version of each file that is read."""

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        reader = super()._open_read(key, offset=offset, version=version)
        file = self._files[key]
        stat = dataclasses.replace(file.stat, version=f"{file.stat.version}+")
        self._files[key] = dataclasses.replace(file, stat=stat)
        return reader


class _PublishingAfterExceptions(StorageFile):
    def abort(self) -> None:
        self.close()


class _PublishingWhatIsForgotten(StorageFile):
    def __del__(self) -> None:
        if not self._finished:
            self.close()


@found_by("test_W08_exception_publishes_nothing")
class PublishesAfterExceptions(MemoryStorage):
    """Stores what was written when the ``with`` block failed, as most storages do."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        return _PublishingAfterExceptions(self, name, mode)


@found_by("test_W09_forgotten_writer_publishes_nothing")
class PublishesWhatIsForgotten(MemoryStorage):
    """Stores what was written to a file that nobody closed."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        return _PublishingWhatIsForgotten(self, name, mode)


@found_by("test_W10_closing_twice")
class PublishesTwice(MemoryStorage):
    """Writes again at the second ``close()``."""

    def _open(self, name: str, mode: str = "rb") -> StorageFile:
        file = super()._open(name, mode)
        close = file.close
        written = bytearray()
        write = file.write

        def remember(data: Any) -> int:
            written.extend(data)
            return write(data)

        def close_again() -> None:
            close()
            if written:
                with ContentFile(bytes(written)) as content:
                    self._put(name, _source(content), overwrite=True)

        file.write, file.close = remember, close_again  # type: ignore[method-assign]
        return file


@found_by("test_Z04_directories_exist")
class KnowsNoDirectories(MemoryStorage):
    """Says that directories do not exist, so that ``collectstatic --clear`` does nothing."""

    def exists(self, name: str) -> bool:
        return name in self._files


@found_by("test_Z08_refused_delete")
class SwallowsRefusals(MemoryStorage):
    """Says nothing when a file cannot be deleted, as an SFTP storage does."""

    def _delete(self, key: str) -> None:
        try:
            super()._delete(key)
        except OSError:
            return


@found_by("test_Z10_siblings_survive")
class DeletesByPrefix(MemoryStorage):
    """Deletes all whose names begin like the file's."""

    def _remove(self, key: str) -> None:
        super()._remove(key)
        for other in [other for other in self._files if other.startswith(key)]:
            del self._files[other]


@found_by("test_Z13_cannot_tell")
class SaysNo(MemoryStorage):
    """Says that a file does not exist when it cannot be asked, as an FTP storage does."""

    def exists(self, name: str) -> bool:
        try:
            return super().exists(name)
        except OSError:
            return False


@found_by("test_Z15_version_differs_with_the_content")
class CountsSizes(MemoryStorage):
    """Makes versions of sizes."""

    def _stat(self, key: str) -> Stat:
        stat = super()._stat(key)
        return dataclasses.replace(stat, version=str(stat.size))


@found_by("test_Z16_checksum")
class MiscalculatesChecksums(MemoryStorage):
    """Tells a checksum that is not the content's."""

    def _stat(self, key: str) -> Stat:
        return dataclasses.replace(super()._stat(key), checksum="sha256:00")


@found_by("test_L02_L03_around_a_page")
class ListsOnePage(MemoryStorage):
    """Lists the first thousand entries, as an S3 storage did."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        return iter(list(super()._list(prefix))[:1000])


@found_by("test_L04_nothing_but_the_users_files")
class ListsMore(MemoryStorage):
    """Shows a marker for each directory."""

    def _list(self, prefix: str) -> Iterator[Entry]:
        yield from super()._list(prefix)
        yield Entry(".keep")


@found_by("test_L05_missing_directory")
class ListsMissing(MemoryStorage):
    """Lists missing directories as empty, and did not declare that."""

    lists_missing_as_empty = True


@found_by("test_L09_walk_pruned")
class WalksOn(MemoryStorage):
    """Walks into directories that were removed from the list."""

    def walk(self, top: str = "") -> Iterator[tuple[str, list[str], list[str]]]:
        return iter(list(super().walk(top)))


@found_by("test_T01_aware_and_recent")
class NaiveTimes(MemoryStorage):
    """Tells naive times."""

    def _time(self, moment: Any, kind: str) -> Any:
        return super()._time(moment, kind).replace(tzinfo=None)


@found_by("test_T02_naive_and_local")
class TimesOfAnotherZone(MemoryStorage):
    """Tells UTC where local time is asked for, as Django's storage in memory does."""

    def _time(self, moment: Any, kind: str) -> Any:
        return moment.replace(tzinfo=None) if super()._time(moment, kind).tzinfo is None else moment


@found_by("test_U02_every_odd_name")
class UrlsUnquoted(MemoryStorage):
    """Puts names into URLs as they are."""

    def _url_of(self, key: str) -> str:
        return f"{self.base_url}{key}"


@found_by("test_U03_name_cannot_leave_the_base")
class UrlsAnywhere(MemoryStorage):
    """Joins names to the base URL without judging them."""

    def url(self, name: str | None) -> str:
        return urljoin(str(self.base_url), name)


@found_by("test_C07_one_storage_object_for_many_threads")
class KeepsState(MemoryStorage):
    """Has the name of the file that is saved in itself."""

    saving = ""

    def _save(self, name: str, content: Any) -> str:
        self.saving = name
        time.sleep(0.001)
        return super()._save(self.saving, content)


@found_by("test_B04_many_small_files")
class LeaksDescriptors(MemoryStorage):
    """Opens something for each file, and does not close it."""

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        os.open(os.devnull, os.O_RDONLY)
        super()._write(key, source, overwrite=overwrite)


@found_by("test_X01_traversal")
class HasAnUnguardedMethod(MemoryStorage):
    """Has a public method that does not judge the name."""

    def first_bytes(self, name: str, count: int = 10) -> bytes:
        """Return the first bytes of a file, or nothing."""
        file = self._files.get(name)
        return file.content[:count] if file else b""


@found_by("test_X06_secrets_are_not_shown")
class ShowsSecrets(MemoryStorage):
    """Has a password that it did not declare as a secret."""

    password: str = option(default="hunter2-hunter2", type=str)

    def __repr__(self) -> str:
        return f"ShowsSecrets(password={self.password!r})"


@found_by("test_P01_pickles")
class DoesNotPickle(MemoryStorage):
    """Keeps a lock."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.lock = threading.Lock()


@found_by("test_P03_deconstructs")
class ForgetsItsOptions(MemoryStorage):
    """Deconstructs to something else."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (super().deconstruct()[0], [], {})


@found_by("test_P06_construction_does_no_io")
class ConnectsAtOnce(MemoryStorage):
    """Opens something when it is made."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        with open(os.devnull):  # noqa: PTH123
            pass


@found_by("test_P07_unknown_option")
class TakesAnything(MemoryStorage):
    """Drops options that it does not know."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{k: v for k, v in given.items() if k in {"place", "base_url"}})


@found_by("test_P10_is_not_callable")
class IsCallable(MemoryStorage):
    """Can be called, so that a FileField takes it for a factory."""

    def __call__(self) -> Any:
        return self


@found_by("test_Y03_taken_target")
class CopiesOver(MemoryStorage):
    """Copies over a file that is there."""

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        self._files[target] = self._file(key)


@found_by("test_Y05_move")
class MovesHalfWay(MemoryStorage):
    """Copies where it should move."""

    def _move(self, key: str, target: str, *, overwrite: bool) -> Any:
        return super().copy(key, target, overwrite=overwrite)


@found_by("test_Y09_delete_many")
class DeletesTooMany(MemoryStorage):
    """Deletes the directory of each file."""

    def _remove_many(self, keys: list[str]) -> Any:
        for key in keys:
            for name in list(self._files):
                if name.startswith(key.rpartition("/")[0]):
                    del self._files[name]


@found_by("test_A01_round_trip")
class AsyncReturnsNothing(MemoryStorage):
    """Has an async twin that drops the name."""

    async def asave(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        await super().asave(name, content, max_length)
        return name or ""

    async def aexists(self, name: str) -> bool:
        return not await super().aexists(name)


@found_by("test_D01_collectstatic_clear")
class DeletesNothing(MemoryStorage):
    """Says that it deleted."""

    def _remove(self, key: str) -> None:
        self._stat(key)


@found_by("test_D01_manifest")
class HidesAHook(MemoryStorage):
    """Needs ``_url``, which ManifestFilesMixin has too."""

    def _url(self, key: str) -> str:
        return super()._url_of(key)

    def _url_of(self, key: str) -> str:
        return self._url(key)


@found_by("test_D08_path")
class HasPaths(MemoryStorage):
    """Gives paths where no files are."""

    def path(self, name: str) -> str:
        return f"/nowhere/{name}"


@found_by("the model")
class LosesWhatWasThere(MemoryStorage):
    """Loses the first byte of a file that is appended to twice."""

    def _publish(self, key: str, source: Source, action: str, base: Stat | None) -> None:
        super()._publish(key, source, action, base)
        file = self._files[key]
        if action == "a" and base is not None and base.size > 100:
            content = file.content[1:]
            stat = dataclasses.replace(file.stat, size=len(content))
            self._files[key] = dataclasses.replace(file, content=content, stat=stat)


def _source(content: File[Any]) -> Source:
    return Source(content.file, content.size)
