"""What the storages that speak HTTP share: requests, answers, errors. Against a real TCP server."""

from __future__ import annotations

import copy
import hashlib
import io
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from django.test import override_settings

from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    OptionError,
    PermissionDenied,
    SourceChanged,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.http import (
    Answer,
    Body,
    HTTPStorage,
    Multipart,
    Related,
    basic,
    bearer,
    origin,
    quoted,
    split_credentials,
    status_of,
    web_address,
    with_query,
)
from storages.http.answers import words
from storages.http.digests import Digest
from storages.options import options_of
from storages.retry import deadline
from storages.staging import Source
from tests.servers.http import Reply, ScriptedServer
from tests.servers.process import HOST, free_port


class PlainStorage(HTTPStorage, settings_prefix="PLAIN"):
    """One that has a token, and gets a new one when the server does not like it."""

    extra = "couchdb"
    tokens: Iterator[str] = iter(())
    token = ""

    def _authorization(self) -> Mapping[str, str]:
        return bearer(self.token) if self.token else {}

    def _reauthorize(self) -> bool:
        self.token = next(self.tokens, "")
        return bool(self.token)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that does as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def storage() -> Iterator[PlainStorage]:
    """A storage whose connections are closed afterwards."""
    with PlainStorage() as made:
        yield made


def source(content: bytes) -> Source:
    """Content to be sent."""
    return Source(io.BytesIO(content), len(content))


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


# ----------------------------------------------------------------------------- errors

STATUSES = [
    (300, StorageError),
    (301, StorageError),
    (400, StorageError),
    (401, PermissionDenied),
    (403, PermissionDenied),
    (404, NotFound),
    (405, StorageError),
    (407, PermissionDenied),
    (408, Timeout),
    (409, AlreadyExists),
    (410, NotFound),
    (412, AlreadyExists),
    (413, TooLarge),
    (414, StorageError),
    (416, Changed),
    (422, Corrupt),
    (423, Unavailable),
    (429, Unavailable),
    (500, Unavailable),
    (501, StorageError),
    (502, Unavailable),
    (503, Unavailable),
    (504, Timeout),
    (507, StorageFull),
    (599, Unavailable),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_a_status_is_one_of_our_errors(
    storage: PlainStorage, server: ScriptedServer, status: int, kind: type[StorageError]
) -> None:
    """With the server's words, the status, and a cause; it pickles."""
    server.script(Reply(status, body=b'{"error": "short", "reason": "the words"}'))
    with pytest.raises(StorageError) as caught:
        storage._ask("PUT", server.url)
    assert type(caught.value) is kind
    assert caught.value.message == f"The server answered {status} Scripted: the words"
    assert status_of(caught.value) == status_of(pickle.loads(pickle.dumps(caught.value))) == status
    assert str(status) in str(caught.value.__cause__)


def test_a_status_may_be_expected(storage: PlainStorage, server: ScriptedServer) -> None:
    """Then it is an answer."""
    server.script(Reply(409, body=b"taken"))
    answer = storage._ask("PUT", server.url, accept=(409,))
    assert (answer.status, answer.text) == (409, "taken")


def test_a_failed_condition_is_changed_to_a_reader(
    storage: PlainStorage, server: ScriptedServer
) -> None:
    """To a writer it is a file that exists."""
    server.script(Reply(412))
    with pytest.raises(Changed):
        storage._ask("GET", server.url)


def test_a_redirect_is_not_followed(storage: PlainStorage, server: ScriptedServer) -> None:
    """Credentials and content go to nobody else; the hint says where it leads, and no more."""
    server.script(Reply(307, {"Location": "http://u:p@other:8080/path?signature"}))
    with pytest.raises(StorageError) as caught:
        storage._ask("PUT", server.url, body=source(b"x"))
    assert caught.value.hint.endswith("leads to http://other:8080.")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"plain\n words", "plain words"),
        (b"<html><title>x</title><body><h1>Not</h1>Found</body></html>", "Not Found"),
        (b'{"Message": "m"}', "m"),
        (b'{"other": 1}', '{"other": 1}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 1000, "x" * 300 + "…"),
    ],
)
def test_the_words_of_an_error(content: bytes, expected: str) -> None:
    """Out of JSON, HTML and text, and not too many."""
    assert words(content) == expected


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("in an hour", 3000, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    storage: PlainStorage, server: ScriptedServer, value: str, low: float, high: float
) -> None:
    """What is past is at once."""
    if value == "in an hour":
        later = datetime.now(timezone.utc) + timedelta(hours=1)
        value = format_datetime(later, usegmt=True)
    server.script(Reply(503, {"Retry-After": value}))
    with pytest.raises(Unavailable) as caught:
        storage._ask("GET", server.url)
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("value", ["", "soon", "-1", "²"])
def test_a_retry_after_that_says_nothing(
    storage: PlainStorage, server: ScriptedServer, value: str
) -> None:
    """Then the policy decides."""
    server.script(Reply(503, {"Retry-After": value}))
    with pytest.raises(Unavailable) as caught:
        storage._ask("GET", server.url)
    assert caught.value.retry_after is None


