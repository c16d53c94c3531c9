"""One run of ``collectstatic``: what it would do to the store, done at its end.

While the command runs, its storage is the store as it was when the run began (one listing) and, on
top of it, what has been saved and deleted since, which stays on this machine. So Django's hashing
and rewriting, which goes over its files several times, asks nobody. At the end the difference is
sent: first what is new, then what replaces something, then the manifest, and only then is deleted
what ``--clear`` was to delete. Whenever that breaks off, the manifest in the store, old or new,
names files that are there.
"""

# ruff: noqa: SLF001 - the other half of the mix-ins

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.management.base import CommandError

from storages import names
from storages.errors import NotFound, StorageError
from storages.readers import Entry, Stat
from storages.staging import staged
from storages.static.drafts import HASH, Draft, digest_of, is_stored, local_path
from storages.static.listing import Listing, listing_of
from storages.static.uploading import do_all

if TYPE_CHECKING:
    from typing_extensions import Self

    from storages.static.mixins import StaticFilesMixin

__all__ = ["Run", "current", "outside", "run_of"]

_running: ContextVar[Run | None] = ContextVar("storages_static_run", default=None)


def current(storage: object) -> Run | None:
    """Return the storage's run that this thread is in, if it is."""
    run = _running.get()
    return run if run is not None and run.storage is storage else None


@contextmanager
def outside() -> Iterator[None]:
    """Within the block, storages are what they are at other times."""
    token = _running.set(None)
    try:
        yield
    finally:
        _running.reset(token)


