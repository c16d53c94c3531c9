"""Tahoe-LAFS: shares that are damaged or gone, what is refused, servers that are down."""

from __future__ import annotations

import io
import random
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest
from django.core.files.base import File

from storages.backends.tahoe import TahoeStorage
from storages.backends.tahoe.reading import PROBLEM
from storages.errors import Corrupt, PermissionDenied, Timeout, Unavailable
from storages.retry import deadline
from tests.backends import tahoe_directory
from tests.backends.tahoe_gateway import patient, read, save
from tests.servers.tahoe import Grid, Tahoe, TahoeNode

MiB = 1024 * 1024
# In the file of a share, before the first block: the container's header and the table of offsets.
HEADER = 12 + 0x24


class FullTahoe(Tahoe):
    """A node whose disk has no room for shares."""

    reserved: ClassVar[str] = "1000T"


server = tahoe_directory.server
cap = tahoe_directory.cap


@pytest.fixture
def storage(server: Tahoe, cap: str) -> Iterator[TahoeStorage]:
    """A storage of that directory, which does not wait long."""
    with patient(server, cap) as storage:
        yield storage


@pytest.fixture(scope="module")
def mortal() -> Iterator[Tahoe]:
    """A gateway that no other module uses."""
    with Tahoe() as server:
        yield server


@pytest.fixture
def own(mortal: Tahoe) -> Tahoe:
    """A gateway that may be killed and frozen."""
    mortal.start()
    return mortal


@pytest.fixture(scope="module")
def grid() -> Iterator[Grid]:
    """Three storage servers, of which two are enough."""
    with Grid() as grid:
        yield grid


def new_share(server: TahoeNode, before: set[Path]) -> Path:
    """The largest share that was not there before."""
    return max(set(server.shares) - before, key=lambda path: path.stat().st_size)


def damage(path: Path, offset: int) -> None:
    """Flip a bit of the content that the share holds."""
    with path.open("r+b") as file:
        file.seek(HEADER + offset)
        (byte,) = file.read(1)
        file.seek(HEADER + offset)
        file.write(bytes([byte ^ 1]))


def drain(read: Callable[[], bytes], got: bytearray) -> NoReturn:
    """Collect what is read, until reading fails; an end is not what is expected."""
    while block := read():
        got += block
    raise AssertionError("it came to an end")


# -------------------------------------------------------------- damaged shares


def test_a_share_damaged_in_the_middle(server: Tahoe, cap: str) -> None:
    """The gateway's words in the body are never read as the file's bytes: an error comes."""
    storage = patient(server, cap, read_timeout=1.0)
    before = set(server.shares)
    content = random.Random(1).randbytes(3 * MiB + 100)
    name = save(storage, "damaged.bin", content)
    damage(new_share(server, before), 2 * MiB + 1000)
    got = bytearray()
    with storage.open(name) as file, pytest.raises(Unavailable, match="SharesError") as caught:
        drain(lambda: file.read(100_000), got)
    assert "storage servers" in caught.value.hint
    assert content.startswith(bytes(got))
    assert MiB < len(got) <= 2 * MiB
    # What is not damaged can still be read.
    with storage.open(name) as file:
        file.seek(1000)
        assert file.read(1000) == content[1000:2000]
    storage.close()


@pytest.mark.parametrize("last", [1, 10, 23, 24, 25, 1000])
def test_a_share_damaged_at_its_end(server: Tahoe, cap: str, last: int) -> None:
    """Words that replace the file's last bytes, so that none is missing, are found out."""
    storage = patient(server, cap, read_timeout=1.0)
    before = set(server.shares)
    content = random.Random(last).randbytes(MiB + last)
    name = save(storage, "damaged.bin", content)
    damage(new_share(server, before), MiB)
    with pytest.raises((Corrupt, Unavailable)):
        read(storage, name)
    storage.close()


