"""FTP: the lock that makes creating safe, and what requests cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage, mutex
from storages.errors import AlreadyExists, StorageError, Timeout, Unavailable
from storages.retry import Retry, deadline
from storages.staging import is_temporary
from tests.backends.ftp_scripted import ScriptedFTP, Session

MLST = ("UTF8", "SIZE", "MDTM", "REST STREAM", "MLST type*;size*;modify*;unique*;")
LOCK = f"/{mutex.lock_name('a.txt')}"


@pytest.fixture(params=[MLST, ("SIZE", "MDTM")], ids=["seconds", "minutes"])
def server(request: pytest.FixtureRequest) -> Iterator[ScriptedFTP]:
    """A server that shows times to the second, and one that does to the minute."""
    with ScriptedFTP(request.param) as scripted:
        yield scripted


@pytest.fixture
def storage(server: ScriptedFTP) -> Iterator[FTPStorage]:
    """A storage on it."""
    with FTPStorage(server.location, timeout=10.0) as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are looked at closely at once."""
    monkeypatch.setattr(mutex, "_SUSPICIOUS", 0.05)


def create(storage: FTPStorage, name: str = "a.txt", content: bytes = b"new") -> None:
    """Create a file, or raise AlreadyExists."""
    with storage.open(name, "xb") as file:
        file.write(content)


def test_the_lock_of_a_name() -> None:
    """All clients agree on it, names differ in it, and it is never shown."""
    assert mutex.lock_name("a.txt") == mutex.lock_name("a.txt") != mutex.lock_name("b.txt")
    assert is_temporary(mutex.lock_name("ü" * 255))
    assert is_temporary(mutex.lock_name("gr\udcfc"))


def test_a_lock_is_not_shown_and_does_not_count(server: ScriptedFTP, storage: FTPStorage) -> None:
    """Directories that are called so are hidden; what looks alike is not."""
    server.put(LOCK, None)
    server.put("/.storages-1.tmp", None)
    assert storage.listdir("") == ([".storages-1.tmp"], [])


def test_whoever_waits_for_the_lock_finds_the_name_taken(
    server: ScriptedFTP, storage: FTPStorage
) -> None:
    """Somebody else creates the file between the upload and the lock."""
    server.put(LOCK, None)
    tried = threading.Event()

    def make(session: Session, argument: str) -> str:
        tried.set()
        return session.do_MKD(argument.encode(), argument)

    server.scripts["MKD"] = make

    def other() -> None:
        assert tried.wait(10)
        with server.lock:
            server.put("/a.txt", b"theirs")
            del server.files[LOCK.encode()]

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(AlreadyExists):
        create(storage)
    thread.join(10)
    assert server.files == {b"/": None, b"/a.txt": b"theirs"}


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_was_left_behind_is_removed(server: ScriptedFTP, storage: FTPStorage) -> None:
    """By its age on the server's clock, compared with that of a file made now."""
    server.put(LOCK, None, age=mutex.STALE * 10)
    create(storage)
    assert server.files == {b"/": None, b"/a.txt": b"new"}


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_may_be_held_is_waited_for(server: ScriptedFTP) -> None:
    """Then the error names the directory; nothing else has changed."""
    server.put(LOCK, None, age=mutex.STALE / 2)
    with FTPStorage(server.location, timeout=0.5) as storage:
        storage.retry = Retry(attempts=1)
        with pytest.raises(Unavailable, match=r"Another client.*remove the directory '/\.storages"):
            create(storage)
    assert server.files == {b"/": None, LOCK.encode(): None}


def test_a_deadline_ends_waiting(server: ScriptedFTP, storage: FTPStorage) -> None:
    """As it ends everything."""
    server.put(LOCK, None)
    started = time.monotonic()
    with pytest.raises(Timeout), deadline(0.3):
        create(storage)
    assert time.monotonic() - started < 5
    assert server.files == {b"/": None, LOCK.encode(): None}


