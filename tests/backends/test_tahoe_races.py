"""Tahoe-LAFS: savers that meet, and directories that are made and deleted under them."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from storages.backends.tahoe import TahoeStorage
from storages.errors import DirectoryNotEmpty, NotFound, Timeout
from storages.retry import deadline
from storages.testing.processes import run_processes
from storages.testing.threads import run_threads
from tests.backends import tahoe_directory
from tests.backends.tahoe_gateway import Between, patient, read, save
from tests.servers.http import Reply, Request
from tests.servers.tahoe import Tahoe

server = tahoe_directory.server
cap = tahoe_directory.cap


@pytest.fixture
def storage(server: Tahoe, cap: str) -> Iterator[TahoeStorage]:
    """A storage of that directory, which does not wait long."""
    with patient(server, cap) as storage:
        yield storage


# ---------------------------------------------------------------- missing directories


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


# ---------------------------------------------------------------- deleted directories


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


@pytest.mark.parametrize("name", ["d/b.txt", "d/d", "d/e/d", "d/e/e"])
def test_a_directory_that_others_have_deleted(
    server: Tahoe, cap: str, storage: TahoeStorage, name: str
) -> None:
    """A directory that was known and has gone is made again by what is saved into it.

    A gateway takes a missing directory for the file that is put, where their names are equal.
    """
    directory, _, file = name.rpartition("/")
    save(storage, f"{directory}/a.txt")
    server.request("DELETE", server.path(cap, "d"))
    with pytest.raises(NotFound):
        storage.listdir(directory)
    assert save(storage, name) == name
    assert storage.listdir(directory) == ([], [file])


@pytest.mark.parametrize("name", ["e\u0301/b.txt", "e\u0301/e\u0301"])
def test_a_directory_deleted_under_another_spelling(storage: TahoeStorage, name: str) -> None:
    """Spellings that Unicode calls equal are one name: it is known to be gone, and made again."""
    for _ in range(2):
        save(storage, name)
        (directory,), _ = storage.listdir("")
        (file,) = storage.listdir(directory)[1]
        storage.delete(f"{directory}/{file}")
        storage.delete(directory)
