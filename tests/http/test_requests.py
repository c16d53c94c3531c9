"""What storages that speak HTTP ask: URLs, headers, content, connections, credentials."""

from __future__ import annotations

import copy
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.test import override_settings

from storages.errors import NotFound, OptionError, PermissionDenied, SourceChanged, Unavailable
from storages.http import (
    Body,
    HTTPStorage,
    Multipart,
    Related,
    basic,
    origin,
    quoted,
    split_credentials,
    web_address,
    with_query,
)
from storages.http.digests import Digest
from storages.options import options_of
from storages.staging import Source
from tests.http.plain import PlainStorage, source
from tests.servers.http import Reply, ScriptedServer
from tests.servers.process import HOST, free_port

# ------------------------------------------------------------------------------ URLs


def test_a_name_is_quoted_whole() -> None:
    """Whatever it holds, it stays one segment; both forms of a letter stay what they are."""
    assert quoted("a/b?c#d%2Fe é;~-._") == "a%2Fb%3Fc%23d%252Fe%20%C3%A9%3B~-._"
    assert quoted("a/b", safe="/") == "a/b"
    assert quoted("\u00e9") != quoted("e\u0301")


@pytest.mark.parametrize("name", [".", ".."])
def test_segments_that_clients_follow_are_refused(name: str) -> None:
    """They do so even when they are encoded."""
    with pytest.raises(ValueError, match="part of a URL"):
        quoted(name)
    with pytest.raises(ValueError, match="part of a URL"):
        quoted(f"a/{name}/b", safe="/")
    assert quoted(f"a/{name}/b") == f"a%2F{name}%2Fb"


@pytest.mark.parametrize(
    "name", ["a%2Fb", "..%2f..", "%2e%2e", "é", "a b+c", "...", "x;y=1", "'!()*"]
)
def test_what_is_quoted_arrives_as_it_was(
    storage: PlainStorage, server: ScriptedServer, name: str
) -> None:
    """Neither requests nor urllib3 change what the name is."""
    from urllib.parse import unquote

    server.script(Reply())
    storage._ask("GET", f"{server.url}/top/{quoted(name)}/content")
    _, top, arrived, content = server.last.path.split("/")
    assert (top, unquote(arrived), content) == ("top", name, "content")


def test_a_query_is_appended() -> None:
    """What is None is left out."""
    assert with_query("http://h/x", {"a": "b c&", "n": None}) == "http://h/x?a=b%20c%26"
    assert with_query("http://h/x?y", {"a": 1}) == "http://h/x?y&a=1"
    assert with_query("http://h/x", {}) == "http://h/x"


def test_credentials_are_taken_out_of_a_url() -> None:
    """They may be percent-encoded there."""
    assert split_credentials("http://u%40x:p%3Aw@h:1/p") == ("http://h:1/p", ("u@x", "p:w"))
    assert split_credentials("http://h:1/p") == ("http://h:1/p", None)
    assert origin("http://u:p@h:1/secret?signature") == "http://h:1"


@pytest.mark.parametrize(
    "value",
    ["ftp://u:pw@h", "h:80", "http://", "http://u:pw@h?x", "http://u:pw@h:x", "http://u:pw@[h"],
)
def test_an_address_that_is_none_is_refused(value: str) -> None:
    """And its password is not shown."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are not all ours
        web_address(value)
    assert "pw" not in str(caught.value)


# --------------------------------------------------------------------------- options


def test_each_backend_has_settings_of_its_own() -> None:
    """The options are declared once; a subclass names the settings."""
    assert options_of(PlainStorage)["read_timeout"].settings == ("PLAIN_READ_TIMEOUT",)
    assert options_of(HTTPStorage)["read_timeout"].settings == ()
    storage = PlainStorage()
    with override_settings(PLAIN_READ_TIMEOUT=3, PLAIN_HEADERS={"X-A": "b"}):
        assert storage.read_timeout == 3
        assert storage.headers == {"X-A": "b"}
    assert storage.read_timeout == 60
    with pytest.raises(OptionError, match="PlainStorage: option 'read_timeout'"):
        PlainStorage(read_timeout=0)


def test_making_one_imports_no_requests() -> None:
    """Nor does importing the layer."""
    code = (
        "import sys, django; from django.conf import settings; settings.configure();"
        "import storages.http; storages.http.HTTPStorage();"
        "assert not {'requests', 'urllib3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -------------------------------------------------------------------------- requests


def test_what_is_sent(server: ScriptedServer) -> None:
    """Bytes as they are stored, the headers of the options, those of the request over them."""
    server.script(Reply())
    with PlainStorage(headers={"X-One": "1", "X-Two": "1"}) as storage:
        storage._ask("GET", server.url, headers={"X-Two": "2"})
    sent = server.last.headers
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"].startswith("django-storages/")
    assert (sent["x-one"], sent["x-two"]) == ("1", "2")


def test_netrc_and_proxies_of_the_environment_do_not_count(
    storage: PlainStorage,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    """A password that somebody keeps for a host is not for the storage to send."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    server.script(Reply())
    storage._ask("GET", server.url)
    assert "authorization" not in server.last.headers


