"""Tahoe-LAFS: shares that are damaged or gone, servers that are down, savers that meet."""

from __future__ import annotations

import io
import os
import pickle
import random
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from unittest import mock

import pytest
from django.core.files.base import ContentFile, File

from storages.backends.tahoe import TahoeStorage
from storages.backends.tahoe.reading import PROBLEM
from storages.errors import (
    Corrupt,
    DirectoryNotEmpty,
    NotFound,
    PermissionDenied,
    Timeout,
    Unavailable,
)
from storages.retry import Retry, deadline
from storages.testing.processes import run_processes
from storages.testing.threads import run_threads
from tests.backends.tahoe_gateway import Between
from tests.servers import shared
from tests.servers.http import Reply, Request
from tests.servers.tahoe import Grid, Tahoe, TahoeNode

MiB = 1024 * 1024
# In the file of a share, before the first block: the container's header and the table of offsets.
HEADER = 12 + 0x24


class FullTahoe(Tahoe):
    """A node whose disk has no room for shares."""

    reserved: ClassVar[str] = "1000T"


@pytest.fixture
def server() -> Tahoe:
    """The gateway."""
    return shared(Tahoe)


@pytest.fixture
def cap(server: Tahoe) -> str:
    """A directory."""
    return server.new_directory()


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


def patient(server: Tahoe, cap: str, **options: Any) -> TahoeStorage:
    """A storage that tries again at once."""
    storage = TahoeStorage(server.url, cap, **options)
    storage.retry = Retry(attempts=3, backoff=0.01)
    return storage


def save(storage: TahoeStorage, name: str, content: bytes = b"content" * 100) -> str:
    """Save a file."""
    return storage.save(name, ContentFile(content))


def read(storage: TahoeStorage, name: str) -> bytes:
    """Read a file."""
    with storage.open(name) as file:
        return bytes(file.read())


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


# ---------------------------------------------------------------- savers that meet


def _save_some(gate: Any, storage: Any, number: int) -> list[str]:
    gate.wait(60)
    return [
        save(storage, f"new/deep/{file}/{number}-{file}.txt", f"{number} {file}".encode() * 20)
        for file in range(3)
    ]


def test_processes_in_a_missing_directory(cap: str, storage: TahoeStorage) -> None:
    """Of the files that many processes save into directories that are not there, none is lost."""
    arguments = [(pickle.loads(pickle.dumps(storage)), number) for number in range(8)]
    saved = run_processes("fork", _save_some, arguments)
    names = [name for some in saved for name in some]
    assert len(set(names)) == 24
    for file in range(3):
        listed = storage.listdir(f"new/deep/{file}")[1]
        assert sorted(listed) == sorted(f"{number}-{file}.txt" for number in range(8))
    for name in names:
        number, file = name.rpartition("/")[2].removesuffix(".txt").split("-")
        assert read(storage, name) == f"{number} {file}".encode() * 20


def test_processes_with_one_name_in_a_missing_directory(storage: TahoeStorage) -> None:
    """Of eight that save one name into a directory that is not there, each has its own file."""
    arguments = [(pickle.loads(pickle.dumps(storage)), number) for number in range(8)]
    names = run_processes("fork", _save_one_name, arguments)
    assert sorted(names) == sorted(["new/a.txt", *(f"new/a_{n}.txt" for n in range(1, 8))])
    assert sorted(read(storage, name) for name in names) == [b"%d" % n for n in range(8)]


def _save_one_name(gate: Any, storage: Any, number: int) -> str:
    gate.wait(60)
    return save(storage, "new/a.txt", b"%d" % number)


def test_threads_in_a_missing_directory(server: Tahoe, cap: str) -> None:
    """The same for threads with a storage each; the directory is made once."""
    with Between(server) as between:
        storages = [between.storage() for _ in range(8)]
        saves = [
            lambda storage=storage, n=n: save(storage, f"new/deep/{n}.txt")
            for n, storage in enumerate(storages)
        ]
        assert sorted(map(str, run_threads(*saves))) == [f"new/deep/{n}.txt" for n in range(8)]
        assert sorted(storages[0].listdir("new/deep")[1]) == [f"{n}.txt" for n in range(8)]
        assert between.asked().count("POST mkdir") == 2
        for storage in storages:
            storage.close()


def test_saved_into_while_it_is_deleted(server: Tahoe) -> None:
    """A file saved into a directory between the look into it and its deletion is put back."""
    between = Between(server)
    with between, between.storage() as storage, patient(server, between.cap) as other:
        name = save(storage, "d/a.txt", b"1" * 100)
        storage.delete(name)

        def fault(request: Request) -> Reply | None:
            if request.method == "DELETE":
                save(other, "d/late.txt", b"late" * 100)
            return None

        between.fault = fault
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("d")
        assert read(other, "d/late.txt") == b"late" * 100
        assert other.listdir("") == (["d"], [])


