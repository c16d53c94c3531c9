"""Reading over HTTP: ranges, resuming, checks. Through a storage, on a real TCP server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

import pytest

from storages.errors import Changed, Corrupt, NotFound, StorageError, Timeout, Unavailable
from storages.retry import deadline
from tests.http.pages import CONTENT, PageStorage, ranged
from tests.servers.http import Reply, Request, ScriptedServer

MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that knows ranges."""
    with ScriptedServer(handler=ranged) as running:
        yield running


@pytest.fixture
def storage(server: ScriptedServer) -> Iterator[PageStorage]:
    """A storage for it."""
    with PageStorage() as made:
        made.base = server.url
        yield made


def test_reading_is_one_request(storage: PageStorage, server: ScriptedServer) -> None:
    """Without a range, which some servers answer without a checksum."""
    with storage.open("a") as file:
        assert file.size == len(CONTENT)
        assert file.read() == CONTENT
    assert len(server.requests) == 1
    assert "range" not in server.last.headers


def test_a_seek_asks_for_a_range_of_that_version(
    storage: PageStorage, server: ScriptedServer
) -> None:
    """And moves little more than what is wanted."""
    with storage.open("a") as file:
        file.seek(900_000)
        assert file.read(10) == CONTENT[900_000:900_010]
    assert server.last.headers["range"] == "bytes=900000-"
    assert server.last.headers["if-match"] == '"one"'


def test_a_server_without_ranges_sends_all(storage: PageStorage, server: ScriptedServer) -> None:
    """What comes before the offset is passed over."""
    server.handler = lambda _: Reply(200, {"ETag": '"one"'}, CONTENT)
    with storage.open("a") as file:
        file.seek(900_000)
        assert file.read(10) == CONTENT[900_000:900_010]
        file.seek(5)
        assert file.read(10) == CONTENT[5:15]


BREAKS: list[Callable[[bytes], Reply]] = [
    lambda body: Reply(200, {"ETag": '"one"'}, body, cut=400_000),
    lambda body: Reply(200, {"ETag": '"one"'}, body, cut=400_000, fin=True),
    lambda body: Reply(200, {"ETag": '"one"'}, body, cut=0),
    lambda body: Reply(200, {"ETag": '"one"'}, body, cut=len(body) - 1),
    lambda body: Reply(200, {"ETag": '"one"'}, body[:400_000], length=len(body), close=True),
    lambda body: Reply(200, {"ETag": '"one"'}, body, stall_at=400_000, stall=20),
]


@pytest.mark.parametrize(
    "broken", BREAKS, ids=["reset", "closed", "at once", "last byte", "short", "stalled"]
)
def test_a_download_that_breaks_off_goes_on(
    storage: PageStorage, server: ScriptedServer, broken: Callable[[bytes], Reply]
) -> None:
    """From where it stood, in that version."""
    vars(storage)["read_timeout"] = 0.5
    server.script(broken(CONTENT))
    with storage.open("a") as file:
        assert file.read() == CONTENT
    assert server.faults == 1
    assert len(server.requests) == 2
    assert server.last.headers["if-match"] == '"one"'


@pytest.mark.parametrize("known", [True, False], ids=["412", "another ETag"])
def test_another_version_is_never_spliced_in(
    storage: PageStorage, server: ScriptedServer, *, known: bool
) -> None:
    """Whether the server knows If-Match, or sends the new version whole or in part."""

    def changed(request: Request) -> Reply:
        if not known:
            request.headers.pop("if-match", None)
        return ranged(request, b"x" * len(CONTENT), "two")

    server.script(Reply(200, {"ETag": '"one"'}, CONTENT, cut=400_000))
    server.handler = changed
    with storage.open("a") as file, pytest.raises(Changed):
        file.read()
    assert server.faults == 1


def test_a_file_that_got_shorter_has_changed(storage: PageStorage, server: ScriptedServer) -> None:
    """The server says that the offset is beyond its end."""
    with storage.open("a") as file:
        server.handler = lambda _: Reply(416, {"Content-Range": "bytes */3"})
        file.seek(900_000)
        with pytest.raises(Changed):
            file.read(1)


def test_a_file_that_was_deleted(storage: PageStorage, server: ScriptedServer) -> None:
    """Is not there."""
    with storage.open("a") as file:
        server.handler = lambda _: Reply(404)
        file.seek(900_000)
        with pytest.raises(NotFound):
            file.read(1)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(206, {"ETag": '"one"'}, b"x"), Corrupt),
        (Reply(206, {"ETag": '"one"', "Content-Range": "bytes 900001-9/10"}, b"x"), Corrupt),
        (Reply(206, {"ETag": '"one"', "Content-Range": "?"}, b"x"), Corrupt),
        (Reply(200, {"ETag": '"one"'}, b"x", chunked=True), StorageError),
    ],
    ids=["no Content-Range", "later", "nonsense", "no length"],
)
def test_a_part_that_is_not_what_was_asked_for(
    storage: PageStorage, server: ScriptedServer, reply: Reply, kind: type[StorageError]
) -> None:
    """Is refused; one that begins too early is cut."""
    with storage.open("a") as file:
        server.script(reply)
        file.seek(900_000)
        with pytest.raises(StorageError) as caught:
            file.read(1)
        assert type(caught.value) is kind


def test_a_part_that_begins_early(storage: PageStorage, server: ScriptedServer) -> None:
    """Is cut, whether or not the server tells the whole length."""
    size = len(CONTENT)
    for total in (str(size), "*"):
        part = f"bytes 890000-{size - 1}/{total}"
        with storage.open("a") as file:
            server.script(Reply(206, {"ETag": '"one"', "Content-Range": part}, CONTENT[890_000:]))
            file.seek(900_000)
            assert file.read(10) == CONTENT[900_000:900_010]


