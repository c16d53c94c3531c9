"""What an SFTP storage asks of the server, and over how many connections."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.test import override_settings

from storages.backends.sftp import SFTPStorage
from tests.backends.sftp_place import Place, counted, place_on, shared_place
from tests.servers.sshd import Sshd

KB, MiB = b"x" * 1000, 1024 * 1024


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server, with a file and two empty directories."""
    with shared_place() as made:
        made.server.new_directory(made.root)
        (made.path / "there.txt").write_bytes(KB)
        os.chown(made.path / "there.txt", made.server.uid, -1)
        yield made


@pytest.fixture
def storage(place: Place) -> SFTPStorage:
    """A storage that has saved once, and so knows that the disk has links."""
    made = place.storage()
    made.save("first.txt", ContentFile(b""))
    counted(made)
    return made


def read(storage: SFTPStorage, name: str) -> bytes:
    """Return what a file has."""
    with storage.open(name) as file:
        return bytes(file.read())


Work = Callable[[SFTPStorage], Any]
SENDING = {"OPEN": 1, "WRITE": 1, "FSTAT": 1, "CLOSE": 1}


def write(storage: SFTPStorage, name: str) -> None:
    """Replace a file."""
    with storage.open(name, "wb") as file:
        file.write(KB)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda s: s.save("new.txt", ContentFile(KB)), {**SENDING, "RENAME": 1}),
        (
            lambda s: s.save("a/b/c/new.txt", ContentFile(KB)),
            {**SENDING, "OPEN": 2, "MKDIR": 4, "RENAME": 1},
        ),
        (
            lambda s: s.save("there.txt", ContentFile(KB)),
            {"OPEN": 2, "WRITE": 2, "FSTAT": 2, "CLOSE": 2, "RENAME": 2, "LSTAT": 1, "REMOVE": 1},
        ),
        (
            # What is large is not sent before the name is found free.
            lambda s: s.save("there.txt", ContentFile(b"x" * 2 * MiB)),
            {"OPEN": 2, "WRITE": 10, "FSTAT": 1, "CLOSE": 2, "RENAME": 1, "LSTAT": 2, "REMOVE": 1},
        ),
        (lambda s: write(s, "there.txt"), {**SENDING, "LSTAT": 1, "EXTENDED": 1, "SETSTAT": 0}),
        (lambda s: read(s, "there.txt"), {"OPEN": 1, "FSTAT": 1, "READ": 1, "CLOSE": 1}),
        (lambda s: s.exists("there.txt"), {"STAT": 1}),
        (lambda s: s.exists("missing.txt"), {"STAT": 1}),
        (lambda s: s.size("there.txt"), {"STAT": 1}),
        (lambda s: s.get_modified_time("there.txt"), {"STAT": 1}),
        (lambda s: s.delete("there.txt"), {"REMOVE": 1}),
        (lambda s: s.move("there.txt", "here.txt"), {"STAT": 1, "RENAME": 1}),
        (
            lambda s: s.copy("there.txt", "here.txt"),
            {"OPEN": 2, "FSTAT": 2, "EXTENDED": 1, "CLOSE": 2, "RENAME": 1},
        ),
        (lambda s: s.listdir(""), {"OPENDIR": 1, "READDIR": 5, "CLOSE": 1}),
    ],
    ids=[
        "save",
        "save below new directories",
        "save a taken name",
        "save a taken name, 2 MiB",
        "replace",
        "open and read",
        "exists",
        "exists not",
        "size",
        "time",
        "delete",
        "move",
        "copy",
        "listdir",
    ],
)
def test_requests_per_operation(
    place: Place, storage: SFTPStorage, work: Work, expected: dict[str, int]
) -> None:
    """The fewest there can be; those of one step are sent together, as the docs' table says."""
    # Old enough that a new version needs no help to differ.
    os.utime(place.path / "there.txt", (1_000_000_000, 1_000_000_000))
    work(storage)
    assert counted(storage) == {kind: count for kind, count in expected.items() if count}


def test_the_first_save_finds_out_about_links(place: Place) -> None:
    """Once per storage: one request more."""
    storage = place.storage()
    storage.save("new.txt", ContentFile(KB))
    assert counted(storage) == {**SENDING, "EXTENDED": 2, "REMOVE": 1}


def test_ten_bytes_of_a_large_file_move_little(place: Place, storage: SFTPStorage) -> None:
    """From anywhere, and again after a seek: at most 256 KiB each time, not the whole file."""
    with (place.path / "large.bin").open("wb") as sparse:
        sparse.truncate(100 * MiB)
    (place.path / "large.bin").chmod(0o644)
    with storage._pool.get() as connection:
        transport = connection.client.get_transport()
    before = _received(transport)
    with storage.open("large.bin") as file:
        assert file.read(10) == bytes(10)
        file.seek(-10, os.SEEK_END)
        assert file.read() == bytes(10)
    assert storage.exists("large.bin")
    assert 0 < _received(transport) - before < 512 * 1024


