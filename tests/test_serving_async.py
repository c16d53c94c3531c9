"""Serving files under ASGI: in threads, block by block, and given back when the client goes."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient, AsyncRequestFactory, override_settings

from storages.errors import Changed, StorageError
from storages.serving.bodies import BLOCK, MOST
from storages.serving.places import Served
from storages.testing import recorded_operations
from storages.views import respond
from tests.serving_storages import Counted

LARGE = b"".join(n.to_bytes(4, "big") for n in range(500_000))
PATIENCE = 20
STUCK = 40


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public storages."""
    Counted.forget()
    Counted(place="counted").clear()
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        STORAGES={
            "default": {"BACKEND": "storages.testing.MemoryStorage"},
            "counted": {
                "BACKEND": "tests.serving_storages.Counted",
                "OPTIONS": {"place": "counted"},
            },
            "sensitive": {
                "BACKEND": "tests.serving_storages.Sensitive",
                "OPTIONS": {"place": "counted"},
            },
            "disk": {
                "BACKEND": "storages.local.LocalStorage",
                "OPTIONS": {"location": str(tmp_path)},
            },
        },
        STORAGES_SERVE={alias: {"access": "public"} for alias in ("counted", "sensitive", "disk")},
    ):
        yield
    gc.collect()
    assert Counted.opened == []


class Handler(ASGIHandler):
    """Django's, which leaves the file of a request's body open when an answer breaks off."""

    async def read_body(self, receive: Any) -> Any:
        """Read no body."""
        await receive()
        return io.BytesIO()


class Exchange:
    """A request to the application, and what it sends."""

    def __init__(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> None:
        parts = urlsplit(path)
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(n.lower().encode(), v.encode()) for n, v in (headers or {}).items()],
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.gone = asyncio.Event()
        self._asked = False
        #: Called with each message that is sent.
        self.on_send: Callable[[dict[str, Any]], Awaitable[None]] | None = None

    async def receive(self) -> dict[str, Any]:
        """Give the request, and then wait for the client to go."""
        if not self._asked:
            self._asked = True
            return {"type": "http.request"}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take what is sent."""
        if self.on_send is not None:
            await self.on_send(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {n.decode(): v.decode() for n, v in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)

    async def run(self) -> Exchange:
        """Let the application answer."""
        await Handler()(self.scope, self.receive, self.send)
        return self


def put(alias: str, content: bytes = LARGE) -> str:
    """Store a file; return its path."""
    storages[alias].delete("a.bin")
    storages[alias].save("a.bin", ContentFile(content))
    return f"/files/{alias}/a.bin"


@pytest.mark.parametrize("alias", ["counted", "sensitive", "disk"])
@pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_the_whole_file(alias: str, content: bytes) -> None:
    """One operation, and no warning of Django's that a stream was read at once."""
    path = put(alias, content)
    with recorded_operations() as found:
        exchange = asyncio.run(Exchange(path).run())
    assert [event.operation for event in found] == ["open_read"]
    assert (exchange.status, exchange.body, exchange.ended) == (200, content, True)
    assert exchange.headers["Content-Length"] == str(len(content))


class Wrapped:
    """A request of Django REST framework's."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


@pytest.mark.parametrize("alias", ["counted", "disk"])
def test_a_request_around_the_servers(alias: str) -> None:
    """Its answer is an async stream as well, which Django does not read at once."""
    put(alias)
    place = Served(alias, {"access": "public"})
    storage: Any = storages[alias]
    asked: Any = Wrapped(AsyncRequestFactory().get("/"))
    response: Any = respond(asked, storage, "a.bin", place)
    assert response.is_async
    response.close()


@pytest.mark.parametrize("alias", ["counted", "disk"])
def test_a_part(alias: str) -> None:
    """As under WSGI."""
    path = put(alias)
    exchange = asyncio.run(Exchange(path, {"Range": "bytes=900000-1899999"}).run())
    assert (exchange.status, exchange.body) == (206, LARGE[900_000:1_900_000])
    assert exchange.headers["Content-Range"] == "bytes 900000-1899999/2000000"


def test_head() -> None:
    """Nothing is read."""
    path = put("counted")
    Counted.forget()
    exchange = asyncio.run(Exchange(path, method="HEAD").run())
    assert (exchange.status, exchange.body) == (200, b"")
    assert exchange.headers["Content-Length"] == str(len(LARGE))
    assert Counted.threads == set()


def test_nothing_is_read_in_the_event_loop() -> None:
    """A store that is slow stops nobody else."""
    path = put("counted")
    Counted.forget()
    asyncio.run(Exchange(path).run())
    assert Counted.threads
    assert threading.get_ident() not in Counted.threads


def test_a_store_of_one_thread_is_read_in_it() -> None:
    """Django's database connections belong to the thread that opened the file."""
    path = put("sensitive")
    Counted.forget()
    asyncio.run(Exchange(path).run())
    assert len(Counted.threads) == 1


