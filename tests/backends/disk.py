"""What the tests of the local storages look at the disk with."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import override_settings

#: What is saved and uploaded.
DATA = bytes(range(256)) * 1000


def everything(root: Path) -> dict[str, bytes | None]:
    """What is on the disk: files with their bytes, directories, temporaries."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def files_below(root: Path) -> dict[str, bytes]:
    """All files with their bytes, temporaries included."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def mode_of(path: Path) -> int:
    """The permission bits of a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)


class umask:  # noqa: N801 - reads like the function
    """Set the process's umask for a block."""

    def __init__(self, mask: int) -> None:
        self._mask = mask

    def __enter__(self) -> None:
        self._mask = os.umask(self._mask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._mask)


def refusing(number: int) -> Callable[..., NoReturn]:
    """A system call that always fails."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


@contextmanager
def uploads_in(directory: Path) -> Iterator[None]:
    """Let Django put uploads into a new directory."""
    directory.mkdir()
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(directory)):
        yield


@contextmanager
def uploaded(data: bytes = DATA) -> Iterator[TemporaryUploadedFile]:
    """An upload that Django has put on the disk."""
    with TemporaryUploadedFile("a.bin", "application/octet-stream", len(data), None) as upload:
        upload.write(data)
        upload.seek(0)
        yield upload
