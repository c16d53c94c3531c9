"""How SFTP storages publish files where server or disk lack something: by turns, losing nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.sftp import publishing
from storages.backends.sftp import storage as sftp_storage
from storages.backends.sftp.messages import Failure, Kind
from storages.backends.sftp.session import Session
from storages.backends.sftp.writing import Writer
from storages.connections import PerThread
from storages.errors import IsADirectory, NotFound, Timeout
from storages.retry import deadline
from storages.staging import is_temporary, temporary_name
from tests.backends.sftp_place import Place, as_root, place_on, replace, shared_place
from tests.servers.sshd import SMALL, Sshd


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server that all tests share."""
    with shared_place() as made:
        made.server.new_directory(made.root)
        yield made


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