@pytest.mark.usefixtures("impatient")
def test_one_at_a_time_removes_a_lock(server: ScriptedFTP, storage: FTPStorage) -> None:
    """Who is about to remove it holds a lock for that, which may be left behind as well."""
    breaker = f"/{mutex.lock_name(LOCK[1:])}"
    server.put(LOCK, None, age=mutex.STALE * 10)
    server.put(breaker, None, age=mutex.STALE * 20)
    create(storage)
    assert server.files == {b"/": None, b"/a.txt": b"new"}
    server.put(f"/{mutex.lock_name('b.txt')}", None, age=mutex.STALE * 10)
    young = f"/{mutex.lock_name(mutex.lock_name('b.txt'))}"
    server.put(young, None)
    with pytest.raises(Timeout), deadline(0.5):
        create(storage, "b.txt")
    assert young.encode() in server.files


@pytest.mark.usefixtures("impatient")
def test_a_new_lock_in_place_of_a_stale_one_is_left_alone(
    server: ScriptedFTP, storage: FTPStorage
) -> None:
    """Somebody was quicker: it is looked at again by the one who may remove it."""
    server.put(LOCK, None, age=mutex.STALE * 10)
    breaker = f"MKD /{mutex.lock_name(LOCK[1:])}"

    def renewed(session: Session, argument: str) -> str:
        server.put(LOCK, None)
        return session.do_MKD(argument.encode(), argument)

    server.scripts[breaker] = renewed
    with pytest.raises(Timeout), deadline(0.5):
        create(storage)
    assert breaker in server.commands
    assert server.files == {b"/": None, LOCK.encode(): None}


