"""A disk that is full: the one where content is staged, and the one of the local family.

The disk is a small one, mounted for one process only; see full_disk.py. The disks of servers are
in test_sftp.py and test_ftp.py.
"""

# ruff: noqa: PT009 - cases of a unittest mix-in

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import pytest
from django.conf import settings

from storages.testing.case import ContractCase
from tests.contract import places
from tests.contract.databases import OdbcPostgreSQL
from tests.contract.test_ftp import FTPPlace
from tests.contract.test_s3 import S3Place
from tests.faults.full_disk import BEFORE, INODES, ROOM, Keeping, Outcome, Staging
from tests.servers.ftp import Vsftpd
from tests.servers.process import find
from tests.servers.s3 import Moto

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are for Linux")


def on_a_small_disk(task: Staging | Keeping) -> dict[str, Outcome]:
    """Let a process do it that has a small disk."""
    unshare = [find("unshare", package="util-linux"), "--mount", "--propagation=private"]
    if os.getuid():
        unshare += ["--user", "--map-root-user"]
    options = f"size={ROOM},nr_inodes={INODES}"
    script = f'mount -t tmpfs -o {options} tmpfs "$1" && exec "$2" -m tests.faults.full_disk "$1"'
    with tempfile.TemporaryDirectory() as disk:
        done = subprocess.run(
            [*unshare, "sh", "-c", script, "sh", disk, sys.executable],
            input=pickle.dumps(task),
            capture_output=True,
            check=False,
            timeout=300,
            cwd=Path(__file__).parents[2],
        )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    outcomes: dict[str, Outcome] = json.loads(done.stdout)
    return outcomes


class FullStaging(ContractCase):
    """The disk of FILE_UPLOAD_TEMP_DIR is full."""

    staging: ClassVar[tuple[str, ...]] = (
        "save",
        "save_text",
        "save_chunks",
        "replace",
        "create",
        "append",
        "update",
    )
    """What is staged, on every storage and on this one."""

    direct: ClassVar[tuple[str, ...]] = ("copy", "read")
    """What needs no room there."""

    needed_settings: ClassVar[tuple[str, ...]] = ()

    def test_staging_on_a_full_disk(self) -> None:
        """StorageFull that says where to make room; nothing is changed, left or kept."""
        for name, data in BEFORE.items():
            self.assertEqual(self.put(name, data), name)
        given = {name: getattr(settings, name) for name in self.needed_settings}
        scenarios = [*self.staging, *self.direct, "small"]
        outcomes = on_a_small_disk(Staging(pickle.dumps(self.storage), scenarios, given))
        after = dict(BEFORE)
        if "copy" in self.direct:
            after["full/copy.txt"] = BEFORE["full/large.txt"]
        for name in scenarios:
            with self.subTest(name):
                if name in self.staging:
                    self.assertEqual(outcomes[name][0], "StorageFull", outcomes[name])
                    self.assertIn("Make room in FILE_UPLOAD_TEMP_DIR", outcomes[name][2])
                    self.assertEqual(len(outcomes[name]), 3, outcomes[name])
                else:
                    self.assertEqual(outcomes[name], ["done"])
        self.assertFiles(after)


class LocalFullStaging(places.Overwrite, FullStaging, unittest.TestCase):
    """The local family, on another disk."""


class S3FullStaging(S3Place, FullStaging, unittest.TestCase):
    """S3, with compressed uploads; what cannot be copied there if it is new is fetched and sent."""

    server = Moto
    more: ClassVar = {"gzip": True, "gzip_content_types": ["text/plain"]}
    staging = (*FullStaging.staging, "compress", "copy")
    direct = ("read",)
    needed_settings = ("AWS_S3_ACCESS_KEY_ID", "AWS_S3_SECRET_ACCESS_KEY")


class FTPFullStaging(FTPPlace, FullStaging, unittest.TestCase):
    """FTP, where copying is fetching and sending."""

    server = Vsftpd
    staging = (*FullStaging.staging, "copy")
    direct = ("read",)
    needed_settings = ("FTP_STORAGE_PASSWORD",)


class DatabaseFullStaging(OdbcPostgreSQL, FullStaging, unittest.TestCase):
    """ODBC, where a file is one value."""

    needed_settings = ("DB_FILES_CONNECTION_STRING",)


@pytest.mark.parametrize(
    "kind",
    [
        "storages.local.LocalStorage",
        "storages.backends.overwrite.OverwriteStorage",
        "storages.backends.hashpath.HashPathStorage",
        "storages.backends.symlinkorcopy.SymlinkOrCopyStorage",
    ],
)
def test_local_files_on_a_full_disk(kind: str) -> None:
    """With however little room, a file is stored whole, or the disk is as it was."""
    outcomes = on_a_small_disk(Keeping(kind))
    assert {name: ended[0] for name, ended in outcomes.items()} == {
        f"{action}, {what}": "done"
        for what in ("bytes", "files")
        for action in ("save", "write", "move")
    }, outcomes
    for name, (_, full) in outcomes.items():
        # On this disk a directory takes no page, and renaming takes no room.
        assert int(full) > 0 or name == "move, bytes", outcomes