def test_made_anew_while_it_is_deleted(server: Tahoe) -> None:
    """When the directory has been made anew meanwhile, both files end up in the new one."""
    between = Between(server)
    with between, between.storage() as storage, patient(server, between.cap) as other:
        save(storage, "d/a.txt")
        storage.delete("d/a.txt")

        def fault(request: Request) -> Reply | None:
            if request.method != "DELETE":
                return None
            save(other, "d/late.txt", b"late" * 100)
            reply = between.forward(request)
            other._directories.forget("d")
            save(other, "d/anew.txt", b"anew" * 100)
            return reply

        between.fault = fault
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("d")
        assert sorted(other.listdir("d")[1]) == ["anew.txt", "late.txt"]
        assert read(other, "d/late.txt") == b"late" * 100


def test_made_anew_with_the_same_name_while_it_is_deleted(
    server: Tahoe, caplog: pytest.LogCaptureFixture
) -> None:
    """A file whose name is taken in the new directory gets another, and does not stop the rest."""
    between = Between(server)
    with between, between.storage() as storage, patient(server, between.cap) as other:
        save(storage, "d/a.txt")
        storage.delete("d/a.txt")
        late = {f"d/{name}.txt": name.encode() * 100 for name in "abc"}

        def fault(request: Request) -> Reply | None:
            if request.method != "DELETE" or between.faults:
                return None
            between.faults += 1
            for name, content in late.items():
                save(other, name, content)
            save(other, "d/deep/e.txt", b"late" * 100)
            reply = between.forward(request)
            other._directories.forget("d")
            save(other, "d/a.txt", b"anew" * 100)
            save(other, "d/deep/f.txt", b"anew" * 100)
            return reply

        between.fault = fault
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("d")
        assert between.faults == 1
        assert sorted(other.listdir("d")[1]) == ["a.txt", "a_1.txt", "b.txt", "c.txt"]
        assert read(other, "d/a.txt") == b"anew" * 100
        assert read(other, "d/a_1.txt") == late["d/a.txt"]
        assert read(other, "d/b.txt") == late["d/b.txt"]
        assert sorted(other.listdir("d/deep")[1]) == ["e.txt", "f.txt"]
        assert "'d/a_1.txt' now" in caplog.text


def test_a_file_became_a_directory_while_it_is_deleted(server: Tahoe) -> None:
    """What somebody has saved below its name is put back; the file itself is gone."""
    between = Between(server)
    with between, between.storage() as storage, patient(server, between.cap) as other:
        save(storage, "d", b"file" * 100)

        def fault(request: Request) -> Reply | None:
            if request.method == "DELETE" and not between.faults:
                between.faults += 1
                other.delete("d")
                save(other, "d/a.txt", b"a" * 100)
            return None

        between.fault = fault
        storage.delete("d")
        assert between.faults == 1
        assert read(other, "d/a.txt") == b"a" * 100


def test_a_directory_became_a_file_while_it_is_deleted(server: Tahoe) -> None:
    """The file that somebody has saved in its place is put back."""
    between = Between(server)
    with between, between.storage() as storage, patient(server, between.cap) as other:
        save(storage, "d/a.txt")
        storage.delete("d/a.txt")

        def fault(request: Request) -> Reply | None:
            if request.method == "DELETE" and not between.faults:
                between.faults += 1
                other.delete("d")
                save(other, "d", b"file" * 100)
            return None

        between.fault = fault
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("d")
        assert between.faults == 1
        assert read(other, "d") == b"file" * 100


def test_saving_and_deleting_the_directory(server: Tahoe, cap: str) -> None:
    """A save beside attempts to delete its directory: the file is there, each time."""
    with patient(server, cap) as storage:
        for _ in range(15):
            save(storage, "d/first.txt")
            storage.delete("d/first.txt")

            def delete() -> bool:
                try:
                    storage.delete("d")
                except DirectoryNotEmpty:
                    return False
                return True

            saved, _ = run_threads(lambda: save(storage, "d/a.txt", b"x" * 100), delete)
            assert saved == "d/a.txt"
            assert read(storage, "d/a.txt") == b"x" * 100
            storage.delete("d/a.txt")


def test_waiting_for_one_that_makes_directories_is_bounded(storage: TahoeStorage) -> None:
    """A thread that waits for another one's turn obeys its deadline, and the timeout."""
    with storage._directories.lock:
        for bound in (deadline(0.2), mock.patch.object(storage, "read_timeout", 0.2)):
            started = time.monotonic()
            with bound, pytest.raises(Timeout):
                save(storage, "new/a.txt")
            assert time.monotonic() - started < 10
    assert save(storage, "new/a.txt") == "new/a.txt"


def test_a_child_of_a_fork_makes_directories(storage: TahoeStorage) -> None:
    """A lock that a thread of the parent held at the fork does not hold up the child."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with storage._directories.lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        child = os.fork()
        if not child:
            try:
                with deadline(30):
                    save(storage, "new/a.txt")
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        done.set()
        thread.join()
    assert storage.listdir("new") == ([], ["a.txt"])


def test_a_directory_that_others_have_deleted(
    server: Tahoe, cap: str, storage: TahoeStorage
) -> None:
    """A directory that was known and has gone is made again by what is saved into it."""
    save(storage, "d/a.txt")
    server.request("DELETE", server.path(cap, "d"))
    with pytest.raises(NotFound):
        storage.listdir("d")
    assert save(storage, "d/b.txt") == "d/b.txt"
    assert storage.listdir("d") == ([], ["b.txt"])


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
