"""What all chapters of the contract share: the hooks, the declared capabilities, the helpers.

A capability is declared by the class that runs the contract and never guessed: where a storage
cannot do something, the contract asserts what it does instead, so a change is noticed either way.
"""

from __future__ import annotations

import gc
import os
import random
import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn
from unittest import mock
from urllib.parse import unquote, urlsplit
from warnings import catch_warnings, simplefilter

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from storages.errors import StorageError
from storages.testing.threads import run_threads

__all__ = ["ContractCase", "Listing", "SameName", "listing_of"]

if TYPE_CHECKING:
    _Base = unittest.TestCase
else:
    _Base = object

#: What listdir() returns, as sets.
Listing = tuple[set[str], set[str]]

SameName = Literal["alternative", "overwrite", "content-addressed"]

SLOW = os.environ.get("STORAGES_CONTRACT_SLOW", "1") != "0"
HUGE = os.environ.get("STORAGES_CONTRACT_HUGE", "0") != "0"


def listing_of(names: Iterable[str], directory: str) -> Listing:
    """Return what listdir(``directory``) says when exactly the files ``names`` are stored."""
    prefix = f"{directory}/" if directory else ""
    rests = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    directories = {rest.partition("/")[0] for rest in rests if "/" in rest}
    return directories, {rest for rest in rests if "/" not in rest}


