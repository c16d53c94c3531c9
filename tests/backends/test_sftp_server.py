"""What a server may do to an SFTP storage: end, freeze, be full, refuse, have links, lack links."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File

from storages.backends.sftp import SFTPStorage, publishing
from storages.backends.sftp import storage as sftp_storage
from storages.backends.sftp.messages import Failure, Kind
from storages.backends.sftp.session import Session
from storages.backends.sftp.writing import Writer
from storages.connections import PerThread
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageFull,
    Timeout,
    Unavailable,
)
from storages.retry import Retry, deadline
from storages.staging import is_temporary, temporary_name
from tests.backends.sftp_place import Place, as_root, counted, place_on, shared_place
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


def read(storage: SFTPStorage, name: str) -> bytes:
    """Return what a file has."""
    with storage.open(name) as file:
        return bytes(file.read())


def replace(storage: SFTPStorage, name: str) -> None:
    """Write a file anew."""
    with storage.open(name, "wb") as file:
        file.write(b"new")


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


# -------------------------------------------------------------- it refuses


def test_a_directory_that_may_not_be_written_to(place: Place) -> None:
    """PermissionDenied, by every way of writing; nothing is swallowed."""
    storage = place.storage()
    storage.save("d/x.txt", ContentFile(b"x"))
    (place.path / "d").chmod(0o555)
    for work in (
        lambda: storage.save("d/y.txt", ContentFile(b"y")),
        lambda: storage.save("d/e/y.txt", ContentFile(b"y")),
        lambda: replace(storage, "d/x.txt"),
        lambda: storage.delete("d/x.txt"),
        lambda: storage.move("d/x.txt", "x.txt"),
        lambda: storage.copy("d/x.txt", "d/z.txt"),
    ):
        with pytest.raises(PermissionDenied):
            work()
    assert place.names("d") == ["x.txt"]
    (place.path / "d").chmod(0o000)
    for look in (
        lambda: storage.exists("d/x.txt"),
        lambda: storage.size("d/x.txt"),
        lambda: storage.open("d/x.txt"),
        lambda: storage.listdir("d"),
    ):
        with pytest.raises(PermissionDenied):
            look()


def test_directories_and_files_in_each_others_place(place: Place) -> None:
    """The protocol has one word for all of it; ours are told apart."""
    storage = place.storage()
    storage.save("d/x.txt", ContentFile(b"x"))
    for work, kind in (
        (lambda: storage.open("d"), IsADirectory),
        (lambda: replace(storage, "d"), IsADirectory),
        (lambda: storage.delete("d"), DirectoryNotEmpty),
        (lambda: storage.move("d", "e"), IsADirectory),
        (lambda: storage.copy("d", "e"), IsADirectory),
        (lambda: storage.save("d/x.txt/y", ContentFile(b"y")), NotADirectory),
        (lambda: storage.move("d/x.txt", "d/x.txt/y"), NotADirectory),
        (lambda: storage.copy("d/x.txt", "d", overwrite=True), IsADirectory),
        (lambda: storage.move("d/x.txt", "d"), AlreadyExists),
        (lambda: storage.listdir("d/x.txt"), OSError),
        (lambda: storage.size("d/x.txt/y"), NotFound),
    ):
        with pytest.raises(kind):
            work()
    assert place.names("d") == ["x.txt"]
    assert storage.save("d", ContentFile(b"")) != "d"


@pytest.mark.parametrize("name", [" lead", "trail ", "a b", "-rf", "'q\"", "ü*[?]", "~", "#x;ls"])
def test_names_come_as_they_are(place: Place, name: str) -> None:
    """Nothing is quoted, globbed or expanded."""
    storage = place.storage()
    assert storage.save(name, ContentFile(b"x")) == name
    assert place.names() == [name]
    assert storage.listdir("") == ([], [name])
    assert read(storage, name) == b"x"
    storage.delete(name)
    assert place.names() == []


@pytest.mark.parametrize("name", ["a\r\nb", "a\nb", "a\0b", "../x", "/x", "a/../../x"])
def test_names_that_lead_elsewhere_are_refused(place: Place, name: str) -> None:
    """Before anything is asked."""
    storage = place.storage()
    counted(storage)
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))
    assert counted(storage) == {}


def test_links_are_what_they_lead_to(place: Place) -> None:
    """One that leads nowhere is a file, as for Django's own storage; a new one goes beside it."""
    storage = place.storage()
    storage.save("real/x.txt", ContentFile(b"12345"))
    (place.path / "to-directory").symlink_to("real")
    (place.path / "to-file").symlink_to("real/x.txt")
    (place.path / "nowhere").symlink_to("missing")
    directories, files = storage.listdir("")
    assert (sorted(directories), sorted(files)) == (
        ["real", "to-directory"],
        ["nowhere", "to-file"],
    )
    told = {entry.name: entry.stat and entry.stat.size for entry in storage.scandir("")}
    assert told == {"real": None, "to-directory": None, "to-file": 5, "nowhere": None}
    assert storage.listdir("to-directory") == ([], ["x.txt"])
    assert read(storage, "to-directory/x.txt") == read(storage, "to-file") == b"12345"
    assert not storage.exists("nowhere")
    assert storage.save("nowhere", ContentFile(b"x")) != "nowhere"
    storage.delete("to-file")
    storage.delete("nowhere")
    assert storage.size("real/x.txt") == 5
    with storage.open("to-directory/x.txt", "wb") as file:
        file.write(b"new")
    assert (place.path / "real/x.txt").read_bytes() == b"new"


