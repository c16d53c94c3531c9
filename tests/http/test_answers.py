"""Answers over HTTP: how long they are waited for, what they tell, and where they break off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from storages.errors import AlreadyExists, Corrupt, Timeout, Unavailable
from storages.http import Answer
from storages.retry import deadline
from tests.http.plain import PlainStorage, source
from tests.servers.http import Reply, ScriptedServer
from tests.servers.process import HOST

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