def test_content_that_looks_like_the_words(storage: TahoeStorage) -> None:
    """A file may hold, and end in, what the gateway says of damaged ones."""
    for content in (
        PROBLEM,
        PROBLEM * 4000,
        b"x" * MiB + PROBLEM,
        b"x" * MiB + PROBLEM[:5],
        b"x" * (MiB - 10) + PROBLEM + b"x" * MiB,
        b"x" * 200_000 + b"p",
    ):
        name = save(storage, "words.txt", content)
        assert read(storage, name) == content
        with storage.open(name) as file:
            assert b"".join(iter(lambda file=file: file.read(7001), b"")) == content  # type: ignore[misc]


def test_a_lost_share(server: Tahoe, cap: str, storage: TahoeStorage) -> None:
    """A file whose shares are gone is there, and cannot be read: an error that says so."""
    before = set(server.shares)
    name = save(storage, "lost.bin", b"x" * 1000)
    new_share(server, before).unlink()
    assert storage.exists(name)
    assert storage.size(name) == 1000
    with pytest.raises(Unavailable, match="NoSharesError"):
        storage.open(name)


def test_the_gateway_has_what_the_tests_rely_on(server: Tahoe, cap: str) -> None:
    """Trap: a failure in the middle of a body is told in that body, of which the status is 200."""
    before = set(server.shares)
    content = random.Random(7).randbytes(2 * MiB)
    server.request("PUT", server.path(cap, "a.bin"), content)
    damage(new_share(server, before), MiB + 5)
    with urllib.request.urlopen(server.url + server.path(cap, "a.bin"), timeout=60) as answer:
        assert answer.status == 200
        got = b"".join(iter(lambda: answer.read1(64 * 1024), b""))
    assert got == content[:MiB] + PROBLEM


# ------------------------------------------------------------------- refusals


def test_a_read_only_capability(server: Tahoe, cap: str, storage: TahoeStorage) -> None:
    """With it files are read; everything else is denied, with the reason."""
    name = save(storage, "d/a.txt")
    read_only = patient(server, server.describe(cap)[1]["ro_uri"])
    assert read(read_only, name) == read(storage, name)
    assert read_only.listdir("d") == ([], ["a.txt"])
    attempts: list[Callable[[], Any]] = [
        lambda: save(read_only, "a.txt"),
        lambda: save(read_only, "d/b.txt"),
        lambda: save(read_only, "new/b.txt"),
        lambda: read_only.delete(name),
        lambda: read_only.copy(name, "c.txt"),
        lambda: read_only.move(name, "c.txt"),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied, match="NotWriteableError") as caught:
            attempt()
        assert "URI:DIR2:" in caught.value.hint
        shown = "".join(traceback.format_exception(caught.value))
        assert read_only.tahoe_base_cap.split(":")[2] not in shown
    assert storage.listdir("") == (["d"], [])
    assert storage.listdir("d") == ([], ["a.txt"])
    read_only.close()


def test_a_directory_that_is_not_there(server: Tahoe) -> None:
    """A capability of another grid gives errors, never "does not exist", and nothing is shown."""
    cap = "URI:DIR2:mwkjyoegf6sinz4cpskrkcqqie:cnjvw4zg3hmvhl64brpbbhzhxtzn6ot7tahh6gbpadpnrvrkmmaa"
    storage = patient(server, cap)
    attempts: list[Callable[[], Any]] = [
        lambda: storage.exists(""),
        lambda: storage.exists("a.txt"),
        lambda: storage.open("a.txt"),
        lambda: storage.listdir(""),
        lambda: save(storage, "a.txt"),
        lambda: save(storage, "d/a.txt"),
        lambda: storage.delete("a.txt"),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable, match="UnrecoverableFileError") as caught:
            attempt()
        assert "mwkjyoegf6sinz4cpskrkcqqie" not in "".join(traceback.format_exception(caught.value))
    storage.close()