# ------------------------------------------------------------ it lacks things


class Bare(Sshd):
    """A server with nothing beyond the protocol."""

    arguments = (
        "-P posix-rename,hardlink,copy-data,limits,statvfs,fstatvfs,fsync,lsetstat,expand-path"
    )


@pytest.fixture
def bare() -> Iterator[Place]:
    """A new directory on such a server."""
    with Bare() as server, place_on(server) as made:
        server.new_directory(made.root)
        yield made


def test_without_extensions_everything_works(bare: Place) -> None:
    """Creating and replacing by turns, kept by a file that only one writer can make."""
    storage = bare.storage()
    with storage._pool.get() as connection:
        assert not {"posix-rename@openssh.com", "hardlink@openssh.com"} & set(
            connection.session.extensions
        )
    assert storage.save("x.txt", ContentFile(b"one")) == "x.txt"
    second = storage.save("x.txt", ContentFile(b"two"))
    assert second != "x.txt"
    with storage.open("x.txt", "wb") as file:
        file.write(b"three")
    storage.copy("x.txt", "copied.txt")
    storage.move(second, "moved.txt")
    found = {name: (bare.path / name).read_bytes() for name in bare.names()}
    assert found == {"x.txt": b"three", "copied.txt": b"three", "moved.txt": b"two"}
    storage.save("d/y.txt", ContentFile(b"y"))
    with pytest.raises(IsADirectory):
        replace(storage, "d")
    assert bare.names("d") == ["y.txt"]


@as_root
def test_a_failure_that_the_server_cannot_explain_is_an_error_all_the_same(bare: Place) -> None:
    """The disk is full, and there is no way to ask."""
    storage = bare.storage(root_path=f"small/{bare.root}")
    with pytest.raises(Failure, match="did not say why"):
        storage.save("x.bin", ContentFile(b"x" * SMALL * 2))
    assert storage.listdir("") == ([], [])
    with storage.sftp as client:
        assert client.listdir(f"small/{bare.root}") == []


