"""Where the classes of the documented originals are looked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storages.legacy import MOVED, translate


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write a module that can be imported until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        written.append(name)

    written: list[str] = []
    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("libs.storages.S3Storage.S3Storage", "s3.S3Storage"),
        ("backends.S3Storage.S3Storage", "s3.S3Storage"),
        ("S3Storage.S3Storage", "s3.S3Storage"),
        ("filestorage.DatabaseStorage", "database.DatabaseStorage"),
        ("FTPStorage.FTPStorage", "ftp.FTPStorage"),
        ("MogileFSStorage.MogileFSStorage", "mogilefs.MogileFSStorage"),
        ("project.app.storages.MogileFSStorage", "mogilefs.MogileFSStorage"),
        ("backends.mosso.CloudFilesStorage", "cloudfiles.CloudFilesStorage"),
        ("backends.mosso.ThreadSafeCloudFilesStorage", "cloudfiles.ThreadSafeCloudFilesStorage"),
        ("tahoestorage.storage.TahoeStorage", "tahoe.TahoeStorage"),
        (
            "ipfs_storage.InterPlanetaryFileSystemStorage",
            "ipfs.InterPlanetaryFileSystemStorage",
        ),
        (
            "ipfs_storage.storage.InterPlanetaryFileSystemStorage",
            "ipfs.InterPlanetaryFileSystemStorage",
        ),
    ],
)
def test_paths_that_moved(old: str, new: str) -> None:
    """A documented path that imports no longer leads to this package's class."""
    assert translate(old) == f"storages.backends.{new}"


@pytest.mark.parametrize(
    "path",
    [
        "storages.backends.s3boto.S3BotoStorage",  # an alias module here
        "django.core.files.storage.FileSystemStorage",
        "shop.files.Storage",
        "FTPStorage.Another",
        "ipfs_storage.Another",
        "filestorage",
        "",
        None,
        3,
    ],
)
def test_other_paths_stay(path: Any) -> None:
    """What the table does not have is nobody's to change, whether it imports or not."""
    assert translate(path) == path


def test_no_path_leads_to_another_old_one() -> None:
    """Whatever is translated is final."""
    for old, new in MOVED.items():
        assert translate(new) == new
        assert old.endswith("*") == new.endswith("*")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("class FTPStorage: pass", True),
        ("raise RuntimeError('not now')", True),  # it is there; what is wrong shows when it is used
        ("class Another: pass", False),
        ("import no_such_library", False),
        ("try:\n    pass\nexcept ValueError, error:\n    pass", False),  # Python 2
    ],
)
def test_modules_of_the_project(module: Callable[[str, str], None], text: str, kept: bool) -> None:
    """A module of an old name counts as long as its class can be imported or may be later."""
    module("FTPStorage", text)
    expected = "FTPStorage.FTPStorage" if kept else "storages.backends.ftp.FTPStorage"
    assert translate("FTPStorage.FTPStorage") == expected
