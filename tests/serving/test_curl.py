"""What ``curl``, a program that nobody here wrote, gets from both servers."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.servers.process import find
from tests.servers.web import WebServer
from tests.serving.project import Site

ALIASES = ("public", "database", "s3")
SIZE = 3_000_000
CONTENT = random.Random(7).randbytes(SIZE)
NAME = "reports/näch stes 100%.bin"
CUT = 1_234_567


@pytest.fixture(scope="module", params=ALIASES)
def path(request: pytest.FixtureRequest, site: Site) -> str:
    """Where a file of each storage is below a server's address."""
    return site.put(request.param, NAME, CONTENT)


def curl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run curl; its exit code says what it makes of the answer."""
    command = [find("curl", package="curl"), "-sS", "--max-time", "60", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False)


def got(*arguments: str | Path) -> bytes:
    """What curl prints when it is content."""
    done = curl("--fail", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def headers(*arguments: str | Path) -> tuple[int, dict[str, str]]:
    """The status and the headers, by their names in lower case, as curl got them."""
    lines = got("--dump-header", "-", "--output", "/dev/null", *arguments).decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields.items()}


def test_a_file_arrives_whole(server: WebServer, path: str) -> None:
    """The body is the file."""
    assert hashlib.sha256(got(server.url + path)).digest() == hashlib.sha256(CONTENT).digest()


def test_head_tells_what_get_sends(server: WebServer, path: str) -> None:
    """The same headers, the true length, and no body."""
    assert got("--head", server.url + path).endswith(b"\r\n\r\n")
    told, sent = headers("--head", server.url + path), headers(server.url + path)
    for status, fields in (told, sent):
        fields.pop("date", None)
        assert status == 200
        assert fields["content-length"] == str(SIZE)
        assert fields["accept-ranges"] == "bytes"
    assert {**told[1], "connection": ""} == {**sent[1], "connection": ""}


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("0-0", 0, 0),
        ("100-199", 100, 199),
        ("2999990-", SIZE - 10, SIZE - 1),
        ("-10", SIZE - 10, SIZE - 1),
        ("2999990-9999999", SIZE - 10, SIZE - 1),
        ("500000-2500000", 500_000, 2_500_000),
    ],
)
def test_a_range_is_these_bytes(
    server: WebServer, path: str, wanted: str, first: int, last: int
) -> None:
    """The status is 206, and what is told of the part is true of it."""
    assert got("--range", wanted, server.url + path) == CONTENT[first : last + 1]
    status, fields = headers("--range", wanted, server.url + path)
    assert status == 206
    assert fields["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert fields["content-length"] == str(last + 1 - first)


def test_a_download_that_broke_off_is_resumed(server: WebServer, path: str, tmp_path: Path) -> None:
    """``curl -C -`` asks for what is missing, and the two halves are the file."""
    file = tmp_path / "half"
    file.write_bytes(CONTENT[:CUT])
    got("--continue-at", "-", "--output", file, server.url + path)
    assert file.read_bytes() == CONTENT
    answered = server.requests()[-1]
    assert answered["range"] == f"bytes={CUT}-"
    assert answered["status"] == 206
    assert answered["Content-Range"] == f"bytes {CUT}-{SIZE - 1}/{SIZE}"


def test_a_download_that_was_whole_is_not_sent_again(
    server: WebServer, path: str, tmp_path: Path
) -> None:
    """Resumed at its end, there is nothing to send: 416, with the length."""
    file = tmp_path / "whole"
    file.write_bytes(CONTENT)
    curl("--continue-at", "-", "--output", file, server.url + path)
    assert file.read_bytes() == CONTENT
    answered = server.requests()[-1]
    assert answered["status"] == 416
    assert answered["Content-Range"] == f"bytes */{SIZE}"


def test_a_file_that_is_known_is_not_sent_again(
    server: WebServer, path: str, tmp_path: Path
) -> None:
    """With the tag or the time that the server told, the answer is 304 and no body."""
    tag = tmp_path / "tag"
    file = tmp_path / "file"
    got("--etag-save", tag, "--remote-time", "--output", file, server.url + path)
    assert tag.read_text().strip()
    assert headers("--etag-compare", tag, server.url + path)[0] == 304
    assert headers("--time-cond", file, server.url + path)[0] == 304
    assert got("--etag-compare", tag, server.url + path) == b""


def test_the_connection_stays_open(server: WebServer, path: str) -> None:
    """Whole files, parts, 304s and heads leave it in a state to be used again."""
    url = server.url + path
    _, fields = headers(url)
    shown = got(
        *("--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null", url, "--next"),
        *("-sS", "--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null"),
        *("--range", "5-9", url, "--next"),
        *("-sS", "--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null"),
        *("--header", f"If-None-Match: {fields['etag']}", url, "--next"),
        *("-sS", "--write-out", "%{http_code} %{num_connects}\n", "--head", "--output"),
        *("/dev/null", url, "--next"),
        *("-sS", "--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null", url),
    ).decode()
    assert shown.split("\n")[:-1] == ["200 1", "206 0", "304 0", "200 0", "200 0"]
