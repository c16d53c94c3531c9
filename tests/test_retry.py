"""Retries, deadlines and events, on a storage that fails as it is told to."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile

import storages
from storages import events, retry, saving
from storages.base import Entry, Reader, RemoteStorage, Stat
from storages.errors import AlreadyExists, Corrupt, NotFound, PermissionDenied, Timeout, Unavailable
from storages.retry import Retry, deadline
from storages.staging import Source
from storages.testing.memory import MemoryStorage


class Flaky(MemoryStorage):
    """A memory storage whose operations fail as planned: operation -> errors, one a call."""

    retry = Retry(attempts=3, backoff=0.001)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.plan: dict[str, list[Any]] = {}

    def fail(self, operation: str) -> None:
        """Raise the next planned error; None: succeed."""
        errors = self.plan.get(operation)
        if errors and (error := errors.pop(0)) is not None:
            raise error

    def _stat(self, key: str) -> Stat:
        self.fail("stat")
        return super()._stat(key)

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        self.fail("before write")
        super()._write(key, source, overwrite=overwrite)
        self.fail("after write")

    def _list(self, prefix: str) -> Iterator[Entry]:
        self.fail("list")
        for entry in super()._list(prefix):
            yield entry
            self.fail("entry")

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        self.fail("open_read")
        return Breaking(super()._open_read(key, offset=offset, version=version), self)


class Breaking:
    """A stream that breaks off as planned; ``"end"`` ends it early."""

    def __init__(self, reader: Reader, storage: Flaky) -> None:
        self.reader, self.storage, self.stat = reader, storage, reader.stat

    def readinto(self, buffer: memoryview, /) -> int:
        """Read at most 10 bytes, or fail."""
        errors = self.storage.plan.get("read")
        if errors and (error := errors.pop(0)) is not None:
            if error == "end":
                return 0
            raise error
        return self.reader.readinto(buffer[:10])

    def close(self) -> None:
        """Close the stream below."""
        self.reader.close()


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Iterator[Flaky]:
    """A storage of the test's own, with one file."""
    flaky = Flaky(place=request.node.nodeid)
    flaky.save("file", ContentFile(b"0123456789" * 10))
    yield flaky
    assert not any(flaky.plan.values()), "a planned fault did not fire"
    flaky.clear()


def test_an_unavailable_store_is_asked_again(storage: Flaky) -> None:
    """Two failures, then an answer."""
    storage.plan["stat"] = [Unavailable(), ConnectionResetError("reset")]
    assert storage.size("file") == 100


def test_the_last_attempt_raises_what_it_met(storage: Flaky) -> None:
    """After ``attempts`` the error is the caller's."""
    storage.plan["stat"] = [Unavailable(), Unavailable(), TimeoutError("slow")]
    with pytest.raises(Timeout, match="slow"):
        storage.exists("file")


@pytest.mark.parametrize("error", [PermissionDenied(), NotFound(), Corrupt()])
def test_an_answer_is_not_asked_for_again(storage: Flaky, error: Exception) -> None:
    """Only unavailability is tried again."""
    storage.plan["stat"] = [error]
    with pytest.raises(type(error)):
        storage.size("file")


def test_a_create_whose_answer_was_lost_makes_one_file(storage: Flaky) -> None:
    """The repeated create meets its own first attempt: same content, so that is the file."""
    storage.plan["after write"] = [Unavailable()]
    assert storage.save("new", ContentFile(b"mine")) == "new"
    assert storage.listdir()[1] == ["file", "new"]


def test_a_repeated_create_that_meets_anothers_file_takes_another_name(storage: Flaky) -> None:
    """Other content is not ours."""
    storage.plan["before write"] = [Unavailable()]
    name = storage.save("file", ContentFile(b"mine"))
    assert name != "file"
    with storage.open("file") as file:
        assert file.size == 100