def test_a_full_grid() -> None:
    """Where no storage server has room the file is not there, and what was there is."""
    with FullTahoe() as server:
        cap = server.new_directory()
        with patient(server, cap) as storage:
            name = save(storage, "small.txt", b"in its capability")
            with pytest.raises(Unavailable, match="UploadUnhappinessError"):
                save(storage, "large.bin", b"x" * 1000)
            with pytest.raises(Unavailable), storage.open(name, "wb") as file:
                file.write(b"x" * 1000)
            assert storage.listdir("") == ([], ["small.txt"])
            assert read(storage, name) == b"in its capability"


# ---------------------------------------------------------------- servers down


def test_a_storage_server_is_down(grid: Grid) -> None:
    """With one of three storage servers down everything works; what was saved is there after."""
    with patient(grid, grid.new_directory()) as storage:
        first = save(storage, "d/first.bin", b"1" * 10_000)
        with grid.without(grid.others[0]):
            assert read(storage, first) == b"1" * 10_000
            second = save(storage, "new/second.bin", b"2" * 10_000)
        assert read(storage, first) == b"1" * 10_000
        assert read(storage, second) == b"2" * 10_000


def test_too_many_storage_servers_are_down(grid: Grid) -> None:
    """With two of three down every operation raises; when they are back all is as it was."""
    with patient(grid, grid.new_directory()) as storage:
        name = save(storage, "d/first.bin", b"1" * 10_000)
        attempts: list[Callable[[], Any]] = [
            lambda: storage.exists(name),
            lambda: storage.exists("missing.txt"),
            lambda: storage.open(name),
            lambda: storage.listdir("d"),
            lambda: save(storage, "d/second.bin"),
            lambda: save(storage, "new/second.bin"),
            lambda: storage.delete(name),
        ]
        with grid.without(*grid.others):
            for attempt in attempts:
                with pytest.raises(Unavailable) as caught:
                    attempt()
                assert "storage servers" in caught.value.hint
        assert storage.listdir("") == (["d"], [])
        assert read(storage, name) == b"1" * 10_000
        assert save(storage, "new/second.bin") == "new/second.bin"


def test_the_gateway_is_killed_between_calls(own: Tahoe) -> None:
    """F05, F06: while it is down there is an error at once; afterwards the same storage works."""
    with patient(own, own.new_directory()) as storage:
        name = save(storage, "d/a.bin", b"1" * 10_000)
        own.kill()
        started = time.monotonic()
        for attempt in (storage.exists, storage.open, storage.delete):
            with pytest.raises(Unavailable):
                attempt(name)
        assert time.monotonic() - started < 10
        own.start()
        assert read(storage, name) == b"1" * 10_000
        own.restart()
        assert save(storage, "d/b.bin") == "d/b.bin"


def test_the_gateway_is_killed_in_an_upload(own: Tahoe) -> None:
    """F19: nothing of the upload is there afterwards; what is replaced is there, whole."""
    with patient(own, own.new_directory()) as storage:
        old = save(storage, "d/old.bin", b"old" * 10_000)

        class Killing(io.BytesIO):
            """Kills the gateway when half of it has been read."""

            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell() > 10 * MiB and own.process is not None:
                    own.kill()
                return super().read(size)

        with pytest.raises(Unavailable):
            storage.save("d/new.bin", File(Killing(bytes(20 * MiB))))
        assert own.process is None
        own.start()
        storage.overwrites = True
        with pytest.raises(Unavailable):
            storage.save(old, File(Killing(bytes(20 * MiB))))
        assert own.process is None
        own.start()
        assert storage.listdir("d") == ([], ["old.bin"])
        assert read(storage, old) == b"old" * 10_000


def test_the_gateway_hangs(own: Tahoe) -> None:
    """A gateway that answers nothing costs the timeout, or the deadline, and raises Timeout."""
    with patient(own, own.new_directory(), read_timeout=0.5) as storage:
        name = save(storage, "a.bin")
        own.pause()
        try:
            started = time.monotonic()
            with pytest.raises(Timeout):
                storage.exists(name)
            with deadline(0.2), pytest.raises(Timeout):
                storage.open(name)
            assert time.monotonic() - started < 10
        finally:
            own.resume()
        assert storage.exists(name)