def test_secrets_are_shown_nowhere(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in errors, their causes or urllib3's log, though the server repeats them."""
    with PlainStorage(headers={"X-Key": "hunter2"}) as storage:
        server.script(Reply(400, body=b"hunter2 at http://user:pw@host/"))
        with caplog.at_level(logging.DEBUG), pytest.raises(StorageError) as caught:
            storage._ask("GET", f"{server.url}/uri/hunter2?x=hunter2")
    assert caught.value.message == "The server answered 400 Scripted: *** at http://***@host/"
    assert "/uri/***?x=***" in caplog.text
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"


def test_nobody_listens(storage: PlainStorage) -> None:
    """Unavailable, at once, with the place and the reason; the path may be a capability."""
    place = f"http://{HOST}:{free_port()}"
    with pytest.raises(Unavailable, match=f"^{place}: Connection refused$") as caught:
        storage._ask("GET", f"{place}/path")
    assert not isinstance(caught.value, Timeout)
    assert caught.value.__cause__ is not None


def test_there_is_no_such_host(storage: PlainStorage) -> None:
    """Unavailable too: names come back."""
    with pytest.raises(Unavailable, match=r"^http://no\.such\.host\.invalid: "):
        storage._ask("GET", "http://no.such.host.invalid/")


@pytest.mark.parametrize("url", ["nothing", "foo://x/", "http://[x/"])
def test_a_url_that_is_none(storage: PlainStorage, url: str) -> None:
    """The configuration is wrong: trying again would not help."""
    with pytest.raises(OptionError):
        storage._ask("GET", url)


def test_a_header_that_is_none(server: ScriptedServer) -> None:
    """A line break would begin another header."""
    with PlainStorage(headers={"X-A": "b\r\nX-C: d"}) as storage, pytest.raises(OptionError):
        storage._ask("GET", server.url)
    assert not server.requests


def test_certificates_that_are_not_there(storage: PlainStorage, tmp_path: Any) -> None:
    """The configuration is wrong."""
    with PlainStorage(verify=tmp_path / "missing.pem") as other, pytest.raises(OptionError):
        other._ask("GET", "https://127.0.0.1:1/")


def test_the_server_closes_without_an_answer(storage: PlainStorage, server: ScriptedServer) -> None:
    """Unavailable, of an upload and of a download."""
    server.script(Reply(reset_after=0), Reply(reset_after=100_000))
    with pytest.raises(Unavailable):
        storage._ask("GET", server.url)
    with pytest.raises(Unavailable):
        storage._ask("PUT", server.url, body=source(bytes(20_000_000)))
    assert server.faults == 2


def test_an_answer_may_come_before_the_content_has_been_sent(storage: PlainStorage) -> None:
    """A server that refuses an upload and hangs up is heard."""
    with socket.create_server((HOST, 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(
                    b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
                )
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(30)
                while connection.recv(1_000_000):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        with pytest.raises(TooLarge):
            storage._ask("PUT", url, body=source(bytes(5_000_000)))
        storage.close()
        thread.join()


# ---------------------------------------------------------------------------- patience


def test_a_server_that_does_not_answer(server: ScriptedServer) -> None:
    """Timeout after read_timeout, or at the deadline."""
    server.handler = lambda _: Reply(body=b"late", stall=30, stall_at=0)
    with PlainStorage(read_timeout=0.2) as storage:
        began = time.monotonic()
        with pytest.raises(Timeout):
            storage._ask("GET", server.url)
        assert time.monotonic() - began < 5
    with PlainStorage() as storage, deadline(0.2), pytest.raises(Timeout):
        storage._ask("GET", server.url)
    assert server.faults == 2


def test_a_deadline_that_has_passed(storage: PlainStorage, server: ScriptedServer) -> None:
    """Nothing is sent any more."""
    with deadline(0), pytest.raises(Timeout):
        storage._ask("GET", server.url)
    assert not server.requests


def test_a_server_that_does_not_take_the_content() -> None:
    """The body has read_timeout, not the few seconds that connecting may take, and the deadline."""
    with socket.create_server((HOST, 0)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        body = source(bytes(50_000_000))
        with PlainStorage(connect_timeout=30, read_timeout=0.3) as storage:
            began = time.monotonic()
            with pytest.raises(Timeout):
                storage._ask("PUT", url, body=body)
        with PlainStorage() as storage, deadline(0.3), pytest.raises(Timeout):
            storage._ask("PUT", url, body=body)
        assert time.monotonic() - began < 10


def test_a_server_that_takes_its_time_over_the_content() -> None:
    """What takes longer than connecting may is no failure."""
    with socket.create_server((HOST, 0)) as listener:

        def slowly() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                while file.readline() != b"\r\n":
                    pass
                time.sleep(1)  # five times as long as connecting may take
                left = 8_000_000
                while left:
                    left -= len(file.read(min(left, 1_000_000)))
                connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=slowly)
        thread.start()
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        with PlainStorage(connect_timeout=0.2) as storage:
            assert storage._ask("PUT", url, body=source(bytes(8_000_000))).status == 201
        thread.join()


# ----------------------------------------------------------------------------- answers


def test_what_an_answer_tells(storage: PlainStorage, server: ScriptedServer) -> None:
    """Names of headers in any case, the ETag without its quotes, the time aware."""
    moment = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.script(Reply(headers={"etag": 'W/"x"', "Last-Modified": moment}, body=b'{"a": 1}'))
    answer = storage._ask("GET", server.url)
    assert (answer.etag, answer.length, answer.json()) == ("x", 8, {"a": 1})
    assert answer.modified == datetime(2015, 10, 21, 7, 28, tzinfo=timezone.utc)


def test_what_an_answer_does_not_tell(storage: PlainStorage, server: ScriptedServer) -> None:
    """Is None; a body that is no JSON is damaged."""
    server.script(Reply(headers={"Last-Modified": "?"}, body=b"x" * 3000, chunked=True))
    answer = storage._ask("GET", server.url)
    assert (answer.etag, answer.length, answer.modified) == (None, None, None)
    assert answer.content == b"x" * 3000
    with pytest.raises(Corrupt, match="no JSON"):
        answer.json()


def test_an_answer_is_read_up_to_a_limit(storage: PlainStorage, server: ScriptedServer) -> None:
    """An answer that goes on for ever does not fill the memory."""
    server.script(Reply(body=bytes(5000)))
    with pytest.raises(Corrupt, match="longer than 4999"):
        storage._ask("GET", server.url, limit=4999)


def test_a_body_that_is_made_by_requests(storage: PlainStorage, server: ScriptedServer) -> None:
    """A request that is sent while another one's body is leaves that one its timeouts."""
    server.handler = lambda _: Reply(body=b"abc")

    def body() -> Iterator[bytes]:
        for _ in range(2):
            yield storage._ask("GET", server.url).content

    assert storage._ask("PUT", server.url, body=body()).content == b"abc"
    assert sorted(request.method for request in server.requests) == ["GET", "GET", "PUT"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=bytes(100), cut=50),
        Reply(body=bytes(100), cut=50, fin=True),
        Reply(body=bytes(100), length=200, close=True),
        Reply(body=bytes(5000), chunked=True, unfinished=True),
    ],
    ids=["reset", "closed", "announced longer", "chunks without an end"],
)
def test_a_body_that_breaks_off(
    storage: PlainStorage, server: ScriptedServer, reply: Reply
) -> None:
    """Unavailable: half an answer is none."""
    server.script(reply)
    with pytest.raises(Unavailable):
        storage._ask("GET", server.url)
    assert server.faults == 1


@pytest.mark.parametrize(
    "reply",
    [Reply(reset_after=0), Reply(body=bytes(100), cut=50)],
    ids=["instead of an answer", "in its body"],
)
def test_what_is_being_handled_is_not_what_failed(
    storage: PlainStorage, server: ScriptedServer, reply: Reply
) -> None:
    """Python makes it the context of the failure, which is told as itself all the same."""
    server.script(reply)
    try:
        raise AlreadyExists  # noqa: TRY301 - so that it is being handled
    except AlreadyExists:
        with pytest.raises(Unavailable):
            storage._ask("GET", server.url)


def test_the_hook_for_words_may_be_another(server: ScriptedServer) -> None:
    """A service whose errors have a form of their own."""

    class Peculiar(PlainStorage):
        statuses = {409: Unavailable}  # noqa: RUF012 - as a backend declares it

        def _reason(self, answer: Answer) -> str:
            return answer.text.upper()

    server.script(Reply(409, body=b"locked"))
    with Peculiar() as storage, pytest.raises(Unavailable, match="LOCKED"):
        storage._ask("PUT", server.url)
