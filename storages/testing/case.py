"""What all chapters of the contract share: the hooks and the helpers."""

from __future__ import annotations

import gc
import random
import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock
from urllib.parse import unquote, urlsplit
from warnings import catch_warnings, simplefilter

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from storages.errors import StorageError
from storages.testing.capabilities import Capabilities, SameName
from storages.testing.threads import run_threads

__all__ = ["ContractCase", "Listing", "SameName", "listing_of"]

if TYPE_CHECKING:
    _Base = unittest.TestCase
else:
    _Base = object

#: What listdir() returns, as sets.
Listing = tuple[set[str], set[str]]


def listing_of(names: Iterable[str], directory: str) -> Listing:
    """Return what listdir(``directory``) says when exactly the files ``names`` are stored."""
    prefix = f"{directory}/" if directory else ""
    rests = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    directories = {rest.partition("/")[0] for rest in rests if "/" in rest}
    return directories, {rest for rest in rests if "/" not in rest}


class ContractCase(Capabilities, _Base):
    """The hooks, capabilities and helpers that every chapter of the contract builds on.

    A class that runs the contract derives from :class:`storages.testing.StorageContract` and from
    a ``unittest.TestCase``, defines :meth:`make_storage`, and declares what differs from the
    defaults of :class:`storages.testing.capabilities.Capabilities`.
    """

    # Hooks --------------------------------------------------------------------------------------

    def make_storage(self) -> Any:
        """Return a storage. Every call in one test returns another object for the same place.

        Each test must find the place empty: make it in ``setUp``, remove it in a clean-up.
        """
        raise NotImplementedError("The contract needs make_storage().")

    def make_content(self, seed: int, size: int) -> bytes:
        """Return valid content of ``size`` bytes (never asked below ``minimum_size``).

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