class Run:
    """What the command has collected so far."""

    def __init__(self, storage: StaticFilesMixin, command: Any) -> None:
        self.storage = storage
        self.command = command
        self.dry_run: bool = getattr(command, "dry_run", False)
        #: What is to be stored under which name.
        self.drafts: dict[str, Draft] = {}
        #: The files that finders have found: where they are on this machine.
        self.found: dict[str, str] = {}
        #: What ``--clear`` was to delete: it is, or it is stored again.
        self.cleared: set[str] = set()
        #: What else was deleted.
        self.removed: set[str] = set()
        #: What is to be done when all files are stored.
        self.last: list[Callable[[], object]] = []
        self._hashed: set[str] = set()
        self._clearing: bool = getattr(command, "clear", False)
        self._coming: str | None = None
        #: A project's own class may not save again what it has found to be there.
        self._asked: set[str] = set()
        self._directories: set[str] = set()
        self._listing: Listing | None = None
        #: What is to be done however the run ends.
        self.at_end = ExitStack()
        self._copies: str | None = None

    @contextmanager
    def __call__(self) -> Iterator[Self]:
        """Be the storage's run within the block; store the outcome at its end."""
        if getattr(self.command, "symlink", False) and self.command.local:
            # Django itself refuses it for storages that have no paths.
            raise CommandError(
                f"--link cannot be used with {type(self.storage).__name__}, which stores files "
                "when all are known. Run the command without it."
            )
        copy_file = self.command.copy_file

        def coming(path: str, prefixed_path: str, source_storage: Any) -> Any:
            self.comes(prefixed_path, source_storage, path)
            return copy_file(path, prefixed_path, source_storage)

        self.command.copy_file = coming
        token = _running.set(self)
        try:
            try:
                yield self
            finally:
                _running.reset(token)
                del self.command.copy_file
            self.finish()
        except StorageError as error:
            raise CommandError(str(error)) from error
        finally:
            self.at_end.close()

    # ------------------------------------------------ what the command is told

    @property
    def listing(self) -> Listing:
        """What the store had when it was first asked about."""
        if self._listing is None:
            whole = self._clearing or hasattr(self.command, "prunes")
            with outside():
                self._listing = listing_of(self.storage, whole=whole)
        return self._listing

    def comes(self, name: str, source_storage: Any, path: str) -> None:
        """Take note of the file that is asked about next."""
        self._clearing = False
        self._coming = names.file_name(name)
        try:
            self.found[self._coming] = source_storage.path(path)
        except NotImplementedError:
            self._coming = None  # the command cannot copy it anyway: it wants a path

    def has(self, key: str) -> bool:
        """Tell whether there is such a file."""
        if key in self.drafts:
            return True
        return self._lists(key) and key not in self.cleared and key not in self.removed

    def _lists(self, key: str) -> bool:
        with outside():
            return key in self.listing

    def exists(self, name: str) -> bool:
        """Tell whether there is such a file or directory; there is none of a name that leads out.

        Stylesheets may have any reference in them: one that leads nowhere is to be told as such.
        """
        try:
            key = names.directory_name(name)
        except SuspiciousFileOperation:
            return False
        if self.has(key) or key in self._directories:
            self._asked.add(key)
            return True
        with outside():
            return self.listing.is_dir(key)

    def stat(self, key: str) -> Stat:
        """Return what is known of a file. Raises NotFound."""
        draft = self.drafts.get(key)
        if draft is not None:
            return Stat(draft.size, draft.modified)
        if not self.has(key):
            raise NotFound(operation="stat", name=key, storage=repr(self.storage))
        known = self.listing.stat(key)
        if known is None:
            with outside():
                known = self.storage.stat(key)
        return known

    def entries(self, key: str) -> Iterator[Entry]:
        """Yield what is left in a directory, and what has been saved there."""
        for entry in self.listing.entries(key):
            name = names.join(key, entry.name)
            if entry.is_dir or (self.has(name) and name not in self.drafts):
                yield entry
        for entry in Listing((name, None) for name in self.drafts).entries(key):
            if not (entry.is_dir and self.listing.is_dir(names.join(key, entry.name))):
                yield entry

    def modified_time(self, key: str) -> datetime | None:
        """Return a time that lets the command see whether the file has changed.

        It compares times, and skips what is not older than its source. None: the time of the file.
        """
        if key != self._coming or key in self.drafts:
            return None
        draft = Draft.of(self.found[key])
        theirs = self.storage._local_time(draft.time / 10**9)
        return theirs if self._is_stored(key, draft) else theirs - timedelta(days=1)

    def open(self, key: str, *, binary: bool) -> Any:
        """Open a file of the run; None: it is in the store alone. Raises NotFound."""
        draft = self.drafts.get(key)
        if draft is None and not self.has(key):  # a directory, to which a stylesheet may refer
            raise NotFound(operation="open", name=key, storage=repr(self.storage))
        path = self.found.get(key) if draft is None else draft.path
        if path is None:
            return None
        if binary:
            return File(Path(path).open("rb"), name=key)
        return File(Path(path).open(encoding="utf-8", newline=""), name=key)

    def save(self, key: str, content: Any) -> str:
        """Keep content that is to be stored; return its name."""
        path = local_path(content)
        self.drafts[key] = Draft.of(path) if path is not None else self._copied(content)
        self.removed.discard(key)
        directory = key.rpartition("/")[0]
        while directory and directory not in self._directories:
            self._directories.add(directory)
            directory = directory.rpartition("/")[0]
        return key

    def _copied(self, content: Any) -> Draft:
        if self._copies is None:
            made = tempfile.TemporaryDirectory(prefix="storages-static-")
            self._copies = self.at_end.enter_context(made)
        with staged(content) as source:
            # Django makes most files twice, and the second time the same.
            path = Path(self._copies, digest_of("sha256", source))
            if not path.exists():
                with path.open("xb") as file:
                    for chunk in source.chunks():
                        file.write(chunk)
        return Draft.of(str(path), made=True)

    def delete(self, key: str) -> None:
        """Take a file away."""
        self.drafts.pop(key, None)
        if self._clearing:
            self.cleared.add(key)
        elif self._lists(key):
            self.removed.add(key)

    def _is_stored(self, key: str, draft: Draft) -> bool:
        if not self._lists(key) or key in self.cleared:
            return False
        if self.command.local and Path(self.storage.path(key)).is_symlink():
            return False  # --link of another storage made it
        try:
            with outside():
                return is_stored(self.storage, key, draft, self.listing.stat(key))
        except NotFound:  # deleted since the listing
            return False

    # ------------------------------------------------------------ what is done

    def finish(self) -> None:
        """Store what has changed."""
        named_before = self._named_before()
        if self.dry_run:
            self._unneeded(named_before)
            return
        manifest = self.storage._manifest_key
        # As far as this run made them: the manifest in the store is not read for it.
        self._hashed = set((vars(self.storage).get("_hashed_files") or {}).values())
        changed = [
            (key, draft) for key, draft in self.drafts.items() if not self._is_stored(key, draft)
        ]
        files = [(key, draft) for key, draft in changed if key != manifest]
        # What pages refer to today is touched last.
        self._store(sorted(files, key=lambda each: (each[0] in self.listing, each[0])))
        self._store([(key, draft) for key, draft in changed if key == manifest])
        for work in self.last:
            work()
        gone = (self.cleared | self.removed) - self.drafts.keys() - self._manifests
        self._remove(sorted(gone.union(self._unneeded(named_before))))

    @property
    def _manifests(self) -> set[str]:
        """Return the manifest's name, if it is to stay: another storage may have put it here."""
        name: str = getattr(self.storage, "manifest_name", "")
        return set() if name in self.cleared and not self.last else {name}

    def _named_before(self) -> set[str]:
        """Return what the manifest names that this run replaces: pages in caches refer to it."""
        if not hasattr(self.command, "prunes") or not hasattr(self.storage, "load_manifest"):
            return set()
        paths, _ = self.storage.load_manifest()
        return set(paths.values())

    def _unneeded(self, named_before: set[str]) -> list[str]:
        """Return what else the command wants deleted, of what is stored and nothing needs."""
        prunes = getattr(self.command, "prunes", None)
        if prunes is None:
            return []
        if not self.found:
            self.command.stderr.write(
                "No static files were found, so that nothing tells which stored files are needed: "
                "they are left. Look at STATICFILES_DIRS and STATICFILES_FINDERS."
            )
            return []
        named = set(getattr(self.storage, "hashed_files", {}).values())
        needed = named.union(named_before, self.found, self.drafts, self.cleared, self.removed)
        needed |= self._manifests | self._asked
        names = sorted(key for key in self.listing if key not in needed)
        return names if prunes(names) else []

    def _store(self, files: list[tuple[str, Draft]]) -> None:
        do_all(self.command, "Stored", files, self._upload, self.storage._workers)

    def _upload(self, key: str, draft: Draft) -> None:
        with outside(), draft.opened() as source:
            source.cache_control = self.storage._cache_control_of(
                key,
                # Beside Django's files a project's own class may make others, under constant names.
                hashed=key not in self.found
                and (key in self._hashed or HASH.search(key.rpartition("/")[2]) is not None),
            )
            self.storage._upload(key, source)

    def _remove(self, keys: list[str]) -> None:
        if not keys:
            return
        if not self._is_latest():
            self.command.stderr.write(
                f"{len(keys)} files were to be deleted, but another run of this command has "
                "stored its manifest meanwhile, which may name them: they are left."
            )
            return
        try:
            self.storage.delete_many(keys)
        except StorageError as error:
            raise CommandError(
                f"All files are stored, but not all others could be deleted: {error}"
            ) from error

    def _is_latest(self) -> bool:
        """Tell whether the manifest in the store is this run's."""
        manifest = self.storage._manifest_key
        draft = self.drafts.get(manifest) if manifest is not None else None
        if manifest is None or draft is None:
            return True
        with draft.opened() as source:
            return self.storage._holds(manifest, source)


def run_of(storage: StaticFilesMixin, command: Any) -> AbstractContextManager[Run]:
    """Return the run that is under way, or a new one."""
    known = current(storage)
    return nullcontext(known) if known is not None else Run(storage, command)()
