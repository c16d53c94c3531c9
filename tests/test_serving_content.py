"""Serving files: the whole, parts, nothing to a client that has it; and what happens meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client

from storages.errors import Changed, Corrupt
from storages.serving.bodies import BLOCK
from tests.serving_site import LARGE, SMALL, body, get, operations, put, site
from tests.serving_storages import Counted


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages."""
    with site(tmp_path):
        yield


# ------------------------------------------------------------------------- whole files


@pytest.mark.parametrize("alias", ["memory", "counted", "disk"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_the_whole_file(alias: str, content: bytes) -> None:
    """One operation; the length, the type and the validators are the store's."""
    path = put(alias, "d/ü.png", content)
    with operations("open_read"):
        response = get(path)
        assert body(response) == content
    stat = storages[alias].stat("d/ü.png")  # type: ignore[attr-defined]
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["ETag"] == f'"{stat.version}"'
    assert response.headers["Last-Modified"].endswith(" GMT")
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "public, no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Disposition"].startswith("inline; ")


@pytest.mark.parametrize("alias", ["memory", "disk"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_head_says_what_get_does(alias: str, content: bytes) -> None:
    """The same header fields, by one operation that opens nothing; ranges are for GET only."""
    path = put(alias, "h.bin", content)
    expected = get(path)
    body(expected)
    with operations("stat"):
        response = Client().head(path, headers={"Range": "bytes=1-2"})
    assert response.status_code == 200
    assert response.content == b""
    assert dict(response.headers) == dict(expected.headers)


def test_a_large_file_comes_in_blocks() -> None:
    """So many bytes are in memory, however large the file is."""
    response = get(put("counted", "b.bin", LARGE * 4))
    blocks = [len(block) for block in response]
    response.close()
    assert sum(blocks) == len(LARGE) * 4
    assert max(blocks) == BLOCK


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(method: str) -> None:
    """405 for them, and nothing is asked of the store."""
    path = put("memory", "m.txt")
    with operations():
        response = getattr(Client(), method)(path)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


# --------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100000-", 100_000, 800_000),
        ("bytes=799999-9999999", 799_999, 800_000),
        ("bytes=0-", 0, 800_000),
    ],
)
@pytest.mark.parametrize("alias", ["memory", "strict", "disk"])
def test_a_part(alias: str, asked: str, start: int, end: int) -> None:
    """One operation, which begins where the part does."""
    path = put(alias, "p.bin", LARGE)
    with operations("open_read"):
        response = get(path, range=asked)
        assert body(response) == LARGE[start:end]
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/800000"
    assert response.headers["Content-Length"] == str(end - start)


def test_a_part_is_read_from_where_it_begins() -> None:
    """Of a large file a few bytes are moved, not all that stand before them, nor all after."""
    path = put("counted", "p.bin", LARGE)
    response = get(path, range="bytes=700000-700009")
    assert body(response) == LARGE[700_000:700_010]
    assert sum(Counted.bytes_read) == 10


@pytest.mark.parametrize(
    ("alias", "asked", "cost"),
    [
        ("disk", "bytes=-10", ["open_read"]),
        ("memory", "bytes=-800000", ["open_read"]),
        ("memory", "bytes=-10", ["open_read", "open_read"]),
    ],
)
def test_the_end_of_a_file(alias: str, asked: str, cost: list[str]) -> None:
    """Where it begins is known when the file is open: a store that cannot seek is asked twice."""
    path = put(alias, "e.bin", LARGE)
    with operations(*cost):
        response = get(path, range=asked)
        assert body(response) == LARGE[int(asked.partition("=")[2]) :]
    assert response.status_code == 206


@pytest.mark.parametrize(
    ("alias", "cost"),
    [("memory", ["open_read"]), ("disk", ["open_read"]), ("strict", ["open_read", "open_read"])],
)
@pytest.mark.parametrize("asked", ["bytes=800000-", "bytes=800000-900000"])
def test_a_part_beyond_the_end(alias: str, cost: list[str], asked: str) -> None:
    """416, with the length; also where the store refuses to open there."""
    path = put(alias, "n.bin", LARGE)
    with operations(*cost):
        response = get(path, range=asked)
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */800000"
    assert response.content == b""
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("asked", ["bytes=-0", "bytes=0-", "bytes=-5"])
def test_a_part_of_nothing(asked: str) -> None:
    """An empty file has no byte 0; its end can be asked for, and is all of it."""
    response = get(put("memory", "0.bin", b""), range=asked)
    assert response.status_code == (200 if asked == "bytes=-5" else 416)
    assert body(response) == b""


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=1-2", "bytes=a", "bytes=0-799999,0-799999"])
def test_what_is_no_range_gets_the_file(asked: str) -> None:
    """200, as if the header were not there."""
    response = get(put("memory", "r.bin", LARGE), range=asked)
    assert response.status_code == 200
    assert body(response) == LARGE


@pytest.mark.parametrize("alias", ["memory", "disk"])
@pytest.mark.parametrize("step", [10, 300_000])
def test_several_parts(alias: str, step: int) -> None:
    """multipart/byteranges, of a truthful length, that the standard library can read."""
    path = put(alias, "s.bin", LARGE)
    response = get(path, range=f"bytes=5-8,{step}-{step + 9},-3")
    content = body(response)
    assert response.status_code == 206
    assert response.headers["Content-Length"] == str(len(content))
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message: Any = BytesParser(policy=HTTP).parsebytes(head + content)
    parts = message.get_payload()
    assert message.defects == []
    assert [
        (part["Content-Range"], part.get_payload(decode=True), part["Content-Type"])
        for part in parts
    ] == [
        (f"bytes {start}-{end - 1}/800000", LARGE[start:end], "application/octet-stream")
        for start, end in [(5, 9), (step, step + 10), (799_997, 800_000)]
    ]


# ---------------------------------------------------------------------- conditions


@pytest.mark.parametrize("alias", ["counted", "disk"])
def test_a_file_that_the_client_has(alias: str) -> None:
    """304 without a body, by ETag or date; one operation, whose reader is closed unread."""
    path = put(alias, "c.bin", LARGE)
    first = get(path)
    body(first)
    Counted.bytes_read.clear()
    for condition in (
        {"if_none_match": first.headers["ETag"]},
        {"if_modified_since": first.headers["Last-Modified"]},
        {"if_none_match": first.headers["ETag"], "range": "bytes=5-9"},
    ):
        with operations("open_read"):
            response = get(path, **condition)
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["ETag"] == first.headers["ETag"]
        assert response.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert "Content-Type" not in response.headers
    assert Counted.bytes_read == []
    assert Counted.opened == []
    with operations("stat"):
        headed = Client().head(path, headers={"If-None-Match": first.headers["ETag"]})
    assert headed.status_code == 304


@pytest.mark.parametrize("alias", ["memory", "disk"])
def test_a_file_that_the_client_insists_on(alias: str) -> None:
    """412 when it is another one, 200 when it is that one."""
    path = put(alias, "i.bin")
    response = get(path)
    etag = response.headers["ETag"]
    body(response)
    assert get(path, if_match=etag).status_code == 200
    assert get(path, if_match='"another"').status_code == 412
    assert get(path, if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT").status_code == 412


@pytest.mark.parametrize("alias", ["memory", "disk"])
def test_a_download_that_is_resumed(alias: str) -> None:
    """The rest of the same version, by one operation; of another one everything, from its start."""
    path = put(alias, "d.bin", LARGE)
    first = get(path)
    body(first)
    for validator in ("ETag", "Last-Modified"):
        with operations("open_read"):
            response = get(path, range="bytes=300000-", if_range=first.headers[validator])
            assert body(response) == LARGE[300_000:]
        assert response.status_code == 206
    put(alias, "d.bin", LARGE[::-1])
    response = get(path, range="bytes=300000-", if_range=first.headers["ETag"])
    assert response.status_code == 200
    assert body(response) == LARGE[::-1]
    assert "Content-Range" not in response.headers


def test_a_resumed_download_of_a_shorter_file() -> None:
    """A new version that ends before the place where the client stands is sent from its start."""
    path = put("strict", "d.bin", LARGE)
    etag = get(path).headers["ETag"]
    put("strict", "d.bin", SMALL)
    response = get(path, range="bytes=300000-", if_range=etag)
    assert (response.status_code, body(response)) == (200, SMALL)


# ----------------------------------------------------------- what happens meanwhile


def test_a_file_that_is_replaced_meanwhile() -> None:
    """A reader that breaks off goes on in the same version, or raises: never in another one."""
    path = put("counted", "x.bin", LARGE)
    storage: Any = storages["counted"]
    storage.breaks_after = 100_000
    response = get(path)
    blocks = iter(response)
    received = next(blocks)
    put("counted", "x.bin", LARGE[::-1])
    rest: list[bytes] = []
    with pytest.raises(Changed):
        rest.extend(blocks)
    received += b"".join(rest)
    assert received == LARGE[: len(received)]
    assert len(received) < 100_000
    response.close()
    assert Counted.opened == []


def test_a_store_that_breaks_off_is_asked_again() -> None:
    """From where it stood, as long as it comes on at all."""
    path = put("counted", "y.bin", LARGE)
    storage: Any = storages["counted"]
    storage.breaks_after = 100_000
    response = get(path)
    assert body(response) == LARGE


def test_a_file_that_ends_early_is_not_a_whole_one() -> None:
    """The client sees that bytes are missing: the body ends with an error, not in silence."""
    path = put("memory", "z.bin", LARGE)
    response = get(path)
    storage: Any = storages["memory"]
    blocks = iter(response)
    next(blocks)
    file = storage._files["z.bin"]
    vars(file)["content"] = LARGE[:BLOCK]
    with pytest.raises(Corrupt):
        list(blocks)
    response.close()


def test_a_client_that_goes_away() -> None:
    """The reader is given back when the server closes the response, or forgets it."""
    path = put("counted", "g.bin", LARGE)
    response = get(path)
    next(iter(response))
    assert len(Counted.opened) == 1
    response.close()
    assert Counted.opened == []
    forgotten = get(path)
    assert len(Counted.opened) == 1
    del forgotten
    gc.collect()
    assert Counted.opened == []
