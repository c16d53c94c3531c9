"""The async twins: the same answers, without blocking the event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.aio import AsyncTwins
from storages.base import BaseStorage, Stat
from storages.errors import NotFound
from storages.testing.memory import MemoryStorage

TWINS = [n for n, m in vars(AsyncTwins).items() if inspect.iscoroutinefunction(m) and n[0] == "a"]


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Iterator[MemoryStorage]:
    """A storage of the test's own."""
    memory = MemoryStorage(place=request.node.nodeid, base_url="/m/")
    yield memory
    memory.clear()


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_takes_what_its_method_takes(name: str) -> None:
    """Same parameters, same defaults."""
    twin = inspect.signature(getattr(AsyncTwins, name)).parameters
    method = inspect.signature(getattr(BaseStorage, name[1:])).parameters
    assert [(p.name, p.kind, p.default) for p in twin.values()] == [
        (p.name, p.kind, p.default) for p in method.values()
    ]


def test_the_twins_do_what_the_methods_do(storage: MemoryStorage) -> None:
    """A file's life, asynchronously."""

    async def live() -> None:
        name = await storage.asave("a/b.txt", ContentFile(b"0123456789"))
        assert await storage.aexists(name)
        assert await storage.asize(name) == (await storage.astat(name)).size == 10
        assert await storage.aurl(name) == "/m/a/b.txt"
        assert await storage.alistdir() == (["a"], [])
        assert [entry.name for entry in await storage.ascandir("a")] == ["b.txt"]
        modified = await storage.aget_modified_time(name)
        assert modified == await storage.aget_created_time(name)
        with pytest.raises(NotImplementedError):
            await storage.aget_accessed_time(name)
        async with await storage.aopen(name) as file:
            assert await file.aread(3) == b"012"
            assert [chunk async for chunk in file.achunks(4)] == [b"0123", b"4567", b"89"]
        async with await storage.aopen("new", "wb") as file:
            await file.awrite(b"new")
        await storage.acopy("new", "copy")
        await storage.amove("copy", "moved")
        await storage.adelete("new")
        await storage.adelete_many(["moved", name])
        with pytest.raises(NotFound):
            await storage.aopen(name)

    asyncio.run(live())


def test_an_exception_in_an_async_with_publishes_nothing(storage: MemoryStorage) -> None:
    """As without async."""

    async def fail() -> None:
        async with await storage.aopen("half", "wb") as file:
            await file.awrite(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(fail())
    assert not storage.exists("half")


class Watched(MemoryStorage):
    """A storage that notes its threads; with ``meeting``, each waits there for the others."""

    threads: set[int] = set()  # noqa: RUF012 - of the class, on purpose
    meeting: threading.Barrier | None = None

    def _stat(self, key: str) -> Stat:
        self.threads.add(threading.get_ident())
        if self.meeting is not None:
            self.meeting.wait(30)
        return super()._stat(key)


@pytest.mark.parametrize("sensitive", [False, True])
def test_operations_run_side_by_side_unless_they_belong_to_one_thread(
    *, sensitive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's database connections are a thread's own; other stores need not wait."""
    storage = Watched(place="watched")
    monkeypatch.setattr(storage, "thread_sensitive", sensitive)
    storage.save("x", ContentFile(b""))
    Watched.threads.clear()
    monkeypatch.setattr(Watched, "meeting", None if sensitive else threading.Barrier(5))

    async def many() -> list[Any]:
        return await asyncio.gather(*(storage.asize("x") for _ in range(5)))

    assert asyncio.run(many()) == [0] * 5
    assert len(Watched.threads) == (1 if sensitive else 5)
    storage.clear()