def _received(transport: Any) -> int:
    """How much paramiko has taken from its socket, in bytes, since it counts."""
    wire = transport.sock
    if not hasattr(wire, "counted"):
        wire.counted, receive = 0, wire.recv

        def recv(size: int) -> bytes:
            data: bytes = receive(size)
            wire.counted += len(data)
            return data

        wire.recv = recv
    return int(wire.counted)


def test_reading_on_asks_further_ahead_and_a_seek_begins_anew(
    place: Place, storage: SFTPStorage
) -> None:
    """Large reads when everything is wanted, small ones when it is not; the bytes are right."""
    data = random.Random(1).randbytes(8 * MiB + 5)
    (place.path / "data.bin").write_bytes(data)
    (place.path / "data.bin").chmod(0o644)
    counted(storage)
    assert read(storage, "data.bin") == data
    assert counted(storage)["READ"] < 60
    with storage.open("data.bin") as file:
        for start in (5 * MiB, 100, 3 * MiB, 3 * MiB + 70_000, 8 * MiB):
            file.seek(start)
            assert file.read(1000) == data[start : start + 1000]
    assert counted(storage)["READ"] < 40


class OldServer(Sshd):
    """A server that says nothing about lengths: 32 KiB are safe."""

    arguments = "-P limits"


def test_a_server_that_tells_no_limits_gets_small_requests() -> None:
    """As the protocol's draft asks; everything works, with more of them."""
    with OldServer() as server, place_on(server) as place:
        storage = place.storage()
        data = random.Random(2).randbytes(MiB + 5)
        storage.save("data.bin", ContentFile(data))
        assert counted(storage)["WRITE"] == 33
        assert read(storage, "data.bin") == data
        assert counted(storage)["READ"] == 33


# ---------------------------------------------------------------- connections


def test_eight_threads_of_50_mixed_operations_use_eight_connections() -> None:
    """No error, no more connections than threads, and none left after ``close``."""
    with Sshd() as server, place_on(server) as place:
        storage = place.storage()
        most = 0

        def work(number: int) -> int:
            nonlocal most
            chance = random.Random(number)
            mine: dict[str, bytes] = {}
            for step in range(50):
                name, data = f"{number}/{step % 7}.txt", chance.randbytes(chance.randrange(5000))
                kind = chance.choice("swrrldm")
                if kind == "s":
                    mine[storage.save(name, ContentFile(data))] = data
                elif kind == "w":
                    with storage.open(name, "wb") as file:
                        file.write(data)
                    mine[name] = data
                elif kind == "l":
                    listed = storage.listdir(str(number))[1] if mine else []
                    assert sorted(listed) == sorted(n.partition("/")[2] for n in mine)
                elif mine:
                    known = chance.choice(sorted(mine))
                    if kind == "r":
                        assert read(storage, known) == mine[known]
                    elif kind == "d" and len(mine) > 1:
                        storage.delete(known)
                        del mine[known]
                    elif kind == "m":
                        target = f"{number}/moved-{step}.txt"
                        storage.move(known, target)
                        mine[target] = mine.pop(known)
                most = max(most, server.connections())
            return len(mine)

        with ThreadPoolExecutor(8) as threads:
            left = sum(threads.map(work, range(8)))
            assert len(storage._pool) <= 8
            storage.close()
        assert 2 <= most <= 8
        _wait_until(lambda: server.connections() == 0)
        assert sum(len(files) for _, _, files in storage.walk()) == left
        storage.close()
        _wait_until(lambda: server.connections() == 0)


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_idle_connection_is_closed_and_the_next_use_opens_another() -> None:
    """The server counts its sessions; a file that is open then goes on with a new one."""
    with Sshd() as server, place_on(server) as place:
        storage = place.storage(max_idle=0.2)
        data = random.Random(3).randbytes(3 * MiB)
        storage.save("x.bin", ContentFile(data))
        with storage.open("x.bin") as file:
            start = file.read(10)
            _wait_until(lambda: len(storage._pool) == 0)
            _wait_until(lambda: server.connections() == 0)
            assert start + file.read() == data


def test_threads_that_end_leave_nothing_behind() -> None:
    """Neither a connection, nor paramiko's thread, nor what threading makes up for a dead one."""
    with Sshd() as server, place_on(server) as place:
        storage = place.storage()
        before = set(threading.enumerate())
        for _ in range(3):
            thread = threading.Thread(target=storage.exists, args=("x",))
            thread.start()
            thread.join()
        _wait_until(lambda: server.connections() == 0)
        _wait_until(lambda: len(storage._pool) == 0)
        waiting = storage._pool._closer
        _wait_until(lambda: set(threading.enumerate()) - before <= {waiting})


