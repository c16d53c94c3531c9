"""Compressed storing: what is compressed, to which bytes, and reading it back."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from storages.backends.s3.encoding import (
    GunzipReader,
    encoded,
    is_compressed,
    true_size,
    with_true_size,
)
from storages.backends.s3.values import GZIP_CONTENT_TYPES
from storages.errors import Corrupt, SourceChanged
from storages.readers import Stat
from storages.staging import BLOCK, Source

CSS = b"p { color: red; margin: 0 }\n" * 1000
NOISE = random.Random(1).randbytes(300_000)


def storing(
    content: bytes, kind: str = "text/css", *, on: bool = True, **given: Any
) -> tuple[bytes, dict[str, Any]]:
    """What is sent for ``content``, and with which parameters."""
    storage = SimpleNamespace(gzip=on, gzip_content_types=GZIP_CONTENT_TYPES)
    source = Source(io.BytesIO(content), len(content))
    with encoded(storage, source, {"ContentType": kind, **given}) as (body, parameters):
        data = body.read()
        assert len(data) == body.size
        return data, parameters


@pytest.mark.parametrize("kind", [*GZIP_CONTENT_TYPES, "text/css; charset=utf-8", "TEXT/CSS"])
def test_listed_types_are_compressed_to_the_same_bytes_each_time(kind: str) -> None:
    """The head has no time and no name; the length before is kept."""
    data, parameters = storing(CSS, kind, Metadata={"a": "b"})
    assert gzip.decompress(data) == CSS
    assert data[4:8] == bytes(4)
    assert data == storing(CSS, kind)[0]
    assert parameters == {
        "ContentType": kind,
        "ContentEncoding": "gzip",
        "Metadata": {"a": "b", "uncompressed-size": str(len(CSS))},
    }


@pytest.mark.parametrize(
    ("content", "kind", "given"),
    [
        (CSS, "image/png", {}),
        (CSS, "application/gzip", {}),
        (CSS, "text/css", {"ContentEncoding": "br"}),
        (CSS, "text/css", {"on": False}),
        (b"p{}", "text/css", {}),
        (b"", "text/css", {}),
        (NOISE, "text/css", {}),
    ],
    ids=["type", "gz", "encoded", "off", "small", "empty", "noise"],
)
def test_all_else_is_stored_as_it_is(content: bytes, kind: str, given: dict[str, Any]) -> None:
    """Other types, what has an encoding already, and what would not get smaller."""
    data, parameters = storing(content, kind, **given)
    assert data == content
    assert parameters.get("ContentEncoding") == given.get("ContentEncoding")
    assert "Metadata" not in parameters


def test_a_source_that_breaks_off_is_not_stored() -> None:
    """Its error is raised, not half of it compressed."""
    source = Source(io.BytesIO(CSS), len(CSS) + 1)
    storage = SimpleNamespace(gzip=True, gzip_content_types=GZIP_CONTENT_TYPES)
    with (
        pytest.raises(SourceChanged),
        encoded(storage, source, {"ContentType": "text/css"}) as (body, _),
    ):
        pytest.fail(f"{body} was to be stored")


@pytest.mark.parametrize(
    ("encoding", "answer"),
    [("gzip", True), ("GZIP", True), ("aws-chunked,gzip", True), ("", False), ("br", False)],
)
def test_an_answer_tells_whether_the_object_is_compressed(encoding: str, answer: bool) -> None:
    """Also where the server keeps the coding of the transfer."""
    assert is_compressed({"ContentEncoding": encoding}) is answer
    assert not is_compressed({})


def test_the_size_is_that_before_compression() -> None:
    """From the metadata, ours or django-s3-storage's; else from the last bytes of the object."""

    def unasked() -> bytes:
        raise AssertionError

    for name in ("uncompressed-size", "uncompressed_size"):
        answer = {"Metadata": {name: "123"}}
        assert true_size(answer) == 123
        assert with_true_size(Stat(9, version="v"), answer, unasked) == Stat(123, version="v")
    answer = {"Metadata": {"uncompressed-size": "-1"}}
    trailer = gzip.compress(CSS)[-4:]
    assert with_true_size(Stat(9), answer, lambda: trailer).size == len(CSS)
    assert with_true_size(Stat(2), {}, lambda: b"xy").size == 2


class Raw:
    """A stream of the compressed bytes, a few at a time."""

    def __init__(self, data: bytes, most: int = 1000) -> None:
        self.stat = Stat(len(data))
        self.file = io.BytesIO(data)
        self.most = most
        self.closed = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Give some."""
        return self.file.readinto(buffer[: self.most])

    def close(self) -> None:
        """Remember that."""
        self.closed = True


def reading(data: bytes, size: int, most: int = 1000) -> tuple[GunzipReader, list[Raw]]:
    """A reader of compressed ``data``, and every stream that it opened."""
    opened: list[Raw] = []

    def reopen() -> Raw:
        opened.append(Raw(data, most))
        return opened[-1]

    return GunzipReader(Stat(size), reopen(), reopen), opened


def everything(reader: GunzipReader, step: int = BLOCK) -> bytes:
    """All that is left."""
    buffer = memoryview(bytearray(step))
    found = bytearray()
    while count := reader.readinto(buffer):
        found += buffer[:count]
    return bytes(found)


@pytest.mark.parametrize("step", [1, 7, 4096, BLOCK])
@pytest.mark.parametrize("most", [1, 1000, BLOCK])
def test_what_is_read_is_what_was_stored(step: int, most: int) -> None:
    """However many bytes come and are asked for at a time."""
    content = CSS[:5000] + NOISE[:5000]
    reader, _ = reading(gzip.compress(content), len(content), most)
    assert everything(reader, step) == content


def test_large_content_that_compresses_well_is_read_in_bounded_steps() -> None:
    """A thousandfold expansion fills one buffer at a time."""
    content = bytes(10_000_000)
    reader, _ = reading(gzip.compress(content), len(content), BLOCK)
    assert everything(reader) == content


def test_files_put_end_to_end_are_one() -> None:
    """As gzip itself reads them."""
    data = gzip.compress(CSS) + gzip.compress(b"") + gzip.compress(NOISE)
    reader, _ = reading(data, len(CSS) + len(NOISE))
    assert everything(reader) == CSS + NOISE


def test_seeking_forward_reads_on_and_backward_begins_again() -> None:
    """One stream is open at a time."""
    content = CSS + NOISE
    reader, opened = reading(gzip.compress(content), len(content))
    buffer = memoryview(bytearray(10))

    def ten(at: int) -> bytes:
        reader.seek(at)
        return bytes(buffer[: reader.readinto(buffer)])

    assert ten(100_000) == content[100_000:100_010]
    assert ten(len(content) - 3) == content[-3:]
    assert len(opened) == 1
    assert ten(5) == content[5:15]
    assert [raw.closed for raw in opened] == [True, False]
    assert ten(len(content) + 5) == b""
    reader.close()
    assert [raw.closed for raw in opened] == [True, True]


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"no gzip" + data, lambda data: data[:-8] + bytes(8)],
    ids=["no gzip", "checksum"],
)
def test_what_is_not_gzip_is_corrupt(damage: Callable[[bytes], bytes]) -> None:
    """Gzip has a checksum of its own."""
    reader, _ = reading(damage(gzip.compress(CSS)), len(CSS))
    with pytest.raises(Corrupt):
        everything(reader)


def test_what_breaks_off_ends_early() -> None:
    """The core sees that bytes are missing, and asks for them."""
    reader, _ = reading(gzip.compress(CSS)[:-20], len(CSS))
    assert CSS.startswith(everything(reader))