class ContractCase(_Base):
    """The hooks, capabilities and helpers that every chapter of the contract builds on.

    A class that runs the contract derives from :class:`storages.testing.StorageContract` and from
    a ``unittest.TestCase``, defines :meth:`make_storage`, and declares what differs from the
    defaults below.
    """

    # What the storage promises ------------------------------------------------------------------

    same_name: ClassVar[SameName] = "alternative"
    """What saving a name twice does: the second file gets another name, replaces the first, or
    names follow the content (the same content has one name, different contents never collide)."""

    accepts_any_content: ClassVar[bool] = True
    """False: some contents are refused (with ValueError); then define :meth:`make_content`."""

    minimum_size: ClassVar[int] = 0
    """The size of the smallest content that is accepted."""

    keeps_names: ClassVar[bool] = True
    """False: ``save`` returns another name than it was given though that is free; then define
    :meth:`expected_name`."""

    opens_for_writing: ClassVar[bool] = True
    """Whether ``open()`` knows the modes w, x, a and r+. False: they raise, before any I/O."""

    lists: ClassVar[bool] = True
    """Whether there are directories, which can be listed. False: ``listdir``, ``scandir`` and
    ``walk`` raise NotImplementedError; then define :meth:`all_names` to ask behind its back."""

    copies: ClassVar[bool] = True
    """Whether ``copy`` and ``move`` work. False: they raise NotImplementedError, because a name
    cannot be chosen."""

    forgets_deleted: ClassVar[bool] = True
    """Whether a deleted file cannot be read any more. False: it does not exist, but its content
    may be there until it is collected."""

    missing: ClassVar[tuple[type[OSError], ...]] = (FileNotFoundError,)
    """What opening a file that nobody has stored raises; with TimeoutError where the store may
    wait for somebody to store it."""

    extended: ClassVar[bool] = True
    """Whether the storage has this package's additions to Django's API: ``stat``, ``scandir``,
    ``walk``, ``copy``, ``move``, ``delete_many``, ``close``, the async twins, and its errors."""

    case_sensitive: ClassVar[bool] = True
    """Whether names that differ in case only are different files."""

    keeps_unicode_form: ClassVar[bool] = True
    """Whether the NFC and NFD forms of one name are different files."""

    max_component: ClassVar[int | None] = 255
    """How many bytes one component of a name may have; None: no limit of its own."""

    max_name: ClassVar[int | None] = None
    """How many characters a whole name may have; None: no limit worth testing."""

    nests_in_files: ClassVar[bool] = False
    """Whether ``a`` and ``a/b`` can both be files (as in object stores)."""

    real_directories: ClassVar[bool] = False
    """Whether a directory can exist without a file in it."""

    directory_removed_with_last_file: ClassVar[bool] = True
    """Whether deleting the last file in a directory removes the directory."""

    deletes_files_only: ClassVar[bool] = False
    """Whether deleting a directory that has files does nothing, instead of being refused (object
    stores do not know directories, and do not tell what was not there to be deleted)."""

    lists_missing_as_empty: ClassVar[bool] = False
    """Whether a missing directory is listed as empty. False: FileNotFoundError."""

    supports_times: ClassVar[frozenset[str]] = frozenset({"modified", "created"})
    """Which of the times "modified", "created" and "accessed" are known; asking for another
    raises NotImplementedError."""

    clock_tolerance: ClassVar[float] = 2.0
    """By how many seconds the times may differ from this machine's clock."""

    has_paths: ClassVar[bool] = False
    """Whether ``path()`` works: the files lie on a local disk."""

    has_urls: ClassVar[bool] = True
    """Whether the storage gives files URLs when it is configured to (see
    :meth:`make_storage_with_base_url`). False: ``url()`` always raises."""

    keeps_content_type: ClassVar[bool] = False
    """Whether the content type is stored with the file and told by ``stat``."""

    integrity: ClassVar[str | None] = None
    """What guards the bytes of a file ("sha256", "md5", ...); None: nothing does."""

    if_match: ClassVar[bool] = False
    """Whether a write can be made to depend on the version that it replaces."""

    multi_process: ClassVar[bool] = True
    """Whether other processes see the same files."""

    bounded_memory: ClassVar[bool] = True
    """Whether files larger than memory pass through (False for storages in memory and for those
    whose store takes a file in one piece)."""

    client_library: ClassVar[str] = ""
    """The module that the storage needs beyond Django, imported at first use; "" for none."""

    extra: ClassVar[str] = ""
    """The pip extra that installs :attr:`client_library`."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """What must never be shown by repr, errors, logs, deconstruct or URLs: the passwords and keys
    that :meth:`make_storage` configures."""

    # How much is tried --------------------------------------------------------------------------

    part_size: ClassVar[int] = 64 * 1024
    """The size of the pieces in which the storage moves content; sizes around it are tried."""

    page_size: ClassVar[int] = 1000
    """How many entries the service lists at once; directories of about that size are tried."""

    memory_size: ClassVar[int] = 64 * 1024 * 1024
    """The size of the file that may make a process grow by less than half of it; smaller for
    servers that are slow with such files."""

    slow: ClassVar[bool] = SLOW
    """Whether cases that take seconds run (environment: STORAGES_CONTRACT_SLOW=0 says no)."""

    tree_depth: ClassVar[int] = 60
    """How many directories deep the deepest tree is."""

    huge: ClassVar[bool] = HUGE
    """Whether cases with gigabytes run (environment: STORAGES_CONTRACT_HUGE=1 says yes)."""

    model_examples: ClassVar[int] = 20
    """How many random histories are compared with the model (chapter O)."""

    start_method: ClassVar[str] = "fork" if hasattr(os, "fork") else "spawn"
    """How processes are started. With "spawn" the children need DJANGO_SETTINGS_MODULE."""

    # Hooks --------------------------------------------------------------------------------------

    def make_storage(self) -> Any:
        """Return a storage. Every call in one test returns another object for the same place.

        Each test must find the place empty: make it in ``setUp``, remove it in a clean-up.
        """
        raise NotImplementedError("The contract needs make_storage().")

    def make_content(self, seed: int, size: int) -> bytes:
        """Return valid content of ``size`` bytes (never asked below :attr:`minimum_size`).

        Other seeds give other bytes, the same seed and size the same.
        """
        return random.Random(seed).randbytes(size)  # noqa: S311

    def expected_name(self, name: str, content: bytes) -> str:  # noqa: ARG002
        """Return the name under which ``content`` is saved when asked for ``name``, if free."""
        return name

    def make_storage_with_base_url(self, base_url: str | None) -> Any:
        """Return a storage for the same place with that ``base_url``; None: files have no URL."""
        return self.clone(base_url=base_url)

    def fetch(self, storage: Any, base_url: str, url: str) -> bytes:
        """Return what a browser gets for ``url``.

        Unless overridden, this does what a web server does that serves ``storage`` at ``base_url``.
        """
        path = urlsplit(url).path
        prefix = urlsplit(base_url).path
        if not path.startswith(prefix):
            self.fail(f"{url} is not below {base_url}")
        return self.read(unquote(path[len(prefix) :], errors="strict"), storage)

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """Return settings, a probe of a storage, and what the probe gives under these settings.

        For P08: a storage that exists already must follow ``override_settings``. None when no
        setting of the storage can be changed in a test.
        """
        return None

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """Make the store refuse to remove files, for Z08. Unless overridden, the hooks refuse."""
        refusal = PermissionError(13, "Permission denied")
        with (
            mock.patch.object(storage, "_remove", side_effect=refusal),
            mock.patch.object(storage, "_remove_many", side_effect=refusal),
        ):
            yield

    @contextmanager
    def failing(self, storage: Any, failure: BaseException) -> Iterator[None]:
        """Make every question about a file fail, for Z13. Unless overridden, the hooks fail."""
        with (
            mock.patch.object(storage, "_stat", side_effect=failure),
            mock.patch.object(storage, "_is_dir", side_effect=failure),
            mock.patch("storages.hooks.sleep"),  # the pauses between attempts
        ):
            yield

    # Helpers ------------------------------------------------------------------------------------

    _storage: Any = None
    _seed = 0

    @property
    def storage(self) -> Any:
        """The storage of this test."""
        if self._storage is None:
            self._storage = self.another()
        return self._storage

    def another(self) -> Any:
        """Another storage object for the same place, closed when the test ends."""
        storage = self.make_storage()
        if hasattr(storage, "close"):
            self.addCleanup(storage.close)
        return storage

    def clone(self, **options: Any) -> Any:
        """A storage like this test's with other constructor options."""
        _, args, kwargs = self.storage.deconstruct()
        storage = type(self.storage)(*args, **{**kwargs, **options})
        if hasattr(storage, "close"):
            self.addCleanup(storage.close)
        return storage

    def not_applicable(self, why: str) -> NoReturn:
        """Report that the case cannot apply here: a visible skip with its reason."""
        raise unittest.SkipTest(f"not applicable: {why}")

    def needs(self, capability: str) -> None:
        """Report the case as not applicable unless ``capability`` is declared."""
        if not getattr(self, capability):
            self.not_applicable(f"declared {capability} = {getattr(self, capability)!r}")

    def needs_any_content(self) -> None:
        """Report the case as not applicable where only some contents are accepted."""
        if not self.accepts_any_content:
            self.not_applicable("the content it needs is refused (accepts_any_content = False)")

    def content(self, size: int = 100, seed: int | None = None) -> bytes:
        """Valid content of ``size`` bytes or the minimum, different at each call unless seeded."""
        if seed is None:
            ContractCase._seed += 1
            seed = ContractCase._seed
        return self.make_content(seed, max(size, self.minimum_size))

    def put(self, name: str, data: bytes | None = None, storage: Any = None) -> str:
        """Save ``data`` (else some content) and return its name."""
        storage = self.storage if storage is None else storage
        data = self.content() if data is None else data
        return str(storage.save(name, ContentFile(data)))

    def write(self, name: str, data: bytes, storage: Any = None) -> None:
        """Store ``data`` as ``name``, replacing what is there."""
        storage = self.storage if storage is None else storage
        with storage.open(name, "wb") as file:
            file.write(data)

    def replace(self, name: str, data: bytes, storage: Any = None) -> None:
        """Replace the file ``name`` in whatever way the storage offers."""
        storage = self.storage if storage is None else storage
        if self.opens_for_writing:
            self.write(name, data, storage)
        else:
            storage.delete(name)
            self.assertEqual(storage.save(name, ContentFile(data)), name)

    def read(self, name: str, storage: Any = None) -> bytes:
        """All bytes of the file ``name``."""
        with (self.storage if storage is None else storage).open(name) as file:
            return bytes(file.read())

    def all_names(self, storage: Any = None) -> set[str]:
        """The names of all files, found with listdir()."""
        storage = self.storage if storage is None else storage
        found: set[str] = set()
        waiting = [""]
        while waiting:
            directory = waiting.pop()
            try:
                directories, files = storage.listdir(directory)
            except FileNotFoundError:
                # The root of a place where nothing was stored yet, or a directory that went.
                continue
            prefix = f"{directory}/" if directory else ""
            found.update(prefix + name for name in files)
            waiting.extend(prefix + name for name in directories)
        return found

    def assertFiles(self, files: dict[str, bytes], storage: Any = None) -> None:
        """Exactly ``files`` are stored: listed everywhere, with these sizes and bytes."""
        storage = self.storage if storage is None else storage
        self.assertEqual(self.all_names(storage), set(files))
        for name, data in files.items():
            self.assertEqual(storage.size(name), len(data), name)
            self.assertEqual(self.read(name, storage), data, name)

    def assertListings(self, names: Iterable[str], storage: Any = None) -> None:
        """Every directory of the files ``names`` lists exactly them, each entry once."""
        storage = self.storage if storage is None else storage
        names = set(names)
        if not self.lists:
            self.assertEqual(self.all_names(storage), names)
            return
        directories = {""}
        for name in names:
            parts = name.split("/")[:-1]
            directories.update("/".join(parts[: n + 1]) for n in range(len(parts)))
        for directory in sorted(directories):
            listed = storage.listdir(directory)
            self.assertEqual(tuple(map(sorted, listed)), tuple(map(sorted, map(set, listed))))
            self.assertEqual(tuple(map(set, listed)), listing_of(names, directory), directory)

    @contextmanager
    def assertOurs(self, *builtins: type[BaseException]) -> Iterator[list[Any]]:
        """The block raises one of ``builtins`` which is also one of our errors, or refuses a name.

        Gives a list that holds the error after the block.
        """
        caught: list[Any] = []
        expected = builtins or (OSError, SuspiciousFileOperation)
        try:
            yield caught
        except expected as error:
            caught.append(error)
            if self.extended and not isinstance(error, SuspiciousFileOperation):
                self.assertIsInstance(error, StorageError)
        if not caught:
            self.fail(f"{' or '.join(kind.__name__ for kind in expected)} not raised")

    @contextmanager
    def assertWarnsUnclosed(self) -> Iterator[None]:
        """After the block, garbage collection has given a ResourceWarning."""
        with catch_warnings(record=True) as caught:
            simplefilter("always")
            yield
            gc.collect()
        self.assertIn(ResourceWarning, [warning.category for warning in caught])

    def in_threads(self, *functions: Callable[[], Any]) -> list[Any]:
        """Run ``functions`` at once, each in a thread; the first error is raised."""
        results = run_threads(*functions)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results
