"""How many requests each operation costs a gateway, counted on the wire."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.tahoe import TahoeStorage
from storages.errors import (
    Changed,
    DirectoryNotEmpty,
    NotADirectory,
    NotFound,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.retry import Retry
from tests.backends.tahoe_gateway import Between
from tests.servers import shared
from tests.servers.http import Reply, Request
from tests.servers.tahoe import Tahoe

MiB = 1024 * 1024


@pytest.fixture
def between() -> Iterator[Between]:
    """What counts."""
    with Between(shared(Tahoe)) as between:
        yield between


@pytest.fixture
def storage(between: Between) -> Iterator[TahoeStorage]:
    """A storage of a new directory, in which there is d/a.txt."""
    with between.storage() as storage:
        storage.retry = Retry(attempts=3, backoff=0.01)
        storage.save("d/a.txt", ContentFile(b"content" * 100))
        between.asked()
        yield storage


def read(storage: TahoeStorage, name: str = "d/a.txt") -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


def rewrite(storage: TahoeStorage, name: str, data: bytes) -> None:
    """Replace a file."""
    with storage.open(name, "wb") as file:
        file.write(data)


COSTS: dict[str, tuple[Callable[[TahoeStorage], Any], list[str]]] = {
    "save": (lambda s: s.save("d/b.txt", ContentFile(b"x" * 100)), ["PUT"]),
    "save in the base": (lambda s: s.save("b.txt", ContentFile(b"x")), ["PUT"]),
    "save, taken": (
        lambda s: s.save("d/a.txt", ContentFile(b"x")),
        ["PUT", "GET json", "PUT"],
    ),
    "save in a new directory": (
        lambda s: s.save("d/e/b.txt", ContentFile(b"x")),
        ["GET uri", "POST mkdir", "PUT"],
    ),
    "save two directories deep": (
        lambda s: s.save("x/y/b.txt", ContentFile(b"x")),
        ["GET uri", "GET uri", "POST mkdir", "POST mkdir", "PUT"],
    ),
    "replace": (lambda s: rewrite(s, "d/a.txt", b"other"), ["PUT"]),
    "open and read": (read, ["GET"]),
    "exists": (lambda s: s.exists("d/a.txt"), ["GET json"]),
    "exists, missing": (lambda s: s.exists("d/no.txt"), ["GET json"]),
    "exists, directory": (lambda s: s.exists("d"), ["GET json"]),
    "size": (lambda s: s.size("d/a.txt"), ["GET json"]),
    "time": (lambda s: s.get_modified_time("d/a.txt"), ["GET json"]),
    "url": (lambda s: s.url("d/a.txt"), ["GET json"]),
    "listdir": (lambda s: s.listdir("d"), ["GET json"]),
    "delete": (lambda s: s.delete("d/a.txt"), ["GET json", "DELETE"]),
    "delete, missing": (lambda s: s.delete("d/no.txt"), ["GET json"]),
    "copy": (lambda s: s.copy("d/a.txt", "d/b.txt"), ["GET json", "PUT uri"]),
    "move": (lambda s: s.move("d/a.txt", "d/b.txt"), ["GET json", "PUT uri", "DELETE"]),
}


@pytest.mark.parametrize("operation", COSTS)
def test_cost(storage: TahoeStorage, between: Between, operation: str) -> None:
    """An operation costs so many requests, as the documentation's table says."""
    call, expected = COSTS[operation]
    call(storage)
    assert between.asked() == expected


def test_a_part_costs_a_part(storage: TahoeStorage, between: Between) -> None:
    """Ten bytes at the end of a file cost one more request, for these ten."""
    content = bytes(range(256)) * 4 * 1024
    storage.save("large.bin", ContentFile(content))
    between.asked()
    with storage.open("large.bin") as file:
        file.seek(-10, 2)
        assert file.read() == content[-10:]
    ranges = [request.headers.get("range") for request in between.requests]
    assert ranges == [None, f"bytes={len(content) - 10}-"]


def test_exists_does_not_read_a_long_listing(storage: TahoeStorage, between: Between) -> None:
    """Whether a directory is there is known from the first bytes that come of its listing."""
    told: dict[str, Any] = {"ro_uri": "URI:LIT:pa", "metadata": {"x": "y" * 50}}
    children = {f"{number}": ["filenode", told] for number in range(100_000)}
    listing = json.dumps(["dirnode", {"children": children}]).encode()
    # A little of it, and then nothing for a minute.
    between.fault = lambda _: Reply(200, {}, listing, stall=60, stall_at=1000)
    assert storage.exists("many")
    with pytest.raises(DirectoryNotEmpty):
        storage.delete("many")
    assert between.asked() == ["GET json", "GET json"]


# ------------------------------------------------------------------ lost answers


def lose(between: Between, method: str, times: int = 1, kind: str = "") -> Callable[[], int]:
    """Do what is asked by ``method`` and reset the connection; return how often that happened."""
    lost = 0

    def fault(request: Request) -> Reply | None:
        nonlocal lost
        if request.method != method or kind not in request.path or lost == times:
            return None
        lost += 1
        between.forward(request)
        return Reply(200, {}, b"lost", cut=0)

    between.fault = fault
    return lambda: lost


