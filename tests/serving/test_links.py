"""Private files: a link opens one of them, for a while, and nothing about it can be changed."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.servers.web import WebServer
from tests.serving.asking import ask
from tests.serving.project import Site

NAME = "letters/to whom.txt"
CONTENT = b"a private letter"
EXPIRES_WITHIN = 30.0


@pytest.fixture(scope="module", autouse=True)
def files(site: Site) -> None:
    """Two private files, one of the same name elsewhere, and one of a member."""
    site.put("private", NAME, CONTENT)
    site.put("private", "other.txt", b"another letter")
    site.put("members", NAME, b"a member's letter")
    site.put("members", "anna/diary.txt", b"dear diary")


def link(server: WebServer, alias: str = "private", name: str = NAME, **given: str) -> str:
    """A link that the site makes."""
    query = f"?{urlencode(given)}" if given else ""
    status, _, body = ask(server, f"/link/{alias}/{quote(name)}{query}")
    assert status == 200
    return body.decode()


def changed(link: str, **query: str) -> str:
    """A link with some of what it says replaced, or added."""
    path, _, told = link.partition("?")
    return f"{path}?{urlencode({**{k: v[0] for k, v in parse_qs(told).items()}, **query})}"


def test_the_url_of_a_private_file_is_a_link(server: WebServer) -> None:
    """It opens the file, in parts too, and tells about it; without it nothing does."""
    url = link(server)
    path = urlsplit(url).path
    assert ask(server, url)[::2] == (200, CONTENT)
    assert ask(server, url, headers={"Range": "bytes=2-8"})[::2] == (206, CONTENT[2:9])
    status, told, body = ask(server, url, "HEAD")
    assert (status, told["Content-Length"], body) == (200, str(len(CONTENT)), b"")
    assert told["Cache-Control"].startswith("private")
    for method in ("GET", "HEAD"):
        assert ask(server, path, method)[0] == 403
        assert ask(server, f"{path}?expires=&signature=", method)[0] == 403


def test_a_letter_of_it_cannot_be_changed(server: WebServer) -> None:
    """Any other signature, a part of it, or more than it: 403, and never the file."""
    url = link(server)
    (signature,) = parse_qs(urlsplit(url).query)["signature"]
    others = [
        signature[:at] + ("x" if letter != "x" else "y") + signature[at + 1 :]
        for at, letter in enumerate(signature)
    ]
    others += ["", signature[:-1], signature[1:], signature + "x", signature.upper(), "\u20ac", ":"]
    for other in others:
        status, _, body = ask(server, changed(url, signature=other))
        assert status == 403, other
        assert CONTENT not in body
    assert ask(server, url)[0] == 200


@pytest.mark.parametrize(
    "more",
    [
        {"expires": "99999999999"},
        {"expires": "1"},
        {"expires": "9" * 400},
        {"expires": "-1"},
        {"expires": "\u0661"},
        {"disposition": "attachment"},
        {"filename": "evil.exe"},
    ],
)
def test_what_it_says_cannot_be_changed(server: WebServer, more: dict[str, str]) -> None:
    """Not when it ends, nor how browsers are to treat the file."""
    assert ask(server, changed(link(server), **more))[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/files/private/other.txt", f"/files/members/{quote(NAME)}", "/files/private/letters/to"],
)
def test_it_is_for_one_file(server: WebServer, path: str) -> None:
    """With another name, or in another storage, it opens nothing."""
    query = urlsplit(link(server)).query
    assert ask(server, f"{path}?{query}")[0] == 403


def test_it_is_for_one_method(server: WebServer) -> None:
    """A link that tells does not give; and none of them writes."""
    telling = link(server, method="HEAD")
    assert ask(server, telling, "HEAD")[0] == 200
    assert ask(server, telling)[0] == 403
    for url in (telling, link(server)):
        for method in ("POST", "PUT", "DELETE"):
            assert ask(server, url, method)[0] == 405


def test_it_expires(server: WebServer) -> None:
    """A link of a second opens the file, and then no more, however often it is asked."""
    url = link(server, expire="1", disposition="attachment")
    statuses = [ask(server, url)[0]]
    deadline = time.monotonic() + EXPIRES_WITHIN
    while statuses[-1] == 200 and time.monotonic() < deadline:
        statuses.append(ask(server, url)[0])
    assert statuses[-1] == 403
    (expires,) = parse_qs(urlsplit(url).query)["expires"]
    assert time.time() >= int(expires)
    assert ask(server, link(server, expire="3600"))[0] == 200


def test_it_tells_browsers_what_to_do(server: WebServer) -> None:
    """The name and the disposition that are signed arrive, and cannot break out of the header."""
    name = 'a "name"\r\nSet-Cookie: x=1; \u20ac.txt'
    status, told, body = ask(server, link(server, disposition="attachment", filename=name))
    assert (status, body) == (200, CONTENT)
    assert told["Set-Cookie"] is None
    assert told["Content-Disposition"].startswith("attachment; filename=")
    assert "%E2%82%AC.txt" in told["Content-Disposition"]


def test_a_project_decides_by_itself(server: WebServer) -> None:
    """The permission hook is asked where there is no link; with one it is not."""
    path = "/files/members/anna/diary.txt"
    assert ask(server, path)[0] == 403
    assert ask(server, path, headers={"X-Member": "bert"})[0] == 403
    assert ask(server, path, headers={"X-Member": "anna"})[::2] == (200, b"dear diary")
    signed = link(server, "members", "anna/diary.txt", expire="600")
    assert ask(server, signed)[::2] == (200, b"dear diary")
    assert (
        ask(server, changed(signed, expires="99999999999"), headers={"X-Member": "anna"})[0] == 403
    )
