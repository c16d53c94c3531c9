"""The whole contract on OpenSSH's sshd, and chapters of it on what differs between servers."""

# ruff: noqa: N802 - cases of the contract are overridden

from __future__ import annotations

import shutil
import unittest
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from storages.backends.sftp import SFTPStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.concurrency import ConcurrencyContract
from storages.testing.copying import CopyingContract
from storages.testing.listing import ListingContract
from storages.testing.saving import SavingContract
from storages.testing.stat import StatContract
from storages.testing.writing import WritingContract
from tests.servers import shared
from tests.servers.sshd import JAILED, PASSWORD, Sshd


class Bare(Sshd):
    """A server without OpenSSH's additions: links, renaming over a file, copying."""

    arguments = "-P posix-rename,hardlink,copy-data,limits,statvfs"


class SFTPPlace(ContractCase):
    """What the contract is to know of every SFTP server."""

    server: ClassVar[type[Sshd]] = Sshd
    more: ClassVar[dict[str, Any]] = {}

    real_directories = True
    directory_removed_with_last_file = False
    moves_in_one_step = False  # OpenSSH renames by a link
    lists_at_one_moment = False  # it reads the names, and then looks at each
    supports_times = frozenset({"modified", "created", "accessed"})
    client_library = "paramiko"
    extra = "sftp"
    secrets = (PASSWORD,)
    part_size = 224 * 1024
    page_size = 100

    def setUp(self) -> None:
        """Choose a directory, which the first save makes."""
        super().setUp()
        self.root = uuid.uuid4().hex
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    @property
    def directory(self) -> Path:
        """Where the files lie, seen from here."""
        return shared(self.server).home / self.root

    def options(self) -> dict[str, Any]:
        """The options of the test's storage."""
        # The key lets in; the password is there to be kept secret.
        return shared(self.server).options(
            root_path=self.root, params={"password": PASSWORD}, **self.more
        )

    def make_storage(self) -> Any:
        """Return a storage for that directory."""
        return SFTPStorage(**self.options())

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """The base of URLs is read at each access."""
        return {"SFTP_BASE_URL": "/elsewhere/"}, lambda storage: storage.url("a"), "/elsewhere/a"

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """A directory that may not be written to."""
        directories = [self.directory, *(d for d in self.directory.rglob("*") if d.is_dir())]
        for directory in directories:
            directory.chmod(0o555)
        try:
            yield
        finally:
            for directory in directories:
                directory.chmod(0o755)


class SFTPTest(SFTPPlace, StorageContract, unittest.TestCase):
    """All of it, in a directory below the one where the login begins."""


class JailedTest(
    SFTPPlace, SavingContract, WritingContract, ListingContract, StatContract, unittest.TestCase
):
    """An account in a chroot, an absolute root, and a storage that replaces files."""

    same_name = "overwrite"
    more: ClassVar[dict[str, Any]] = {"allow_overwrite": True}
    slow = False

    @property
    def directory(self) -> Path:
        """Where the files lie, seen from here."""
        return shared(self.server).chroot / "data" / self.root

    def options(self) -> dict[str, Any]:
        """The options of the test's storage."""
        given = super().options()
        given["params"]["username"] = JAILED
        return {**given, "root_path": f"/data/{self.root}/"}


class BareTest(
    SFTPPlace,
    SavingContract,
    WritingContract,
    ConcurrencyContract,
    CopyingContract,
    unittest.TestCase,
):
    """Where nothing is atomic but making a file, that keeps the others out."""

    server = Bare
    slow = False

    def test_C06_readers_during_overwrites(self) -> None:
        """There is no way to replace a file here without a gap; it is documented."""
        self.not_applicable("the server can only rename to a free name")
