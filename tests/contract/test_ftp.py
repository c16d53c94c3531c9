"""The whole contract on vsftpd, and on proftpd over TLS; chapters of it on the others."""

# ruff: noqa: N802, PT009 - cases of the contract, which is a unittest mix-in, are overridden

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest import mock

from django.test import override_settings

from storages.backends.ftp import FTPStorage
from storages.testing import StorageContract
from storages.testing.case import ContractCase
from storages.testing.concurrency import ConcurrencyContract
from storages.testing.copying import CopyingContract
from storages.testing.listing import ListingContract
from storages.testing.names import ODD_NAMES, NamesContract
from storages.testing.reading import ReadingContract
from storages.testing.saving import SavingContract
from storages.testing.stat import StatContract
from storages.testing.writing import WritingContract
from tests.servers import shared
from tests.servers.ftp import Proftpd, ProftpdTLS, PureFtpd, Pyftpdlib, Vsftpd, VsftpdTLS
from tests.servers.ftp_base import FTPServer


class FTPPlace(ContractCase):
    """What the contract is to know of every FTP server."""

    server: ClassVar[type[FTPServer]]
    more: ClassVar[dict[str, Any]] = {}

    real_directories = True
    directory_removed_with_last_file = False
    lists_at_one_moment = False  # servers read the names, and then look at each
    secrets = (FTPServer.password, FTPServer.quoted_password())
    page_size = 100  # a listing comes in one piece

    def setUp(self) -> None:
        """Make a directory."""
        super().setUp()
        self.place = shared(self.server).new_place()
        # Not in the constructor: a migration could not make the storage again without it.
        secret = override_settings(FTP_STORAGE_PASSWORD=FTPServer.password)
        secret.enable()
        self.addCleanup(secret.disable)

    def make_storage(self) -> Any:
        """Return a storage for that directory."""
        server = shared(self.server)
        options = server.options(self.place, **self.more)
        options["location"] = options["location"].replace(f":{server.quoted_password()}@", "@")
        return FTPStorage(**options)

    def setting_case(self) -> tuple[dict[str, Any], Callable[[Any], object], object] | None:
        """The timeout is read at each access."""
        return {"FTP_STORAGE_TIMEOUT": 7}, lambda storage: storage.timeout, 7

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """The user may not write to the directories."""
        top = shared(self.server).file(self.place)
        directories = [top, *(path for path in top.rglob("*") if path.is_dir())]
        for directory in directories:
            directory.chmod(0o555)
        try:
            yield
        finally:
            for directory in directories:
                directory.chmod(0o755)


class OnProftpd(FTPPlace, NamesContract):
    """It makes no directory with an asterisk in its name; files may have one."""

    def test_N01_odd_names_of_directories(self) -> None:
        """Every other odd name works as a directory too."""
        others = {kind: name for kind, name in ODD_NAMES.items() if "*" not in name}
        with mock.patch.dict(ODD_NAMES, others, clear=True):
            super().test_N01_odd_names_of_directories()

    def test_N12_metacharacters_match_literally(self) -> None:
        """A directory with an asterisk is refused; nothing is taken for a pattern."""
        stored = [self.put(f"{name}/f.txt") for name in ("a?", "ab", "a[b]", "axb")]
        with self.assertOurs():
            self.put("a*/f.txt")
        self.assertListings(stored)
        for directory in ("*", "?", "[a]", "a*"):
            self.assertFalse(self.storage.exists(directory), directory)
            self.assertFalse(self.storage.exists(f"{directory}/f.txt"), directory)


class VsftpdTest(FTPPlace, StorageContract, unittest.TestCase):
    """vsftpd: no MLSD, so LIST, SIZE and MDTM."""

    server = Vsftpd


class ProftpdTLSTest(OnProftpd, StorageContract, unittest.TestCase):
    """proftpd over TLS: MLSD."""

    server = ProftpdTLS


class VsftpdTLSTest(
    FTPPlace,
    SavingContract,
    ReadingContract,
    WritingContract,
    ConcurrencyContract,
    unittest.TestCase,
):
    """vsftpd over TLS: transfers go on in the session of the control connection."""

    server = VsftpdTLS
    slow = False


class ProftpdTest(OnProftpd, ListingContract, StatContract, CopyingContract, unittest.TestCase):
    """proftpd without TLS, in active mode: the server connects to the storage."""

    server = Proftpd
    slow = False

    def make_storage(self) -> Any:
        """Return a storage for the directory, in active mode."""
        given = super().make_storage().given
        return FTPStorage(**{**given, "location": given["location"].replace("ftp:", "aftp:")})


class PureFtpdTest(
    FTPPlace,
    SavingContract,
    ReadingContract,
    WritingContract,
    ListingContract,
    StatContract,
    ConcurrencyContract,
    unittest.TestCase,
):
    """pure-ftpd, where the same name saved twice is one file."""

    server = PureFtpd
    same_name = "overwrite"
    more: ClassVar[dict[str, Any]] = {"allow_overwrite": True}
    slow = False

    def test_C09_delete_against_save(self) -> None:
        """Plain renaming and deleting at once fail there too, once in 250 times."""
        self.not_applicable(
            "pure-ftpd 1.0.50 renames what it deletes, and keeps it as .pureftpd-rename.* (DELE is "
            "answered 550) when that has just been replaced"
        )


class PyftpdlibTest(
    FTPPlace, SavingContract, ReadingContract, ListingContract, StatContract, unittest.TestCase
):
    """pyftpdlib, whose active mode loses a connection now and then: passive."""

    server = Pyftpdlib
    slow = False

    @contextmanager
    def refusing(self, storage: Any) -> Iterator[None]:
        """Let the hooks refuse: the server runs as root, who may write everywhere."""
        with ContractCase.refusing(self, storage):
            yield