def test_a_proxy_is_used_where_it_is_named(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the option; by the environment only if that is to count. Its password is never shown."""
    proxy = f"http://user:hunter2@{HOST}:{server.port}"
    server.script(Reply(body=b"1"), Reply(body=b"2"))
    with PlainStorage(proxies={"http": proxy}) as storage:
        storage._ask("GET", "http://elsewhere.invalid/x")
    assert server.last.path == "http://elsewhere.invalid/x"
    assert server.last.headers["proxy-authorization"] == basic("user", "hunter2")["Authorization"]
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with PlainStorage(trust_environment=True) as storage:
        assert storage._ask("GET", "http://elsewhere.invalid/y").content == b"2"
    dead = f"http://user:hunter2@{HOST}:{free_port()}"
    with PlainStorage(proxies={"http": dead}) as storage, pytest.raises(Unavailable) as caught:
        storage._ask("GET", "http://elsewhere.invalid/x")
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_content_is_sent_with_its_length(storage: PlainStorage, server: ScriptedServer) -> None:
    """Also when there is none; an iterable of unknown length is sent in chunks."""
    server.script(*[Reply(201)] * 4)
    content = os.urandom(700_000)
    body = Body(source(content), hash="md5")
    storage._ask("PUT", server.url, body=body)
    assert server.last.headers["content-length"] == "700000"
    assert "transfer-encoding" not in server.last.headers
    assert server.last.body == content
    assert body.hexdigest == hashlib.md5(content).hexdigest()
    empty = Body(source(b""), hash="md5")
    storage._ask("PUT", server.url, body=empty)
    assert server.last.headers["content-length"] == "0"
    assert empty.digest == hashlib.md5(b"").digest()
    storage._ask("PUT", server.url, body=Body(source(content), 100, 50))
    assert server.last.body == content[100:150]
    storage._ask("PUT", server.url, body=iter([b"ab", b"", b"c"]))
    assert server.last.headers["transfer-encoding"] == "chunked"
    assert server.last.body == b"abc"


@pytest.mark.parametrize("pieces", [[], [10], [5_000_000], [300_000] * 12, [1_048_576, 1] * 3])
def test_a_digest_is_that_of_everything(pieces: list[int]) -> None:
    """However it is cut; it may be asked for twice, and leaves no thread behind."""
    before = threading.active_count()
    content = [os.urandom(size) for size in pieces]
    digest = Digest("sha256")
    for piece in content:
        digest.update(piece)
    expected = hashlib.sha256(b"".join(content)).hexdigest()
    assert [digest.hexdigest(), digest.hexdigest()] == [expected] * 2
    assert threading.active_count() == before
    with pytest.raises(ValueError, match="No hash"):
        Body(source(b"x")).hexdigest  # noqa: B018 - it raises


def test_forms_have_a_known_length(storage: PlainStorage, server: ScriptedServer) -> None:
    """The boundary is in the header; the content is between what it says."""
    server.script(Reply(), Reply())
    storage._ask("POST", server.url, body=Multipart(source(b"data"), filename='a"b.txt'))
    kind = server.last.headers["content-type"]
    (boundary,) = re.findall(r"multipart/form-data; boundary=(\w+)", kind)
    assert (
        server.last.body
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="a%22b.txt"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
            f"data\r\n--{boundary}--\r\n"
        ).encode()
    )
    storage._ask("PUT", server.url, body=Related({"size": 4}, source(b"data"), filename="content"))
    assert server.last.headers["content-type"].startswith("multipart/related; boundary=")
    assert b'{"size": 4}\r\n' in server.last.body
    assert b"Content-Length: 4\r\n\r\ndata\r\n" in server.last.body


def test_what_the_content_raises_is_not_the_stores(
    storage: PlainStorage, server: ScriptedServer
) -> None:
    """Content that ends early says so itself; nothing more is sent."""
    short = Source(io.BytesIO(b"x" * 10), 20)
    with pytest.raises(SourceChanged):
        storage._ask("PUT", server.url, body=short)
    assert isinstance(short.failure, SourceChanged)


def test_a_cookie_is_not_kept(storage: PlainStorage, server: ScriptedServer) -> None:
    """Nothing but the options decides what is sent."""
    server.script(Reply(headers={"Set-Cookie": "a=b; Path=/"}), Reply())
    for _ in range(2):
        storage._ask("GET", server.url)
    assert "cookie" not in server.last.headers


def test_connections_are_kept(storage: PlainStorage, server: ScriptedServer) -> None:
    """Also after an error whose body has been read, and across threads one by one."""
    server.script(*[Reply(404, body=b"no")] * 6)

    def ask() -> None:
        with pytest.raises(NotFound):
            storage._ask("GET", server.url)

    for _ in range(3):
        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert server.connections == 1
    storage.close()
    server.script(Reply())
    storage._ask("GET", server.url)
    assert server.connections == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_connects_by_itself(storage: PlainStorage, server: ScriptedServer) -> None:
    """And the parent's connection still works."""
    server.script(*[Reply()] * 3)
    storage._ask("GET", server.url)
    child = os.fork()
    if child == 0:
        try:
            storage._ask("GET", server.url)
            storage.close()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    storage._ask("GET", server.url)
    assert server.connections == 2


def test_it_can_be_copied_and_pickled(storage: PlainStorage, server: ScriptedServer) -> None:
    """Without its connections."""
    server.script(*[Reply()] * 3)
    storage._ask("GET", server.url)
    for other in (pickle.loads(pickle.dumps(storage)), copy.deepcopy(storage)):
        with other:
            other._ask("GET", server.url)
    assert server.connections == 3


# ---------------------------------------------------------------------- authorization


def test_a_401_is_answered_once_with_new_credentials(
    storage: PlainStorage, server: ScriptedServer
) -> None:
    """The body is sent again, from its start."""
    storage.token, storage.tokens = "old-token", iter(["new-token"])
    server.script(Reply(401), Reply(201))
    storage._ask("PUT", server.url, body=source(b"content"))
    assert [r.headers["authorization"] for r in server.requests] == [
        "Bearer old-token",
        "Bearer new-token",
    ]
    assert [r.body for r in server.requests] == [b"content", b"content"]


def test_a_second_401_is_told(storage: PlainStorage, server: ScriptedServer) -> None:
    """Not a third request; no token in what is told, whoever says it."""
    storage.token, storage.tokens = "old-token", iter(["new-token", "third"])
    said = b'{"message": "Bearer new-token is not good"}'
    server.script(Reply(401, body=said), Reply(401, body=said))
    with pytest.raises(PermissionDenied, match=r"401 Scripted: \*\*\* is not good") as caught:
        storage._ask("GET", server.url)
    assert len(server.requests) == 2
    assert "new-token" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.hint


def test_asking_for_a_token_is_not_authorized(
    storage: PlainStorage, server: ScriptedServer
) -> None:
    """Otherwise it would ask for itself."""
    storage.token = "old-token"
    server.script(Reply(401))
    with pytest.raises(PermissionDenied):
        storage._ask("POST", server.url, authorize=False)
    assert "authorization" not in server.last.headers
    assert len(server.requests) == 1