def test_the_answer_to_a_save_is_lost(storage: TahoeStorage, between: Between) -> None:
    """F07: the file is there once, under the name that was asked for."""
    lost = lose(between, "PUT")
    assert storage.save("d/b.txt", ContentFile(b"x" * 100)) == "d/b.txt"
    assert lost() == 1
    assert sorted(storage.listdir("d")[1]) == ["a.txt", "b.txt"]
    assert read(storage, "d/b.txt") == b"x" * 100


def test_the_answer_to_making_a_directory_is_lost(storage: TahoeStorage, between: Between) -> None:
    """The directory that was made is used."""
    lost = lose(between, "POST")
    assert storage.save("new/b.txt", ContentFile(b"x" * 100)) == "new/b.txt"
    assert lost() == 1
    assert read(storage, "new/b.txt") == b"x" * 100


@pytest.mark.parametrize("times", [1, 2])
def test_the_answer_to_deleting_is_lost(
    storage: TahoeStorage, between: Between, times: int
) -> None:
    """What is gone needs no deleting."""
    lost = lose(between, "DELETE", times)
    storage.delete("d/a.txt")
    assert lost() == 1
    assert not storage.exists("d/a.txt")


def test_the_answer_to_copying_is_lost(storage: TahoeStorage, between: Between) -> None:
    """The link that was made is the copy."""
    lost = lose(between, "PUT", kind="t=uri")
    assert storage.copy("d/a.txt", "d/b.txt") == "d/b.txt"
    assert lost() == 1
    assert read(storage, "d/b.txt") == read(storage)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_answer_to_moving_is_lost(storage: TahoeStorage, between: Between, method: str) -> None:
    """The file is under its new name, and under that only."""
    content = read(storage)
    lost = lose(between, method)
    assert storage.move("d/a.txt", "d/b.txt") == "d/b.txt"
    assert lost() == 1
    assert storage.listdir("d") == ([], ["b.txt"])
    assert read(storage, "d/b.txt") == content


def test_a_move_that_cannot_unlink(storage: TahoeStorage, between: Between) -> None:
    """A move whose end fails for good is an error, and loses nothing."""

    def fault(request: Request) -> Reply | None:
        return Reply(503, {}, b"busy") if request.method == "DELETE" else None

    between.fault = fault
    with pytest.raises(Unavailable):
        storage.move("d/a.txt", "d/b.txt")
    asked = between.asked()
    assert asked.count("DELETE") == 3
    assert asked.count("PUT uri") == 1
    assert read(storage, "d/a.txt") == read(storage, "d/b.txt")


def test_unlinked_while_the_gateway_looks_twice(storage: TahoeStorage, between: Between) -> None:
    """Its KeyError is a file that is not there: not a failure, to be tried again until it is."""
    failure = b"Traceback (most recent call last):\nbuiltins.KeyError: '\xc3\xa9.txt'\n"
    storage.save("d/e\u0301.txt", ContentFile(b"content"))

    def fault(request: Request) -> Reply | None:
        return Reply(500, {}, failure) if "t=json" in request.path else None

    between.asked()
    between.fault = fault
    with pytest.raises(NotFound):
        storage.move("d/e\u0301.txt", "d/b.txt")
    assert len(between.asked()) == 1
    with pytest.raises(Unavailable):
        storage.move("d/a.txt", "d/b.txt")


# ------------------------------------------------------------------ broken connections


@pytest.mark.parametrize("fin", [False, True], ids=["RST", "FIN"])
@pytest.mark.parametrize(("at", "times"), [(0.03, 3), (0.5, 3), (1.0, 1)])
def test_a_download_breaks_off(
    storage: TahoeStorage, between: Between, at: float, times: int, *, fin: bool
) -> None:
    """F01: it goes on from where it broke off, in the same version, as long as bytes come."""
    content = random.Random(1).randbytes(MiB)
    storage.save("large.bin", ContentFile(content))
    broken = 0

    def fault(request: Request) -> Reply | None:
        nonlocal broken
        reply = between.forward(request)
        if broken < times:
            broken += 1
            reply.cut, reply.fin = min(int(len(reply.body) * at), len(reply.body) - 1), fin
        return reply

    between.fault = fault
    assert read(storage, "large.bin") == content
    assert broken == between.faults == times


def test_a_download_that_never_comes(storage: TahoeStorage, between: Between) -> None:
    """F01: a stall costs the timeout each time, then there is an error."""
    storage.save("large.bin", ContentFile(bytes(MiB)))
    storage.read_timeout = 0.3

    def fault(request: Request) -> Reply | None:
        reply = between.forward(request)
        reply.stall, reply.stall_at = 30, 100_000 if "range" not in request.headers else 0
        return reply

    between.fault = fault
    begun = time.monotonic()
    with pytest.raises(Timeout):
        read(storage, "large.bin")
    assert time.monotonic() - begun < 15
    assert between.faults >= 2


