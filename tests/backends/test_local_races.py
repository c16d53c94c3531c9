"""The local disk while others save and delete: each race at the place where it is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from storages.backends.overwrite import OverwriteStorage
from storages.local import LocalStorage


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """A storage in a directory of its own."""
    return LocalStorage(location=str(tmp_path), fsync=False)


def test_a_directory_that_goes_while_it_is_deleted(storage: LocalStorage) -> None:
    """It is gone, so deleting it was done by somebody else."""
    Path(storage.path("d")).mkdir()

    def goes(path: Path) -> None:
        path.rmdir()
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))

    with mock.patch.object(Path, "unlink", goes):
        storage.delete("d")
    assert not storage.exists("d")


@pytest.mark.parametrize("made_again", [False, True])
def test_a_directory_that_goes_while_a_file_is_saved(
    storage: LocalStorage, made_again: bool
) -> None:
    """It is made again, also when somebody else has done so by then."""
    real = os.open
    gone: list[Any] = []

    def delete_first(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if flags & os.O_EXCL and not gone:
            gone.append(path)
            Path(path).parent.rmdir()
            try:
                return real(path, flags, *args, **more)
            finally:
                if made_again:
                    Path(path).parent.mkdir()
        return real(path, flags, *args, **more)

    with mock.patch("os.open", delete_first):
        storage.save("d/e/a.txt", ContentFile(b"a"))
    assert len(gone) == 1
    assert Path(storage.path("d/e/a.txt")).read_bytes() == b"a"


def test_a_directory_that_goes_while_a_file_is_moved(storage: LocalStorage) -> None:
    """It is made again."""
    storage.save("a.txt", ContentFile(b"a"))
    real = os.link
    gone: list[Any] = []

    def delete_first(path: Any, target: Any) -> None:
        if not gone:
            gone.append(target)
            Path(target).parent.rmdir()
        real(path, target)

    with mock.patch("os.link", delete_first):
        storage.move("a.txt", "d/b.txt")
    assert len(gone) == 1
    assert storage.listdir("") == (["d"], [])
    assert storage.listdir("d") == ([], ["b.txt"])


def test_a_directory_that_comes_and_goes_while_it_is_made(tmp_path: Path) -> None:
    """Somebody else made it, so it is no file; and it is made again when it has gone since."""
    storage = OverwriteStorage(location=str(tmp_path), fsync=False)
    mkdir = Path.mkdir
    made: list[Path] = []

    def come_and_go(path: Path, *args: Any, **more: Any) -> None:
        if path.name == "d" and not made:
            made.append(path)
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, *args, **more)

    with mock.patch.object(Path, "mkdir", come_and_go):
        storage.save("d/a.txt", ContentFile(b"a"))
    assert len(made) == 1
    assert storage.listdir("d") == ([], ["a.txt"])
