"""What holds when an SFTP server ends, freezes or is full: nothing lost, nothing left over."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile, File

from storages.backends.sftp import SFTPStorage
from storages.backends.sftp.messages import Kind
from storages.errors import StorageFull, Timeout, Unavailable
from storages.retry import Retry, deadline
from storages.staging import is_temporary
from tests.backends.sftp_place import Place, as_root, place_on, read, shared_place
from tests.servers.sshd import SMALL, Sshd

MiB = 1024 * 1024


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server that all tests share."""
    with shared_place() as made:
        made.server.new_directory(made.root)
        yield made


@pytest.fixture
def own() -> Iterator[Place]:
    """A new directory on a server of the test's own."""
    with Sshd() as server, place_on(server) as made:
        server.new_directory(made.root)
        yield made


class Watched(io.BytesIO):
    """Content that does something once so much of it has been read."""

    def __init__(self, data: bytes, at: int, work: Callable[[], object]) -> None:
        super().__init__(data)
        self.at = at
        self.work = work
        self.times = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and do it, the first time."""
        data = super().read(size)
        if not self.times and self.tell() >= self.at:
            self.times += 1
            self.work()
        return data


# ------------------------------------------------------------------ it ends


@pytest.mark.parametrize("how", ["restart", "kill", "sessions"])
def test_a_server_that_was_restarted_between_calls_is_not_noticed(own: Place, how: str) -> None:
    """Whatever the next call is: it goes over a new connection."""
    storage = own.storage()
    calls: list[Callable[[], object]] = [
        lambda: storage.save("x.txt", ContentFile(b"x")),
        lambda: storage.exists("x.txt"),
        lambda: read(storage, "x.txt"),
        lambda: storage.listdir(""),
        lambda: storage.copy("x.txt", "y.txt"),
        lambda: storage.move("y.txt", "z.txt"),
        lambda: storage.delete("z.txt"),
    ]
    for call in calls:
        if how == "sessions":
            assert own.server.end_sessions() or call is calls[0]
        else:
            (own.server.kill if how == "kill" else own.server.stop)()
            own.server.start()
        call()
    assert own.names() == ["x.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_session_that_dies_at_half_an_upload(own: Place, *, overwrite: bool) -> None:
    """It is begun anew, once; one file is there, whole, and nothing of the first attempt."""
    storage = own.storage(allow_overwrite=overwrite)
    storage.save("x.bin", ContentFile(b"old"))
    data = random.Random(1).randbytes(6 * MiB)
    content = Watched(data, 3 * MiB, own.server.end_sessions)
    name = storage.save("x.bin", File(content))
    assert content.times == 1
    assert read(storage, name) == data
    assert own.names() == sorted({"x.bin", name})
    assert (name == "x.bin") == overwrite


def test_a_server_that_dies_at_half_an_upload_and_stays_away(own: Place) -> None:
    """It is Unavailable; the old file is whole; what is left over goes with the next save."""
    storage = own.storage(allow_overwrite=True)
    storage.save("x.bin", ContentFile(b"old"))
    content = Watched(b"x" * 6 * MiB, 3 * MiB, own.server.kill)
    with pytest.raises(Unavailable):
        storage.save("x.bin", File(content))
    assert content.times == 1
    assert (own.path / "x.bin").read_bytes() == b"old"
    assert all(name == "x.bin" or is_temporary(name) for name in own.names())
    own.server.start()
    assert storage.listdir("") == ([], ["x.bin"])
    storage.save("y.bin", ContentFile(b"new"))
    assert own.names() == ["x.bin", "y.bin"]


@pytest.mark.parametrize("how", ["sessions", "kill"])
def test_a_reader_goes_on_after_its_connection_died(own: Place, how: str) -> None:
    """From where it stood, in the same version; or not at all, when it is another one."""
    storage = own.storage()
    data = random.Random(2).randbytes(8 * MiB)
    storage.save("x.bin", ContentFile(data))
    with storage.open("x.bin") as file:
        start = file.read(1000)
        if how == "kill":
            own.server.kill()
            own.server.start()
        else:
            assert own.server.end_sessions()
        assert start + file.read() == data
        file.seek(0)
        assert own.server.end_sessions()
        own.storage(allow_overwrite=True).save("x.bin", ContentFile(data[::-1]))
        file.seek(5 * MiB)
        with pytest.raises(OSError, match="changed"):
            file.read(10)


def test_a_listing_that_breaks_off_is_an_error(own: Place) -> None:
    """Never a shorter listing."""
    for number in range(2000):
        (own.path / f"{number}").touch()
    storage = own.storage()
    listing = iter(storage.scandir(""))
    next(listing)
    assert own.server.end_sessions()
    with pytest.raises(Unavailable):
        list(listing)
    assert len(storage.listdir("")[1]) == 2000


@pytest.mark.parametrize(
    ("work", "lost", "left"),
    [
        (lambda s: s.save("new.txt", ContentFile(b"new")), Kind.RENAME, ["a.txt", "new.txt"]),
        (lambda s: s.move("a.txt", "b.txt"), Kind.RENAME, ["b.txt"]),
        (lambda s: s.delete("a.txt"), Kind.REMOVE, []),
    ],
    ids=["save", "move", "delete"],
)
def test_a_lost_answer_is_no_failure(
    own: Place,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[SFTPStorage], object],
    lost: Kind,
    left: list[str],
) -> None:
    """The server did it, and then was gone: saved once, moved once, deleted."""
    storage = own.storage()
    storage.save("a.txt", ContentFile(b"a"))
    with storage._pool.get() as connection:
        session = connection.session
    really = session.send
    times: list[Kind] = []

    def send(kind: Kind, *parts: bytes) -> int:
        number = really(kind, *parts)
        if kind == lost:
            times.append(kind)
            until = time.monotonic() + 20
            while not session._channel.recv_ready() and time.monotonic() < until:
                time.sleep(0.01)
            own.server.end_sessions()
            session._broken = True  # the answer came, and is not looked at
        return number

    monkeypatch.setattr(session, "send", send)
    work(storage)
    assert times == [lost]
    assert own.names() == left


def test_a_termination_of_the_server_is_an_end_like_another(own: Place) -> None:
    """Sessions that are told to end, in the middle of everything, by eight threads."""
    storage = own.storage()
    storage.retry = Retry(attempts=20)
    ended = []

    def work(number: int) -> None:
        for step in range(6):
            data = bytes([number, step]) * 20_000
            storage.save(f"{number}/{step}", ContentFile(data))
            if number == 0 and step % 2:
                ended.append(own.server.end_sessions(signal.SIGTERM))
            assert read(storage, f"{number}/{step}") == data

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
        storage.close()
    assert sum(ended) > 0
    for number in range(8):
        assert sorted(storage.listdir(str(number))[1]) == [str(step) for step in range(6)]


# --------------------------------------------------------------- it freezes


def test_a_frozen_server_is_given_up_at_the_deadline(own: Place) -> None:
    """Reading, writing and asking; afterwards everything works, with a new connection."""
    storage = own.storage()
    data = os.urandom(30 * MiB)
    storage.save("x.bin", ContentFile(data))
    for work in (
        lambda: storage.exists("x.bin"),
        lambda: read(storage, "x.bin"),
        lambda: storage.save("y.bin", ContentFile(data)),
        lambda: storage.listdir(""),
    ):
        own.server.pause()
        began = time.monotonic()
        try:
            with pytest.raises(Timeout), deadline(0.5):
                work()
            assert time.monotonic() - began < 15
        finally:
            own.server.resume()
    assert storage.exists("x.bin")
    storage.save("z.bin", ContentFile(b"z"))
    assert sorted(storage.listdir("")[1]) == ["x.bin", "z.bin"]


def test_a_server_that_freezes_at_half_an_upload_is_given_up_at_the_timeout(own: Place) -> None:
    """Though paramiko would try to send for ever; nothing is published."""
    storage = own.storage(timeout=0.5, connect_timeout=0.5)
    storage.save("x.bin", ContentFile(b"old"))
    content = Watched(b"x" * 60 * MiB, MiB, own.server.pause)
    try:
        with pytest.raises(Timeout):
            storage.save("y.bin", File(content))
        assert content.times == 1
    finally:
        own.server.resume()
    storage.save("z.bin", ContentFile(b""))
    assert sorted(own.storage().listdir("")[1]) == ["x.bin", "z.bin"]


# ------------------------------------------------------------ it has no room


@as_root
def test_a_full_disk_is_told_from_other_failures(place: Place) -> None:
    """The old file is whole, and what was sent is gone; what fits is stored."""
    storage = place.storage(root_path=f"small/{place.root}", allow_overwrite=True)
    storage.save("old.bin", ContentFile(b"o" * (SMALL // 2)))
    for name in ("new.bin", "old.bin"):
        with pytest.raises(StorageFull) as caught:
            storage.save(name, ContentFile(b"x" * SMALL * 2))
        assert caught.value.errno == errno.ENOSPC
    with pytest.raises(StorageFull), storage.open("third.bin", "wb") as file:
        file.write(b"x" * SMALL * 2)
    assert storage.listdir("") == ([], ["old.bin"])
    with storage.sftp as client:
        assert client.listdir(f"small/{place.root}") == ["old.bin"]
    assert read(storage, "old.bin") == b"o" * (SMALL // 2)
    storage.save("fits.bin", ContentFile(b"x" * (SMALL // 4)))


# ------------------------------------------------------- the content is lost


class Lost(io.BytesIO):
    """Content that comes from another storage, whose connection is lost."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, of the first few."""
        if self.tell() > MiB:
            raise Unavailable("The source is lost.")
        return super().read(size)


def test_content_that_is_lost_leaves_no_temporary_file(place: Place) -> None:
    """The server is there, and told to remove it."""
    with pytest.raises(Unavailable, match="source is lost"):
        place.storage().save("x.bin", File(Lost(bytes(4 * MiB)), name="x.bin"))
    assert place.names() == []