@pytest.mark.parametrize("at", [0.03, 0.5, 1.0])
def test_an_upload_breaks_off(storage: TahoeStorage, between: Between, at: float) -> None:
    """F02: it is sent again; there is one file, whole."""
    content = random.Random(2).randbytes(MiB)
    between.script(Reply(reset_after=int(MiB * at)))
    assert storage.save("d/large.bin", ContentFile(content)) == "d/large.bin"
    assert between.faults == 1
    assert sorted(storage.listdir("d")[1]) == ["a.txt", "large.bin"]
    assert read(storage, "d/large.bin") == content


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_upload_never_succeeds(
    storage: TahoeStorage, between: Between, *, overwrite: bool
) -> None:
    """F03, F04: an error; nothing is left of it, and what was to be replaced is whole."""
    content = read(storage)
    name = "d/a.txt" if overwrite else "d/large.bin"
    between.script(*(Reply(reset_after=MiB // 2) for _ in range(3)))
    storage.overwrites = overwrite
    with pytest.raises(Unavailable):
        storage.save(name, ContentFile(bytes(MiB)))
    assert between.faults == 3
    assert storage.listdir("d") == ([], ["a.txt"])
    assert read(storage) == content


def test_another_file_comes_when_a_download_goes_on(
    storage: TahoeStorage, between: Between
) -> None:
    """F16: a file that was replaced meanwhile is not spliced to what has been read."""
    storage.save("large.bin", ContentFile(bytes(MiB)))

    def fault(request: Request) -> Reply | None:
        reply = between.forward(request)
        reply.cut = len(reply.body) // 2
        between.fault = None
        server = shared(Tahoe)
        server.request("PUT", server.path(between.cap, "large.bin"), b"y" * MiB)
        return reply

    between.fault = fault
    with storage.open("large.bin") as file, pytest.raises(Changed):
        file.read()
    assert between.faults == 1


# ------------------------------------------------------------------ strange answers


def test_a_404_of_another_server_is_no_missing_file(
    storage: TahoeStorage, between: Between
) -> None:
    """Only a gateway can tell that a file is not there: ``exists`` raises at any other's 404."""
    between.fault = lambda _: Reply(404, {}, b"<html><h1>Not Found</h1><hr>nginx</html>")
    attempts: list[Callable[[str], Any]] = [storage.exists, storage.delete, storage.open]
    for attempt in attempts:
        with pytest.raises(StorageError, match="TAHOE_STORAGE_BASE_URL") as caught:
            attempt("d/a.txt")
        assert not isinstance(caught.value, NotFound)


def test_errors_are_told_in_the_gateway_s_words(storage: TahoeStorage, between: Between) -> None:
    """Of a traceback the last line is quoted, without capabilities; a 500 is tried again."""
    text = "Traceback (most recent call last):\n" + "  File x\n" * 2000
    text += f"Failure: allmydata.Oops: about {between.cap}\n"
    between.fault = lambda _: Reply(500, {}, text.encode())
    with pytest.raises(Unavailable, match=r"allmydata\.Oops: about \*\*\*") as caught:
        storage.exists("d/a.txt")
    assert between.cap.split(":")[2] not in str(caught.value)
    assert "File x" not in str(caught.value)
    assert len(between.asked()) == 3


def test_a_listing_that_breaks_off(storage: TahoeStorage, between: Between) -> None:
    """A listing that ends early raises, however often it does; it is never a short one."""

    def fault(request: Request) -> Reply | None:
        reply = between.forward(request)
        return Reply(200, reply.headers, reply.body, cut=len(reply.body) // 2)

    between.fault = fault
    with pytest.raises(Unavailable):
        storage.listdir("d")
    assert between.faults == 3


def test_a_directory_became_a_file(storage: TahoeStorage, between: Between) -> None:
    """A directory that is known and was replaced by a file is noticed, and forgotten."""
    server, cap = shared(Tahoe), between.cap
    server.request("DELETE", server.path(cap, "d"))
    server.request("PUT", server.path(cap, "d"), b"a file")
    for _ in range(2):
        with pytest.raises(NotADirectory):
            storage.save("d/b.txt", ContentFile(b"x"))
    server.request("DELETE", server.path(cap, "d"))
    assert storage.save("d/b.txt", ContentFile(b"x")) == "d/b.txt"
    assert "POST mkdir" in between.asked()


def test_a_long_upload_is_waited_for(storage: TahoeStorage, between: Between) -> None:
    """The gateway answers when all is in its grid; the time for that grows with the file."""

    def fault(request: Request) -> Reply | None:
        reply = between.forward(request)
        if request.method == "PUT":
            reply.stall = 1.5
        return reply

    storage.read_timeout = 0.5
    storage.retry = Retry(attempts=1)
    between.fault = fault
    with pytest.raises(Unavailable):
        storage.save("d/short.bin", ContentFile(b"x"))
    assert storage.save("d/long.bin", ContentFile(b"x" * 300_000)) == "d/long.bin"
    assert between.faults == 2