def test_a_file_that_is_open_belongs_to_no_thread(place: Place, storage: SFTPStorage) -> None:
    """Opened in one that ends, read in two others in turns, closed in a third."""
    data = random.Random(4).randbytes(3 * MiB)
    storage.save("x.bin", ContentFile(data))
    opened: list[Any] = []
    thread = threading.Thread(target=lambda: opened.append(storage.open("x.bin")))
    thread.start()
    thread.join()
    (file,) = opened
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        parts = [
            thread.submit(file.read, 500_000).result() for _ in range(4) for thread in (one, two)
        ]
    assert b"".join(parts) == data
    file.close()


def test_a_handle_is_given_back_though_nobody_closes_the_file(
    place: Place, storage: SFTPStorage
) -> None:
    """By the garbage collector, with the next request at the latest."""
    with pytest.warns(ResourceWarning):
        storage.open("there.txt")
    storage.exists("there.txt")
    assert counted(storage)["CLOSE"] == 1


def test_a_listing_that_is_given_up_gives_its_handle_back(
    place: Place, storage: SFTPStorage
) -> None:
    """In the middle of it, other requests go on."""
    for number in range(150):
        (place.path / f"{number}").touch()
    listing = iter(storage.scandir(""))
    first = next(listing)
    assert storage.exists(first.name)
    del listing
    storage.exists("there.txt")
    assert counted(storage)["CLOSE"] == 1


FORKED = """
import os, sys, django
from django.conf import settings
settings.configure()
django.setup()
from django.core.files.base import ContentFile, File
from django.test import override_settings
from storages.backends.sftp import SFTPStorage
from storages.errors import Unavailable
storage = SFTPStorage(**{options!r})
storage.save("parent.txt", ContentFile(b"parent" * 1000))
file = storage.open("parent.txt")
file.read(1)
child = os.fork()
if child == 0:
    assert storage.exists("parent.txt")
    assert file.read(3) == b"are"
    storage.save("child.txt", ContentFile(b"child"))
    file.close()
    sys.exit(0)  # with everything that an interpreter does at its end
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert file.read(3) == b"are"
with storage._pool.get() as connection:
    before = connection
file.close()
assert sorted(storage.listdir("")[1])[:2] == ["child.txt", "parent.txt"]
with storage._pool.get() as connection:
    assert connection is before
print("fine")
"""


def test_a_forked_child_leaves_the_parents_connection_alone(place: Place) -> None:
    """It uses one of its own, also for a file that was open; the parent's goes on after it."""
    options = {**place.server.options(), "root_path": place.root}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED.format(options=options)],
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
    assert "child.txt" in place.names()


def test_an_exception_of_the_callers_leaves_the_connection_usable(
    place: Place, storage: SFTPStorage
) -> None:
    """Nothing is left of the file, and the same connection goes on."""

    class Content(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > MiB:
                raise ZeroDivisionError
            return super().read(size)

    with storage._pool.get() as before:
        pass
    with pytest.raises(ZeroDivisionError):
        storage.save("x.bin", File(Content(b"x" * 5 * MiB)))
    with storage._pool.get() as after:
        assert after is before
    assert place.names() == ["first.txt", "there.txt"]


def test_what_interrupts_a_message_ends_the_connection(
    place: Place, storage: SFTPStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time limit, say: nobody knows how much was sent. The next use opens another one."""
    with storage._pool.get() as before:
        channel = before.session._channel
    really = channel.send
    pieces: list[int] = []

    def send(data: bytes) -> int:
        pieces.append(len(data))
        if len(pieces) == 3:
            really(data[: len(data) // 2])
            raise ZeroDivisionError
        return int(really(data))

    with monkeypatch.context() as patch:
        patch.setattr(channel, "send", send)
        with pytest.raises(ZeroDivisionError):
            storage.save("x.bin", ContentFile(b"x" * 100_000))
    assert storage.exists("there.txt")
    with storage._pool.get() as after:
        assert after is not before
    assert not before.session.is_alive()


def test_other_settings_make_other_connections(place: Place, storage: SFTPStorage) -> None:
    """What changes how to connect closes what is open; what does not, does not."""
    with storage._pool.get() as before:
        pass
    with override_settings(SFTP_STORAGE_TIMEOUT=7.0), storage._pool.get() as other:
        assert other is not before
        assert other.session._timeout == 7.0
    with override_settings(SFTP_STORAGE_FILE_MODE=0o600), storage._pool.get() as back:
        assert back is not other
        storage.save("private.txt", ContentFile(b""))
    assert (place.path / "private.txt").stat().st_mode & 0o777 == 0o600


def test_paramikos_own_client_is_at_hand(place: Place, storage: SFTPStorage) -> None:
    """On the same connection, for what Django's API lacks."""
    client = storage.sftp
    assert "there.txt" in client.listdir(place.root)
    assert storage.sftp is client
    client.close()
    assert "there.txt" in storage.sftp.listdir(place.root)
    assert len(storage._pool) == 1
    storage.close()
    assert "there.txt" in storage.sftp.listdir(place.root)
