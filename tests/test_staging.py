"""Staging: any content becomes binary, length-known and re-readable, within bounded memory."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile

from storages.errors import SourceChanged, StorageFull
from storages.staging import Spool, is_temporary, staged, temporary_name


def uploaded(data: bytes) -> InMemoryUploadedFile:
    """Return what Django's form handling makes of a small upload."""
    return InMemoryUploadedFile(io.BytesIO(data), "f", "x", "text/x-special", len(data), None)


def test_a_binary_seekable_file_is_used_in_place_and_left_open_at_its_end() -> None:
    """No copy; read from the start wherever it stood."""
    content = io.BytesIO(b"0123456789")
    content.seek(4)
    with staged(content) as source:
        assert source._file is content
        assert (source.size, source.read(3), source.read(), source.tell()) == (
            10,
            b"012",
            b"3456789",
            10,
        )
    assert (content.closed, content.tell()) == (False, 10)


def test_a_django_file_around_one_is_unwrapped() -> None:
    """Upload objects keep their content type and, on disk, their path."""
    with staged(uploaded(b"abc")) as source:
        assert (source.size, source.content_type, source.path) == (3, "text/x-special", None)
        assert b"".join(source) == b"abc"
    with TemporaryUploadedFile("x", "text/plain", 3, None) as upload:
        upload.write(b"abc")
        with staged(upload) as source:
            assert source.path == upload.temporary_file_path()
            assert list(source.chunks(2)) == [b"ab", b"c"]


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        (" text/plain; charset=utf-8 ", "text/plain; charset=utf-8"),
        ("text/plain\r\nX-Evil: 1", None),
        ("text/ü€", None),
        ("", None),
        (7, None),
    ],
)
def test_a_declared_type_that_no_header_can_hold(declared: Any, kept: str | None) -> None:
    """Is none: it came from a browser, which must not make a save fail."""
    content: Any = ContentFile(b"abc")
    content.content_type = declared
    with staged(content) as source:
        assert source.content_type == kept


@pytest.mark.parametrize("text", ["héé", "\ufeffbom", "\U0001f600" * 50_000])
def test_text_is_encoded_as_utf8(text: str) -> None:
    """Its length is counted in bytes, not characters."""
    for content in (io.StringIO(text), File(io.StringIO(text)), ContentFile(text)):
        with staged(content) as source:
            assert source.size == len(text.encode())
            assert source.read() == text.encode()


class Shouting(File):  # type: ignore[type-arg]
    """A file whose chunks are not what it wraps."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the content in capitals."""
        yield self.file.getvalue().upper()  # type: ignore[union-attr]


class OnlyRead:
    """The least that can be saved: one method."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        """Read."""
        return self._file.read(size)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Shouting(io.BytesIO(b"abc")), b"ABC"),
        (OnlyRead(b"abc"), b"abc"),
        (File(OnlyRead(b"abc"), "x"), b"abc"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_used_in_place_is_spooled(content: Any, expected: bytes) -> None:
    """Own ``chunks`` count; no size, no seek, no name are needed; it can be read twice."""
    with staged(content) as source:
        assert source.size == len(expected)
        assert source.read() == b"".join(source.chunks()) == expected


def test_content_that_changes_its_length_is_noticed(tmp_path: Path) -> None:
    """A file cut short or added to under our hands is an error, never half a file."""
    path = tmp_path / "content"
    for end, message in ((b"", "ended after 0 of 4"), (b"12345", "longer than 4")):
        path.write_bytes(b"1234")
        with path.open("rb") as content, staged(content) as source:
            path.write_bytes(end)
            with pytest.raises(SourceChanged, match=message):
                source.read()
            assert isinstance(source.failure, SourceChanged)


def test_a_spool_moves_to_disk_past_its_limit() -> None:
    """And is one file all the same: seek, overwrite, truncate."""
    spool = Spool(limit=10)
    with spool:
        spool.write(b"0123456789")
        assert not spool._on_disk
        spool.write(b"abc")
        assert vars(spool)["_on_disk"]
        spool.seek(8)
        spool.write(b"XY")
        spool.truncate(12)
        spool.seek(0)
        assert spool.read() == b"01234567XYab"
    assert spool.closed


class FullDisk(io.BytesIO):
    """A disk with no room."""

    def write(self, data: Any) -> int:
        """Refuse."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_staging_disk_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to make room in; nothing stays open."""
    disk = FullDisk()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: disk)
    with Spool(limit=2) as spool, pytest.raises(StorageFull, match="FILE_UPLOAD_TEMP_DIR"):
        spool.write(b"abc")


def test_only_our_own_temporary_names_are_temporary() -> None:
    """Users' dotfiles and *.part files are theirs."""
    assert is_temporary(temporary_name())
    assert temporary_name() != temporary_name()
    for name in (".storages-x.tmp", "x.part", ".storages-0123456789abcdef.tmp.x", "x.tmp"):
        assert not is_temporary(name)
