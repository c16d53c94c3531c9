"""What goes wrong over HTTP is one of our errors, which tells why, and no secret."""

from __future__ import annotations

import io
import logging
import pickle
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    OptionError,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.http import status_of
from storages.http.answers import words
from storages.http.incoming import Incoming
from storages.retry import deadline
from storages.staging import Source
from tests.http.plain import PlainStorage, source
from tests.servers.http import Reply, ScriptedServer
from tests.servers.process import HOST, free_port

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


def _ends(error: BaseException) -> bool:
    """Whether who follows what it came of comes to an end."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return link is None


def test_the_deadline_passes_before_the_answer_is_waited_for(
    server: ScriptedServer, storage: PlainStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What urllib3 made of our error is no more than its cause, and does not come of it."""
    wait = Incoming.readinto

    def late(incoming: Incoming, buffer: bytearray) -> int | None:
        time.sleep(0.4)
        return wait(incoming, buffer)

    monkeypatch.setattr(Incoming, "readinto", late)
    with deadline(0.3), pytest.raises(Timeout, match="deadline has passed") as caught:
        storage._ask("GET", f"{server.url}/x")
    assert _ends(caught.value)


def test_content_on_another_storage_fails(server: ScriptedServer, storage: PlainStorage) -> None:
    """Its error is told as it was, with its own cause."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise Unavailable("No disk.") from OSError("it was unplugged")

    with pytest.raises(Unavailable, match="No disk") as caught:
        storage._ask("PUT", f"{server.url}/x", body=Source(Broken(b"content"), 7))
    assert repr(caught.value.__cause__) == "OSError('it was unplugged')"
    assert _ends(caught.value)


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
