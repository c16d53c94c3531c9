"""What both servers answer to requests that ask for less, for nothing, or for what is not there."""

from __future__ import annotations

import random

import pytest

from tests.servers.web import WebServer
from tests.serving.asking import ask, asked_once
from tests.serving.project import Site

ALIASES = ("public", "database", "s3")
SIZE = 700_000
CONTENT = random.Random(3).randbytes(SIZE)


@pytest.fixture(scope="module", params=ALIASES)
def path(request: pytest.FixtureRequest, site: Site) -> str:
    """Where a file of each storage is below a server's address."""
    return site.put(request.param, "requests.bin", CONTENT)


def test_a_part_of_what_is_known_is_sent(server: WebServer, path: str) -> None:
    """If-Range with the tag or the date of this version: 206."""
    _, told, _ = ask(server, path, "HEAD")
    for known in (told["ETag"], told["Last-Modified"]):
        status, _, body = asked_once(server, path, Range="bytes=600000-", If_Range=known)
        assert status == 206
        assert body == CONTENT[600_000:]


@pytest.mark.parametrize("begin", [1, 600_000, SIZE, SIZE * 5, 10**19])
def test_a_part_of_another_version_is_not_sent(server: WebServer, path: str, begin: int) -> None:
    """Who has a part of an older file gets the new one whole, also where it is the shorter one."""
    for other in ('"other"', "Mon, 13 Nov 2023 22:13:20 GMT"):
        status, told, body = asked_once(server, path, Range=f"bytes={begin}-", If_Range=other)
        assert status == 200
        assert told["Content-Length"] == str(SIZE)
        assert body == CONTENT


@pytest.mark.parametrize("wanted", [f"{SIZE}-", f"{SIZE * 5}-", "9999999999999999-", f"{10**30}-"])
def test_what_lies_beyond_the_end_is_not_there(server: WebServer, path: str, wanted: str) -> None:
    """416 and the length, however far beyond."""
    status, told, body = asked_once(server, path, Range=f"bytes={wanted}")
    assert status == 416
    assert told["Content-Range"] == f"bytes */{SIZE}"
    assert body == b""


def test_several_parts_are_sent_as_they_were_asked_for(server: WebServer, path: str) -> None:
    """multipart/byteranges: each part tells where it is, and Content-Length is the whole body's."""
    wanted = [(600_000, 699_999), (0, 99), (300_000, 300_000)]
    ranges = ",".join(f"{first}-{last}" for first, last in wanted)
    status, told, body = asked_once(server, path, Range=f"bytes={ranges}")
    assert status == 206
    kind, _, boundary = told["Content-Type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert told["Content-Length"] == str(len(body))
    assert told["Content-Range"] is None
    expected = b""
    for first, last in wanted:
        expected += (
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: bytes {first}-{last}/{SIZE}\r\n\r\n"
        ).encode() + CONTENT[first : last + 1]
    assert body == expected + f"\r\n--{boundary}--\r\n".encode()


ESCAPES = [
    "../db.sqlite3",
    "%2e%2e/db.sqlite3",
    "..%2fdb.sqlite3",
    "x/../../db.sqlite3",
    "..%5cdb.sqlite3",
    "/etc/passwd",
    "%2fetc/passwd",
    "a%00b",
    "a%0d%0aSet-Cookie:%20x=1",
    "a//b",
    "./a",
]
NOT_UTF8 = ["%ff%fe", "%c0%ae%c0%ae/db.sqlite3"]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *((alias, name) for alias in (*ALIASES, "private", "accel") for name in ESCAPES),
        *((alias, name) for alias in ALIASES for name in NOT_UTF8),
    ],
)
def test_a_name_cannot_escape(server: WebServer, alias: str, name: str) -> None:
    """404, whatever the storage; nothing of the name comes back, and the site goes on."""
    for method in ("GET", "HEAD"):
        status, told, body = ask(server, f"/files/{alias}/{name}", method)
        assert status == 404
        assert told["Set-Cookie"] is None
        assert b"root:" not in body
        assert b"SQLite" not in body
    assert ask(server, "/ready")[0] == 200


@pytest.mark.parametrize("alias", ALIASES)
def test_a_missing_file_is_not_found(server: WebServer, alias: str) -> None:
    """404, for its ranges and conditions too."""
    path = f"/files/{alias}/no/such.bin"
    assert ask(server, path)[0] == 404
    assert ask(server, path, "HEAD")[0] == 404
    assert asked_once(server, path, Range="bytes=5-", If_None_Match="*")[0] == 404


def test_there_are_no_other_storages_than_the_settings(server: WebServer) -> None:
    """An alias that is none is a missing file."""
    assert ask(server, "/files/nobody/requests.bin")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_files_are_only_read(server: WebServer, path: str, method: str) -> None:
    """405, and what is allowed; the file is still there."""
    status, told, _ = ask(server, path, method)
    assert status == 405
    assert told["Allow"] == "GET, HEAD"
    assert ask(server, path)[2] == CONTENT