def test_a_slow_client_slows_the_reading() -> None:
    """No more is read than the client has taken, and some blocks after that."""
    path = put("counted", LARGE * 3)
    Counted.forget()
    ahead: list[int] = []

    async def main() -> Exchange:
        exchange = Exchange(path)

        async def taking(message: dict[str, Any]) -> None:
            await asyncio.sleep(0)
            ahead.append(sum(Counted.bytes_read) - len(exchange.body))

        exchange.on_send = taking
        return await exchange.run()

    assert asyncio.run(main()).body == LARGE * 3
    assert len(ahead) > 10
    assert max(ahead) <= (MOST + 1) * BLOCK


@asynccontextmanager
async def answering(exchange: Exchange) -> AsyncIterator[asyncio.Task[Exchange]]:
    """Let the application answer, until the first bytes of the body are there."""
    begun = asyncio.Event()
    going_on = asyncio.Event()

    async def wait(message: dict[str, Any]) -> None:
        if message.get("body"):
            begun.set()
            await going_on.wait()

    exchange.on_send = wait
    task = asyncio.create_task(exchange.run())
    await asyncio.wait_for(begun.wait(), PATIENCE)
    yield task
    going_on.set()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), PATIENCE)


async def closed() -> None:
    """Wait until every reader has been given back."""
    for _ in range(PATIENCE * 100):
        gc.collect()
        if not Counted.opened:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a reader was left open")


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not notice that clients go")
def test_a_client_that_goes_away() -> None:
    """While something is sent: the reader is given back, and no more is read."""
    path = put("counted")

    async def main() -> None:
        exchange = Exchange(path)
        async with answering(exchange) as task:
            assert len(Counted.opened) == 1
            exchange.gone.set()
            await asyncio.wait([task], timeout=PATIENCE)
            assert task.done()
            await closed()
        assert len(exchange.body) < len(LARGE)

    asyncio.run(main())


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not notice that clients go")
def test_a_client_that_goes_away_while_a_thread_reads() -> None:
    """The thread ends its block first; nothing is closed under its hands."""
    path = put("counted")
    storage: Any = storages["counted"]
    reading, may_go_on = threading.Event(), threading.Event()
    failures: list[BaseException] = []
    blocks = 0

    def stop() -> None:
        nonlocal blocks
        blocks += 1
        if blocks > 1:
            reading.set()
            assert may_go_on.wait(PATIENCE)

    storage.before_read = stop

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        exchange = Exchange(path)
        task = asyncio.create_task(exchange.run())
        assert await asyncio.to_thread(reading.wait, PATIENCE)
        exchange.gone.set()
        await asyncio.sleep(0.01)
        assert len(Counted.opened) == 1
        may_go_on.set()
        await asyncio.gather(task)
        await closed()

    asyncio.run(main())
    assert failures == []


def test_a_file_that_breaks_off_breaks_the_answer() -> None:
    """The application raises, so the server closes the connection; the body is not ended."""
    path = put("counted")
    storage: Any = storages["counted"]
    storage.breaks_after = 100_000

    async def main() -> Exchange:
        exchange = Exchange(path)
        async with answering(exchange) as task:
            await asyncio.to_thread(put, "counted", LARGE[::-1])
        with pytest.raises(StorageError) as caught:
            task.result()
        assert isinstance(caught.value, Changed)
        await closed()
        return exchange

    exchange = asyncio.run(main())
    assert exchange.status == 200
    assert not exchange.ended
    assert exchange.body == LARGE[: len(exchange.body)]


def test_a_store_that_is_stuck_stops_no_other() -> None:
    """More bodies than asyncio has threads for can wait for it."""
    path, other = put("counted"), put("disk")
    storage: Any = storages["counted"]
    may_go_on = threading.Event()
    begun: set[int] = set()
    waiting: set[int] = set()

    def wait() -> None:
        if threading.get_ident() not in begun:
            begun.add(threading.get_ident())
            return
        waiting.add(threading.get_ident())
        assert may_go_on.wait(PATIENCE)

    storage.before_read = wait

    async def main() -> None:
        stuck = [asyncio.create_task(Exchange(path).run()) for _ in range(STUCK)]
        for _ in range(PATIENCE * 100):
            if len(waiting) == STUCK:
                break
            await asyncio.sleep(0.01)
        assert len(waiting) == STUCK
        exchange = await asyncio.wait_for(Exchange(other).run(), PATIENCE)
        assert exchange.body == LARGE
        may_go_on.set()
        assert {each.body for each in await asyncio.gather(*stuck)} == {LARGE}

    asyncio.run(main())


def test_many_at_once() -> None:
    """Each gets its own bytes."""
    path = put("counted")

    async def main() -> list[Exchange]:
        wanted = [f"bytes={n * 1000}-{n * 1000 + 200_000}" for n in range(64)]
        return await asyncio.gather(*(Exchange(path, {"Range": each}).run() for each in wanted))

    for number, exchange in enumerate(asyncio.run(main())):
        assert exchange.status == 206
        assert exchange.body == LARGE[number * 1000 : number * 1000 + 200_001]


def test_djangos_async_client() -> None:
    """A project's own tests can read what is served."""
    path = put("counted")

    async def main() -> bytes:
        response: Any = await AsyncClient().get(path)
        content = b"".join([block async for block in response])
        await asyncio.to_thread(response.close)
        return content

    assert asyncio.run(main()) == LARGE