def test_a_length_that_is_known_otherwise(storage: PageStorage, server: ScriptedServer) -> None:
    """A body in chunks can be read then; what is announced must agree with it."""
    storage.size = len(CONTENT)
    server.script(Reply(200, {"ETag": '"one"'}, CONTENT, chunked=True))
    with storage.open("a") as file:
        assert file.read() == CONTENT
    server.script(Reply(200, {"ETag": '"one"'}, CONTENT[1:]))
    with pytest.raises(Corrupt, match="announces"):
        storage.open("a")
    asked = []

    def ask() -> int:
        asked.append(1)
        return len(CONTENT)

    storage.size = ask
    for chunked in (False, True):
        server.script(Reply(200, {"ETag": '"one"'}, CONTENT, chunked=chunked))
        with storage.open("a") as file:
            assert file.read() == CONTENT
    assert asked == [1]


def test_what_was_read_is_compared(storage: PageStorage, server: ScriptedServer) -> None:
    """With the checksum, at the end: before the last bytes are handed out."""
    good = {"ETag": '"one"', "X-Checksum": f"md5:{MD5}"}
    server.script(Reply(200, good, CONTENT), Reply(200, good, b"\0" + CONTENT[1:-1] + b"\0"))
    with storage.open("a") as file:
        assert file.read() == CONTENT
    asked = len(server.requests)
    with storage.open("a") as file:
        for _ in range(3):  # who reads on gets no byte of it either
            with pytest.raises(Corrupt, match="md5"):
                file.read()
    assert len(server.requests) == asked + 1
    server.script(Reply(200, {"X-Checksum": "md5:00"}))
    with storage.open("empty") as file:
        assert file.read() == b""


def test_a_connection_is_kept_when_little_is_left(
    storage: PageStorage, server: ScriptedServer
) -> None:
    """Else it is closed: reading on would cost more."""
    small = bytes(60_000)
    server.handler = lambda request: ranged(request, small)
    for _ in range(3):
        with storage.open("a") as file:
            assert file.read(10) == small[:10]
    assert server.connections == 1
    server.handler = ranged
    for _ in range(2):
        with storage.open("a") as file:
            assert file.read(10) == CONTENT[:10]
    assert server.connections == 2


def test_a_deadline_bounds_a_trickle(storage: PageStorage, server: ScriptedServer) -> None:
    """A byte now and then is no progress, whatever read_timeout says."""
    server.handler = lambda _: Reply(200, {"ETag": '"one"'}, bytes(1000), slow=0.05)
    began = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout), storage.open("a") as file:
        file.read()
    assert time.monotonic() - began < 10
    assert server.faults >= 1


def test_a_deadline_bounds_headers_that_trickle(
    storage: PageStorage, server: ScriptedServer
) -> None:
    """So it does before the body, where http.client reads lines until they end."""
    server.handler = lambda _: Reply(200, {"ETag": '"one"', "X-Long": 200 * "x"}, slow_head=0.05)
    began = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout):
        storage.open("a")
    assert time.monotonic() - began < 10
    assert server.faults >= 1


def test_a_deadline_that_is_over_bounds_nothing_more(
    storage: PageStorage, server: ScriptedServer
) -> None:
    """What was opened within one is read with the usual patience after it."""
    server.script(Reply(200, {"ETag": '"one"'}, CONTENT, stall_at=200_000, stall=4.0))
    with deadline(3.0):
        file = storage.open("a")
        assert file.read(10) == CONTENT[:10]
    with file:
        assert file.read() == CONTENT[10:]
    assert (len(server.requests), server.faults) == (1, 1)


def test_what_came_before_a_stall_is_not_asked_for_again(server: ScriptedServer) -> None:
    """However large the pieces are in which it is read."""
    reply = Reply(200, {"ETag": '"one"'}, CONTENT, stall_at=300_000, stall=60)
    server.script(reply)
    with PageStorage(read_timeout=2.0) as storage:
        storage.base = server.url
        with storage.open("a") as file:
            assert file.read() == CONTENT
    assert [request.range for request in server.requests] == [0, 300_000]
    assert server.faults == 1


def test_a_body_that_goes_on_is_cut(storage: PageStorage, server: ScriptedServer) -> None:
    """What comes after the announced length belongs to no file, the next one least of all."""
    server.script(Reply(200, {"ETag": '"one"'}, CONTENT, length=1000))
    with storage.open("a") as file:
        assert file.read() == CONTENT[:1000]
    with storage.open("b") as file:
        assert file.read() == CONTENT
    assert server.faults == 1


def test_what_never_comes_is_given_up(storage: PageStorage, server: ScriptedServer) -> None:
    """After one more try for the block."""
    server.handler = lambda _: Reply(200, {"ETag": '"one"'}, CONTENT, cut=10)
    with storage.open("a") as file, pytest.raises(Unavailable):
        file.read()
    assert 2 <= len(server.requests) <= 8


def test_a_refused_answer_is_tried_again(storage: PageStorage, server: ScriptedServer) -> None:
    """503 is, as often as the policy says; 404 is not."""
    server.script(Reply(503), Reply(503, {"Retry-After": "0"}))
    with storage.open("a") as file:
        assert file.read(1) == CONTENT[:1]
    assert len(server.requests) == 3
    server.script(Reply(404))
    with pytest.raises(NotFound):
        storage.open("b")
    assert len(server.requests) == 4