def test_without_extensions_a_replacement_that_fails_puts_the_old_file_back(
    bare: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file has been renamed already, and is not lost."""
    storage = bare.storage(allow_overwrite=True)
    storage.save("x.txt", ContentFile(b"old"))
    with storage._pool.get() as connection:
        session = connection.session
    ask = session.ask
    renamed: list[bytes] = []

    def failing(kind: Kind, *parts: bytes) -> Any:
        if kind == Kind.RENAME:
            renamed.append(parts[1])
            if len(renamed) == 2:
                raise Failure
        return ask(kind, *parts)

    monkeypatch.setattr(session, "ask", failing)
    with pytest.raises(Failure):
        storage.save("x.txt", ContentFile(b"new"))
    assert len(renamed) == 3
    assert (bare.path / "x.txt").read_bytes() == b"old"
    assert bare.names() == ["x.txt"]


def test_a_lock_that_somebody_left_is_broken_after_a_while(
    bare: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is young is waited for; the age is judged by the server's clock."""
    monkeypatch.setattr(publishing, "temporary_name", temporary_name)
    storage = bare.storage()
    made: list[str] = []
    really = Session.open

    def noting(session: Any, path: str, *args: Any) -> bytes:
        made.append(path)
        return really(session, path, *args)

    monkeypatch.setattr(Session, "open", noting)
    storage.save("x.txt", ContentFile(b"x"))
    lock = bare.server.home / made[-1]
    assert is_temporary(lock.name)
    storage.delete("x.txt")
    lock.touch()
    with pytest.raises(Timeout), deadline(0.5):
        storage.save("x.txt", ContentFile(b"x"))
    assert storage.listdir("") == ([], [])
    old = time.time() - publishing.LOCK_AGE - 1
    os.utime(lock, (old, old))
    assert storage.save("x.txt", ContentFile(b"x")) == "x.txt"
    assert bare.names() == ["x.txt"]


@pytest.mark.parametrize("age", [-3600, 3600])
def test_the_age_of_a_lock_does_not_depend_on_the_file_that_is_moved(
    bare: Place, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    """It may be from last year, or from the future: a young lock is waited for, an old one not."""
    storage = bare.storage()
    made: list[str] = []
    really = Session.open

    def noting(session: Any, path: str, *args: Any) -> bytes:
        made.append(path)
        return really(session, path, *args)

    storage.save("from.txt", ContentFile(b"x"))
    moved = bare.path / "from.txt"
    monkeypatch.setattr(Session, "open", noting)
    storage.move("from.txt", "to.txt")
    lock = bare.server.home / made[-1]
    storage.move("to.txt", "from.txt")
    now = time.time()
    os.utime(moved, (now - age, now - age))
    lock.touch()
    with pytest.raises(Timeout), deadline(0.5):
        storage.move("from.txt", "to.txt")
    assert lock.exists()
    os.utime(lock, (now - publishing.LOCK_AGE - 9, now - publishing.LOCK_AGE - 9))
    with deadline(10):
        storage.move("from.txt", "to.txt")
    assert bare.names() == ["to.txt"]


def test_a_disk_without_links_is_found_out_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says no to the first link; from then on writers take turns, and lose nothing."""
    storage = place.storage()
    extended = Session.extended
    asked: list[str] = []
    links: set[tuple[Session, int]] = set()

    def refusing(session: Session, name: str, *parts: bytes) -> int:
        asked.append(name)
        if name != "hardlink@openssh.com":
            return extended(session, name, *parts)
        number = extended(session, name, parts[1], parts[0])  # from a name that is not there
        links.add((session, number))
        return number

    receive = Session.receive

    def refused(session: Session, number: int) -> Any:
        try:
            return receive(session, number)
        except NotFound:
            if (session, number) in links:
                asked.append("refused")
                raise Failure from None
            raise

    monkeypatch.setattr(Session, "extended", refusing)
    monkeypatch.setattr(Session, "receive", refused)
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda _: storage.save("x.txt", ContentFile(b"x")), range(24)))
    assert len(set(names)) == 24
    assert sorted(names) == place.names()
    assert 1 <= asked.count("refused") <= 8
    assert storage._writer.publishing.links is False


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


def test_threads_that_come_first_together_share_what_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pool and one list of temporary files that are left, however many begin at once."""
    storage = place.storage()
    gate = threading.Barrier(4)
    made: list[object] = []

    def slowly(kind: Any) -> Any:
        def make(*args: Any, **given: Any) -> Any:
            made.append(kind)
            time.sleep(0.2)
            return kind(*args, **given)

        return make

    monkeypatch.setattr(sftp_storage, "PerThread", slowly(PerThread))
    monkeypatch.setattr(sftp_storage, "Writer", slowly(Writer))

    def first(_: int) -> tuple[int, int]:
        gate.wait(10)
        return id(storage._pool), id(storage._writer)

    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(first, range(4)))
    assert (len(found), len(made)) == (1, 2)


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
