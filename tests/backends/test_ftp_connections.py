"""FTP on real servers: how many connections there are, and whom they serve."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.core.files.base import ContentFile, File

from storages.backends.ftp import FTPStorage, tls
from storages.errors import StorageError
from storages.testing.processes import run_processes, save_after_gate
from storages.testing.threads import run_threads
from tests.backends.test_ftp_acceptance import MIB, PLAIN, made, read
from tests.servers import ftp, shared
from tests.servers.ftp_base import FTPServer


class Watch:
    """Counts the connections to a server while a block runs; ``most`` is the highest count."""

    def __init__(self, server: FTPServer) -> None:
        self.most = 0
        self._server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, self._server.connections())

    def __enter__(self) -> Watch:  # noqa: PYI034 - it is not derived from
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._done.set()
        self._thread.join()


def mixed(storage: FTPStorage, number: int) -> None:
    """Do 50 operations of every kind."""
    directory = f"d{number % 4}"  # each is another thread's too
    for turn in range(5):
        data = os.urandom(1000 * (turn + 1))
        name = storage.save(f"{directory}/file.bin", ContentFile(data))
        assert storage.exists(name)
        assert storage.size(name) == len(data)
        assert read(storage, name) == data
        copied = storage.copy(name, f"{directory}/{number}-{turn}.bin")
        storage.get_modified_time(copied)
        with storage.open(copied, "wb") as file:
            file.write(data[::-1])
        assert f"{number}-{turn}.bin" in storage.listdir(directory)[1]
        storage.delete(copied)
        assert not storage.exists(copied)


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.ProftpdTLS])
def test_eight_threads_have_eight_connections(kind: type[FTPServer]) -> None:
    """8 threads with 50 mixed operations each: no error, 8 connections, none after close()."""
    server = shared(kind)
    assert server.left() == 0
    with made(server) as storage, Watch(server) as watch:
        results = run_threads(*(lambda n=n: mixed(storage, n) for n in range(8)))
        assert results == [None] * 8
    assert 1 <= watch.most <= 8
    assert server.left() == 0


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.ProftpdTLS])
def test_sixteen_threads_saving_one_name_keep_every_file(kind: type[FTPServer]) -> None:
    """FTP has no create-only upload; the lock of the storage keeps the others out."""
    with made(shared(kind)) as storage:
        contents = [f"thread {n}".encode() for n in range(16)]
        saves = [lambda c=c: storage.save("d/one.txt", ContentFile(c)) for c in contents]
        names = run_threads(*saves)
        assert len(set(names)) == 16
        for name, content in zip(names, contents, strict=True):
            assert read(storage, name) == content
        assert len(storage.listdir("d")[1]) == 16


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.ProftpdTLS])
def test_eight_processes_saving_one_name_keep_every_file(kind: type[FTPServer]) -> None:
    """Likewise between processes, which see nothing of each other but the server."""
    with made(shared(kind)) as storage:
        contents = [f"process {n}".encode() for n in range(8)]
        arguments: list[tuple[Any, ...]] = [
            (pickle.dumps(storage), "d/one.txt", content) for content in contents
        ]
        names = run_processes("fork", save_after_gate, arguments)
        assert len(set(names)) == 8
        for name, content in zip(names, contents, strict=True):
            assert read(storage, name) == content


def use_in_child(storage: FTPStorage) -> None:
    """Save and read; the exit code tells whether that worked."""
    name = storage.save("child.txt", ContentFile(b"child"))
    assert read(storage, name) == b"child"
    storage.close()


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.VsftpdTLS])
def test_a_forked_child_has_a_connection_of_its_own(kind: type[FTPServer]) -> None:
    """Parent and child go on, the parent on the connection that it had."""
    server = shared(kind)
    with made(server) as storage:
        storage.save("parent.txt", ContentFile(b"parent"))
        with storage.connection() as before:
            pass
        child = multiprocessing.get_context("fork").Process(target=use_in_child, args=(storage,))
        child.start()
        assert storage.exists("parent.txt")
        child.join(60)
        assert child.exitcode == 0
        child.close()
        with storage.connection() as after:
            assert after is before
        assert sorted(storage.listdir("")[1]) == ["child.txt", "parent.txt"]
    assert server.left() == 0


def test_a_session_goes_on_in_the_context_that_began_it() -> None:
    """Also when that is not the cached one: threads may begin at once, and the cache is limited."""
    server = shared(ftp.VsftpdTLS)
    with made(server) as storage:
        storage.save("a.txt", ContentFile(b"a"))
        tls.context.cache_clear()
        assert read(storage, "a.txt") == b"a"
        assert server.connections() == 1


def test_an_idle_connection_is_closed_and_opened_again() -> None:
    """After ``idle`` seconds the server is rid of it; what comes then logs in again."""
    server = shared(ftp.Vsftpd)
    options = server.options(server.new_place(), idle=0.3)
    with FTPStorage(**options) as storage:
        storage.save("a.txt", ContentFile(b"a"))
        assert server.left() == 0
        assert storage.exists("a.txt")
        assert server.connections() == 1


class Impatient(ftp.Vsftpd):
    """A server that hangs up after a second without a command."""

    settings_more: ClassVar[str] = "idle_session_timeout=1"


def test_a_server_that_hangs_up_is_called_again() -> None:
    """Its own limit of idle time is not an error, neither for reading nor for saving."""
    with Impatient() as server, made(server) as storage:
        storage.save("a.txt", ContentFile(b"a"))
        assert server.left() == 0
        assert storage.exists("a.txt")
        assert server.left() == 0
        assert storage.save("b.txt", ContentFile(b"b")) == "b.txt"
        assert sorted(storage.listdir("")[1]) == ["a.txt", "b.txt"]


class Halfway(File):  # type: ignore[type-arg]
    """A content of 8 MiB; ``action`` is done when half of it has been read."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.data = os.urandom(8 * MIB)
        self.size = len(self.data)
        self.position = 0
        self.action: Callable[[], object] | None = action
        super().__init__(self, "half.bin")

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if self.position >= self.size // 2 and self.action is not None:
            action, self.action = self.action, None
            action()
        end = self.size if size < 0 else min(self.size, self.position + size)
        block = self.data[self.position : end]
        self.position = end
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere."""
        self.position = offset + {0: 0, 1: self.position, 2: self.size}[whence]
        return self.position

    def tell(self) -> int:
        """Where it is."""
        return self.position

    def seekable(self) -> bool:
        """It can be read again."""
        return True


@pytest.mark.parametrize("kind", [ftp.PureFtpd, ftp.ProftpdTLS, ftp.Pyftpdlib])
def test_a_server_that_is_restarted_at_half_an_upload(kind: type[FTPServer]) -> None:
    """It is killed and starts again: the file is sent anew, whole, and no draft stays."""
    with kind() as server:
        place = server.new_place()

        def restart() -> None:
            server.kill()
            server.start()

        content = Halfway(restart)
        with FTPStorage(**server.options(place)) as storage:
            assert storage.save("d/half.bin", content) == "d/half.bin"
            assert content.action is None
            assert server.file(f"{place}/d/half.bin").read_bytes() == content.data
            assert [path.name for path in server.file(f"{place}/d").iterdir()] == ["half.bin"]


@pytest.mark.parametrize("kind", [ftp.PureFtpd, ftp.ProftpdTLS, ftp.Pyftpdlib])
def test_a_server_that_is_killed_at_half_an_upload(kind: type[FTPServer]) -> None:
    """It does not come back: an error in time, and the old file is as it was."""
    with kind() as server:
        place = server.new_place()
        with FTPStorage(**server.options(place), allow_overwrite=True) as storage:
            storage.save("d/half.bin", ContentFile(b"old"))
            content = Halfway(server.kill)
            began = time.monotonic()
            with pytest.raises(StorageError) as caught:
                storage.save("d/half.bin", content)
            assert time.monotonic() - began < 30
            assert content.action is None
            assert isinstance(caught.value, ConnectionError)
            assert server.file(f"{place}/d/half.bin").read_bytes() == b"old"
            server.start()
            assert read(storage, "d/half.bin") == b"old"
            assert storage.listdir("d") == ([], ["half.bin"])


@pytest.mark.parametrize("kind", [ftp.PureFtpd, ftp.ProftpdTLS, ftp.Pyftpdlib])
def test_a_full_disk_at_the_server(kind: type[FTPServer]) -> None:
    """An error, nothing of the file stays, and a smaller one finds its place.

    That the disk is full is what these do not say. vsftpd is in tests/faults/test_ftp.py.
    """

    class Small(kind):  # type: ignore[misc, valid-type]
        """Two megabytes."""

        room: ClassVar[int] = 2 * MIB
        needs_root = True

    with Small() as server:
        place = server.new_place()
        with FTPStorage(**server.options(place)) as storage:
            storage.save("d/old.bin", ContentFile(b"old"))
            with pytest.raises(StorageError):
                storage.save("d/large.bin", ContentFile(os.urandom(8 * MIB)))
            assert [path.name for path in server.file(f"{place}/d").iterdir()] == ["old.bin"]
            assert storage.save("d/small.bin", ContentFile(os.urandom(MIB))) == "d/small.bin"


@pytest.mark.parametrize("kind", PLAIN)
def test_a_download_that_is_given_up_leaves_the_connection_usable(kind: type[FTPServer]) -> None:
    """Closing a file after some of its bytes ends the transfer; the thread logs in no more."""
    server = shared(kind)
    with made(server) as storage:
        storage.save("large.bin", ContentFile(bytes(16 * MIB)))
        for _ in range(3):
            with storage.open("large.bin") as file:
                assert file.read(10) == bytes(10)
        assert storage.exists("large.bin")
        assert server.connections() == 1
    assert server.left() == 0
