"""Where Django's own storages differ from the contract: each difference by number and reason.

A difference that goes, or a new one, fails here: with another Django the table is looked at again.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import unittest
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import django
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from storages.testing import StorageContract
from tests.contract.places import directory

T = TypeVar("T", bound=type[unittest.TestCase])

# Both.
SHARED = {
    "test_L04_nothing_but_the_users_files": "a file that is being written is listed",
    "test_N10_backslashes_become_slashes": "only save() turns backslashes",
    "test_N14_one_file_has_one_name": "a//b and ./a are other spellings of a/b and a",
    "test_R18_overwritten_while_open": "a reader gets half of the old and half of the new file",
    "test_S04_text_is_stored_as_utf_8": "chunks of text and of bytes cannot follow one another",
    "test_S10_failing_source_leaves_nothing": "half a file is left under the name",
    "test_S11_failing_source_keeps_the_old_file": "half a file is left under another name",
    "test_S12_not_visible_until_complete": "half a file can be opened",
    "test_S12_old_content_visible_until_replaced": "half a file can be read",
    "test_S20_names_that_are_not_plain_strings": "lazily translated names are refused",
    "test_U03_name_cannot_leave_the_base": "../x leads out of the base URL",
    "test_W01_writes_concatenate": "open() makes no directories; in memory write() returns None",
    "test_W02_visible_after_close_only": "a file is there as soon as it is opened",
    "test_W05_exclusive_creation": "mode x refuses early only, or (in memory) is not known",
    "test_W06_append": "open() makes no directories; in memory mode a makes no file",
    "test_W08_close_after_an_exception": "what was written is kept",
    "test_W08_exception_publishes_nothing": "what was written is kept",
    "test_W09_forgotten_writer_publishes_nothing": "what was written is kept",
    "test_W13_flush_does_not_publish": "a file is there as soon as it is opened",
    "test_X01_traversal": "x/../y is resolved; control characters are taken",
    "test_X01_traversal_in_writing_modes": "x/../y is resolved; control characters are taken",
    "test_Z03_below_a_file": "NotADirectoryError; in memory FileExistsError",
    "test_Z06_deleting_a_missing_file": "NotADirectoryError below a file; in memory AttributeError",
}
ON_DISK = {
    **SHARED,
    "test_S14_max_length_when_the_race_is_lost": "_save() forgets max_length",
    "test_S17_callers_file_stays_open_at_its_end": "a temporary upload is moved away, unread",
    "test_W17_size_while_writing": "open() makes no directories",
    "test_X03_symlink_that_points_out": "open() writes through a link",
    "test_Z05_size_of_a_directory": "the directory's own size",
}
IN_MEMORY = {
    **SHARED,
    "test_C02_forced_race": "the second of two savers replaces the first one's file",
    "test_C03_forced_race_of_temporary_uploads": "likewise",
    "test_C11_interleaved_writes": "both writers share one file",
    "test_D01_manifest": "every object is a place of its own",
    "test_D01_staticfiles_alias": "every object is a place of its own",
    "test_D04_static_serve": "path() gives a path where no file is",
    "test_D05_default_storage": "every object is a place of its own",
    "test_D06_alias_per_thread": "every object is a place of its own",
    "test_D08_path": "path() gives a path where no file is",
    "test_L05_listing_a_file": "FileExistsError",
    "test_M06_invalid_text": "decoded at open()",
    "test_P01_pickles": "a copy is another place",
    "test_P03_deconstructs": "a copy is another place",
    "test_R04_seek_before_the_start": "it goes to the start",
    "test_R09_two_handles_are_independent": "all share one position",
    "test_R10_closed_file": "it cannot be closed",
    "test_R10_with": "it cannot be closed",
    "test_R11_reopen": "TypeError",
    "test_R12_abilities": "every file can be written",
    "test_R13_writing_to_a_reader": "every file can be written",
    "test_R14_file_response": "it cannot be closed",
    "test_R22_not_closed": "no warning",
    "test_T02_naive_and_local": "aware, though USE_TZ is off",
    "test_W03_nothing_written_makes_an_empty_file": "w does not truncate",
    "test_W04_replaces_longer_content": "w does not truncate",
    "test_W06_appending_nothing": "every file can be read",
    "test_W10_closing_twice": "it cannot be closed",
    "test_W14_text_is_utf_8": "bytes replace what was written before",
    "test_W16_invalid_modes": "every mode is taken",
    "test_Z07_deleting_nothing": 'delete("") does nothing',
    "test_Z12_deleting_directories": "a full directory is deleted with all its files",
}
if django.VERSION < (5, 0):
    IN_MEMORY["test_R06_size_and_position"] = "the file has no name"
# They lose races, but not each one.
SOMETIMES = {
    "test_C06_readers_during_overwrites": "readers get parts of a file",
    "test_C11_racing_writes": "both contents are mixed",
    "test_O01_random_histories": "it depends on which of the above a history meets",
}


def differs(always: Mapping[str, str]) -> Callable[[T], T]:
    """Make a class expect that the cases named in ``always`` fail; leave those of SOMETIMES out."""

    def decorate(cls: T) -> T:
        for name, reason in always.items():
            setattr(cls, name, _failing(getattr(cls, name), reason))
        for name, reason in SOMETIMES.items():
            setattr(cls, name, unittest.skip(f"Django differs: {reason}")(getattr(cls, name)))
        return cls

    return decorate


def _failing(method: Callable[[Any], None], reason: str) -> Callable[[Any], None]:
    @functools.wraps(method)
    def expect(self: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of files that the failure left open
            try:
                method(self)
            except unittest.SkipTest:
                raise
            except Exception:  # noqa: BLE001 - any failure is the difference
                gc.collect()
                return
        self.fail(f"Django's storage no longer differs here: {reason}")

    return expect


class DjangoContract(StorageContract):
    """What Django's storages promise."""

    extended = False
    supports_times = frozenset({"modified", "created", "accessed"})
    directory_removed_with_last_file = False
    real_directories = True

    def subTest(self, *_: Any, **__: Any) -> Any:  # noqa: N802 - unittest's name
        """Let the first failure of a case count."""
        return contextlib.nullcontext()

    def make_storage_with_base_url(self, base_url: str | None) -> Any:
        """Make one; with None as an argument it would take MEDIA_URL."""
        storage = self.clone(base_url=base_url)
        if base_url is None:
            vars(storage)["base_url"] = None
        return storage


@differs(ON_DISK)
class TestFileSystemStorage(DjangoContract, unittest.TestCase):
    """Django's storage on disk."""

    has_paths = True

    def setUp(self) -> None:
        """Make a directory."""
        super().setUp()
        self.location = directory(self) / "media"
        self.location.mkdir()

    def make_storage(self) -> Any:
        """Make a storage for it."""
        return FileSystemStorage(location=str(self.location))


@differs(IN_MEMORY)
class TestInMemoryStorage(DjangoContract, unittest.TestCase):
    """Django's storage in memory: every object of it is a place of its own."""

    multi_process = False
    bounded_memory = False
    max_component = None

    def make_storage(self) -> Any:
        """Make one, or give it again."""
        return self.made

    @functools.cached_property
    def made(self) -> InMemoryStorage:
        """The storage of the test."""
        return InMemoryStorage()