def test_a_repeated_create_that_meets_an_old_file_of_that_content_takes_another_name(
    storage: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there before: shared, deleting one of the two would be deleting both."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=2)

    monkeypatch.setattr(saving, "datetime", Later)
    storage.plan["before write"] = [Unavailable()]
    assert storage.save("file", ContentFile(b"0123456789" * 10)) != "file"


def test_an_overwrite_is_repeated_from_the_start(storage: Flaky) -> None:
    """The source is read again."""
    storage.plan["after write"] = [Unavailable(), Unavailable()]
    with storage.open("file", "wb") as file:
        file.write(b"new" * 100_000)
    assert storage.size("file") == 300_000


def test_a_download_that_breaks_off_is_continued(storage: Flaky) -> None:
    """The right bytes, from where it stood; early ends likewise."""
    storage.plan["read"] = [None, Unavailable(), None, "end", None, ConnectionResetError()]
    with storage.open("file") as file:
        assert file.read() == b"0123456789" * 10


def test_a_file_that_always_ends_early_is_an_error(storage: Flaky) -> None:
    """Never fewer bytes than the store has promised."""
    storage.plan["read"] = [None, "end", "end"]
    with storage.open("file") as file, pytest.raises(Corrupt, match="ended after 10 of 100"):
        file.read()


def test_a_file_replaced_during_a_broken_download_is_an_error(storage: Flaky) -> None:
    """Continuing with another version would splice two files."""
    with storage.open("file") as file:
        assert file.read(0) == b""
        storage.plan["read"] = [None, Unavailable()]
        with storage.open("file", "wb") as other:
            other.write(b"x" * 100)
        with pytest.raises(OSError, match="changed or deleted"):
            file.read()


def test_the_callers_own_exception_is_raised_as_it_is(storage: Flaky) -> None:
    """Also a ConnectionError: it is not the store's, and nothing is tried again."""

    class Broken(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            if size:
                self.reads += 1
                raise ConnectionError("mine")
            return b""

    content = Broken(b"data")
    with pytest.raises(ConnectionError, match=r"^mine$"):
        storage.save("new", content)
    assert content.reads == 1
    assert not storage.exists("new")


def test_a_deadline_bounds_retries(storage: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause goes beyond it; past it nothing is asked."""
    monkeypatch.setattr(storage, "retry", Retry(attempts=1000, backoff=0.05, jitter=0))
    started = time.monotonic()
    storage.plan["stat"] = [Unavailable()] * 3
    with deadline(0.2), pytest.raises(Unavailable):
        storage.size("file")
    assert time.monotonic() - started < 5
    storage.plan.clear()
    with storages.deadline(0.0), pytest.raises(Timeout, match="deadline"):
        storage.size("file")


def test_cleaning_up_may_go_past_the_deadline() -> None:
    """At least a little, and never for long."""
    with deadline(0):
        with retry.grace(2.0, 5.0):
            assert 1.0 < retry.timeout(30) <= 2.0
        assert retry.remaining() == 0
    with deadline(4), retry.grace(2.0, 5.0):
        assert 3.0 < retry.timeout(30) <= 4.0
    with deadline(60), retry.grace(2.0, 5.0):
        assert 4.0 < retry.timeout(30) <= 5.0
    with retry.grace(2.0, 5.0):
        assert 4.0 < retry.timeout(30) <= 5.0
    assert retry.remaining() is None


def test_the_earliest_deadline_counts() -> None:
    """Nested deadlines shorten, never extend."""
    with deadline(1):
        with deadline(60):
            left = retry.remaining()
        assert left is not None
        assert left <= 1
        assert retry.timeout(60) <= 1
        assert retry.timeout(0.01) == 0.01
    assert retry.remaining() is None
    with deadline(0), pytest.raises(Timeout):
        retry.timeout(5)


def test_pauses_grow_up_to_a_limit_and_honour_retry_after() -> None:
    """Doubling, shortened by the jitter, at most ``longest``."""
    policy = Retry(attempts=10, backoff=1, longest=5, jitter=0)
    assert [policy.pause(n, Unavailable()) for n in (1, 2, 3, 4, 10)] == [1, 2, 4, 5, None]
    assert policy.pause(1, NotFound()) is None
    jittered = Retry(attempts=2, backoff=1, jitter=0.5).pause(1, Unavailable())
    assert jittered is not None
    assert 0.5 <= jittered <= 1
    busy = Unavailable()
    busy.retry_after = 3
    assert policy.pause(1, busy) == 3
    busy.retry_after = 3600
    assert policy.pause(1, busy) == 5


def test_each_attempt_is_told(storage: Flaky) -> None:
    """Operation, name, attempt and error of every call to the store."""
    told: list[events.Operation] = []

    def listen(event: events.Operation, **_: Any) -> None:
        told.append(event)

    events.operation.connect(listen, sender=Flaky)
    try:
        storage.plan["stat"] = [Unavailable()]
        storage.size("file")
    finally:
        events.operation.disconnect(listen, sender=Flaky)
    assert [(e.operation, e.name, e.attempt, type(e.error)) for e in told] == [
        ("stat", "file", 1, Unavailable),
        ("stat", "file", 2, type(None)),
    ]


def test_transfers_are_told_in_bytes(storage: Flaky) -> None:
    """What a progress bar shows: all bytes, each way."""
    moved = {"read": 0, "write": 0}

    def listen(direction: str, count: int, **_: Any) -> None:
        moved[direction] += count

    events.transferred.connect(listen, sender=Flaky)
    try:
        name = storage.save("big", ContentFile(b"x" * 1_000_000))
        with storage.open(name) as file:
            file.read()
    finally:
        events.transferred.disconnect(listen, sender=Flaky)
    assert moved == {"read": 1_000_000, "write": 1_000_000}


def test_a_store_that_always_says_taken_is_an_error() -> None:
    """No endless search for a name."""

    class Full(MemoryStorage):
        def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
            raise AlreadyExists

    with pytest.raises(AlreadyExists, match="100 names"):
        Full().save("x", ContentFile(b""))


def test_remote_storages_have_no_paths_whatever_the_name() -> None:
    """``path("")`` is how collectstatic tells; it comes before names are judged."""
    with pytest.raises(NotImplementedError, match="absolute paths"):
        RemoteStorage().path("../x")


def test_one_request_of_several_is_repeated_by_itself() -> None:
    """``repeat`` makes a request again as the policy says, and gives its result."""
    answers: Iterator[Exception | str] = iter([Unavailable(), Timeout(), "done"])
    asked: list[Any] = []

    def request() -> str:
        answer = next(answers)
        asked.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry.repeat(Retry(attempts=3, backoff=0.001), request) == "done"
    assert len(asked) == 3


def test_what_has_been_repeated_is_not_begun_anew() -> None:
    """An Unavailable that is final ends the attempts."""
    error = Unavailable()
    error.final = True
    assert Retry(attempts=3).pause(1, error) is None


@pytest.mark.parametrize(
    ("first", "is_done", "raised"),
    [
        (Unavailable(), True, None),
        (Unavailable(), False, AlreadyExists),
        (None, True, AlreadyExists),
    ],
)
def test_a_creation_that_meets_its_own_first_attempt_is_done(
    first: Exception | None, is_done: bool, raised: type[Exception] | None
) -> None:
    """Only an attempt after the first can, and only if what is there is what was to be created."""
    answers = iter([*filter(None, [first]), AlreadyExists()])
    expected = pytest.raises(raised) if raised else contextlib.nullcontext()

    def create() -> None:
        raise next(answers)

    with expected:
        retry.repeat_creation(Retry(backoff=0.001), create, lambda: is_done)
    assert next(answers, None) is None


def test_a_creation_that_never_succeeds_is_not_begun_anew() -> None:
    """As if for the first time: it would then take its own file for somebody else's."""

    def create() -> None:
        raise Unavailable

    with pytest.raises(Unavailable) as caught:
        retry.repeat_creation(Retry(attempts=2, backoff=0.001), create, lambda: False)
    assert caught.value.final


@pytest.mark.parametrize("operation", ["list", "entry"])
def test_a_listing_that_breaks_off(operation: str) -> None:
    """It is begun anew, as often as retry says, wherever it broke off; no name comes twice."""
    flaky = Flaky(place=operation)
    for name in ("d/a.txt", "d/b.txt", "d/c/x.txt"):
        flaky.save(name, ContentFile(b"x"))
    flaky.plan[operation] = [Unavailable()]
    directories, files = flaky.listdir("d")
    assert (directories, sorted(files)) == (["c"], ["a.txt", "b.txt"])
    assert not flaky.plan[operation]
    flaky.plan[operation] = [None, Unavailable()]
    (_, directories, files), (_, _, below) = flaky.walk("d")
    assert (directories, sorted(files), below) == (["c"], ["a.txt", "b.txt"], ["x.txt"])
    assert not flaky.plan[operation]
    flaky.plan[operation] = [Unavailable()] * 10
    with pytest.raises(Unavailable):
        flaky.listdir("d")
    assert len(flaky.plan[operation]) == 7


@pytest.mark.parametrize("operation", ["copy", "move"])
@pytest.mark.parametrize("foreign", [False, True])
def test_an_answer_to_copying_that_is_lost(operation: str, foreign: bool) -> None:
    """The repeated attempt meets its own copy, and takes only that for its own."""
    made: list[str] = []

    class Forgetful(MemoryStorage):
        retry = Retry(backoff=0.001)

        def _copy(self, key: str, target: str, *, overwrite: bool) -> None:
            if not made:
                content = b"somebody else's" if foreign else b"x"
                made.append(self.save(target, ContentFile(content)))
                raise Unavailable
            raise AlreadyExists

        _move = _copy

    storage = Forgetful(place=f"{operation} {foreign}")
    storage.save("a", ContentFile(b"x"))
    expected = pytest.raises(AlreadyExists) if foreign else contextlib.nullcontext()
    with expected:
        assert getattr(storage, operation)("a", "b") == "b"
    assert storage.exists("a") == (foreign or operation == "copy")
