"""nginx and Perlbal are what MogileFS and the serving of files need, with their peculiarities."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message

import pytest

from tests.servers.http import Reply, ScriptedServer
from tests.servers.mogile import Node, storing
from tests.servers.nginx import Nginx
from tests.servers.perlbal import Perlbal, reproxying
from tests.servers.process import HOST


def ask(
    url: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, Message, bytes]:
    """The status, the headers and the body that are answered."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.fixture(params=["nginx", "perlbal"], scope="module")
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A storage node with a device."""
    made: Node = Nginx(storing) if request.param == "nginx" else Perlbal()
    with made:
        (made.directory / "data" / "dev1").mkdir()
        yield made


def test_a_storage_node_keeps_and_removes(node: Node) -> None:
    """PUT makes the directories that it needs; DELETE of what is not there is 404."""
    url = f"{node.url}/dev1/0/000/{type(node).__name__}.fid"
    assert ask(url, "PUT", b"0123456789")[0] in {200, 201}
    assert ask(url)[2] == b"0123456789"
    assert ask(url, "PUT", b"shorter")[0] in {200, 204}
    assert ask(url)[2] == b"shorter"
    assert ask(url, "PUT", b"")[0] in {200, 204}
    assert ask(url)[2] == b""
    assert ask(url, "DELETE")[0] in {200, 204}
    assert [ask(url)[0], ask(url, "DELETE")[0]] == [404, 404]


def test_ranges(node: Node) -> None:
    """Ranges from a place on are right; Perlbal takes the last bytes for the first."""
    url = f"{node.url}/dev1/ranges.fid"
    ask(url, "PUT", b"0123456789")
    status, headers, body = ask(url, Range="bytes=2-4")
    assert (status, headers["Content-Range"], body) == (206, "bytes 2-4/10", b"234")
    assert ask(url, Range="bytes=7-")[2] == b"789"
    assert ask(url, Range="bytes=50-60")[0] == 416
    assert ask(url, Range="bytes=-3")[2] == (b"789" if isinstance(node, Nginx) else b"0123")


def test_what_tells_versions_apart(node: Node) -> None:
    """Perlbal has no ETag, only whole seconds."""
    url = f"{node.url}/dev1/versions.fid"
    ask(url, "PUT", b"0123456789")
    headers = ask(url)[1]
    assert ("ETag" in headers) == isinstance(node, Nginx)
    assert "Last-Modified" in headers


def test_a_node_that_comes_back_has_its_files(node: Node) -> None:
    """``kill -9`` leaves none of its processes behind; the port and the data stay."""
    url = f"{node.url}/dev1/back.fid"
    ask(url, "PUT", b"still here")
    node.kill()
    with pytest.raises(OSError, match="refused"):
        ask(url)
    node.start()
    assert ask(url)[2] == b"still here"


def test_nginx_sends_what_a_header_names() -> None:
    """X-Accel-Redirect, of an application behind it: the file, and ranges of it."""

    def configuration(nginx: Nginx) -> str:
        (nginx.directory / "files").mkdir()
        (nginx.directory / "files" / "a b.txt").write_bytes(b"0123456789")
        return f"""
        location / {{ proxy_pass http://{HOST}:{application.port}; }}
        location /internal/ {{ internal; alias {nginx.directory}/files/; }}
        """

    reply = Reply(headers={"X-Accel-Redirect": "/internal/a%20b.txt", "Content-Type": "text/x"})
    with ScriptedServer(handler=lambda _: reply) as application, Nginx(configuration) as nginx:
        status, headers, body = ask(f"{nginx.url}/any")
        assert (status, body) == (200, b"0123456789")
        assert headers["Content-Type"] == "text/x"
        assert ask(f"{nginx.url}/any", Range="bytes=2-4")[2] == b"234"
        assert ask(f"{nginx.url}/internal/a%20b.txt")[0] == 404
        assert [request.path for request in application.requests] == ["/any", "/any"]
        assert 'GET /any 206 "bytes=2-4"' in nginx.requests()


def test_perlbal_fetches_what_a_header_names() -> None:
    """X-REPROXY-URL: the first of the URLs that works, and the client never sees the header."""
    with Perlbal() as node, ScriptedServer() as application:
        (node.directory / "data" / "dev1").mkdir()
        url = f"{node.url}/dev1/x.fid"
        ask(url, "PUT", b"0123456789")
        urls = f"{node.url}/dev1/missing.fid {url}"
        named = {"X-REPROXY-URL": urls, "X-REPROXY-EXPECTED-SIZE": "10", "Content-Type": "text/x"}
        application.handler = lambda _: Reply(headers=named)
        with Perlbal(reproxying(application.port)) as proxy:
            status, headers, body = ask(f"{proxy.url}/any")
        assert (status, body) == (200, b"0123456789")
        assert "X-REPROXY-URL" not in headers
        assert headers["Content-Type"] == "text/x"