def test_a_holder_who_is_late_gives_up(
    server: ScriptedFTP, storage: FTPStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may soon take the lock for stale, so nothing is renamed any more."""
    monkeypatch.setattr(mutex, "LEASE", 0.2)
    slow = [0.4]

    def rename(session: Session, argument: str) -> str:
        time.sleep(slow.pop() if slow else 0)
        return session.do_RNFR(argument.encode(), argument)

    server.scripts["RNFR"] = rename
    create(storage)
    verbs = server.sent()
    assert (verbs.count("RNFR"), verbs.count("RNTO")) == (2, 1)
    assert server.files == {b"/": None, b"/a.txt": b"new"}


@pytest.mark.parametrize("verb", ["RNFR", "RNTO"])
def test_a_connection_lost_while_the_lock_is_held(
    server: ScriptedFTP, storage: FTPStorage, verb: str
) -> None:
    """Another one gives the lock back, and the save succeeds."""
    lost = [True]

    def once(session: Session, argument: str) -> str | None:
        if lost:
            lost.pop()
            session.hang_up()
            return None
        said: str = getattr(session, f"do_{verb}")(argument.encode(), argument)
        return said

    server.scripts[verb] = once
    assert storage.save("a.txt", ContentFile(b"new")) == "a.txt"
    assert not lost
    assert server.files == {b"/": None, b"/a.txt": b"new"}


def test_a_draft_is_removed_before_the_lock_is_given_back(
    server: ScriptedFTP, storage: FTPStorage
) -> None:
    """A renaming that the server does late finds nothing, rather than replace another's file."""
    server.scripts["RNTO"] = lambda session, _: session.hang_up()
    storage.retry = Retry(attempts=1)
    with pytest.raises(Unavailable):
        create(storage)
    verbs = server.sent()
    assert verbs.index("RNTO") < verbs.index("DELE") < verbs.index("RMD")
    assert server.files == {b"/": None}


def test_a_lock_of_last_year_is_stale(server: ScriptedFTP, storage: FTPStorage) -> None:
    """LIST shows no year: in January, a time in December looks as if it were to come."""
    path = f"/{mutex.lock_name('b.txt')}"
    server.put(path, None, age=-30 * 86400)
    with storage.connection() as ftp:
        assert mutex._is_stale(ftp, path, 1) is ("MLST" not in "".join(server.features or ()))


@pytest.mark.usefixtures("impatient")
def test_a_connection_lost_while_the_lock_is_given_back(
    server: ScriptedFTP, storage: FTPStorage
) -> None:
    """It may be somebody else's by now, so it stays until it is stale; the file is there."""
    server.scripts["RMD"] = lambda session, _: session.hang_up()
    create(storage)
    assert server.files == {b"/": None, b"/a.txt": b"new", LOCK.encode(): None}
    del server.scripts["RMD"]
    server.put(LOCK, None, age=mutex.STALE * 10)
    other = storage.save("a.txt", ContentFile(b"other"))
    assert server.files == {b"/": None, b"/a.txt": b"new", f"/{other}".encode(): b"other"}


def test_a_refused_renaming_gives_the_lock_back(server: ScriptedFTP, storage: FTPStorage) -> None:
    """And removes what was uploaded."""
    server.scripts["RNTO"] = "550 Rename failed."
    with pytest.raises(StorageError, match="Rename failed"):
        create(storage)
    assert server.files == {b"/": None}


def test_a_lock_that_may_not_be_made(server: ScriptedFTP, storage: FTPStorage) -> None:
    """There is no creating without it; the error is the server's."""
    server.scripts[f"MKD {LOCK}"] = "550 Permission denied."
    with pytest.raises(PermissionError):
        create(storage)
    assert server.files == {b"/": None}


def test_where_all_replace_there_is_no_lock(server: ScriptedFTP) -> None:
    """With ``allow_overwrite``, ``save`` needs none; what may only create still does."""
    with FTPStorage(server.location, allow_overwrite=True) as storage:
        storage.save("a.txt", ContentFile(b"1"))
        storage.save("a.txt", ContentFile(b"2"))
        assert "MKD" not in server.sent()
        create(storage, "b.txt")
        assert "MKD" in server.sent()


def saved(storage: FTPStorage) -> None:
    """Save 1 kB under a free name."""
    storage.save("free.txt", ContentFile(bytes(1000)))


def opened(storage: FTPStorage) -> None:
    """Open and read 1 kB."""
    with storage.open("a.txt") as file:
        file.read()


COSTS: dict[str, tuple[Callable[[FTPStorage], Any], dict[str, Any], str]] = {
    "save": (saved, {}, "PASV STOR SIZE MKD MLST RNFR RNTO RMD"),
    "save, allow_overwrite": (saved, {"allow_overwrite": True}, "PASV STOR SIZE SIZE RNFR RNTO"),
    "open and read": (opened, {}, "MLST PASV RETR"),
    "exists": (lambda s: s.exists("a.txt"), {}, "MLST"),
    "size": (lambda s: s.size("a.txt"), {}, "MLST"),
    "modified time": (lambda s: s.get_modified_time("a.txt"), {}, "MLST"),
    "listdir": (lambda s: s.listdir(""), {}, "PASV MLSD"),
    "delete": (lambda s: s.delete("a.txt"), {}, "DELE"),
    "move": (lambda s: s.move("a.txt", "b.txt"), {}, "MLST MKD MLST RNFR RNTO RMD"),
}


@pytest.mark.parametrize("what", COSTS)
def test_what_operations_cost(what: str) -> None:
    """In commands, on a connection that is open; django-storages sends 14 to save."""
    operation, options, expected = COSTS[what]
    with ScriptedFTP(MLST) as server, FTPStorage(server.location, **options) as storage:
        server.put("/a.txt", b"1")
        assert storage.exists("a.txt")
        server.sent()
        operation(storage)
        assert " ".join(server.sent()) == expected


def test_what_connecting_costs() -> None:
    """Besides USER and PASS; facts that the server does not tell of itself are asked for."""
    with ScriptedFTP(MLST) as server, FTPStorage(server.location) as storage:
        storage.exists("a.txt")
        assert server.sent()[:3] == ["FEAT", "OPTS", "TYPE"]
    with (
        ScriptedFTP(("MLST type*;size*;modify;unique;perm;",)) as server,
        FTPStorage(server.location.rstrip("/")) as storage,
    ):
        storage.exists("a.txt")
        assert server.commands[:4] == [
            "FEAT",
            "OPTS MLST type;size;modify;unique;",
            "TYPE I",
            "PWD",
        ]
