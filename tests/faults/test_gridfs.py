"""What must hold for GridFS when the way to MongoDB breaks, or this process, and in races.

What every backend is to stand is in tests/faults/matrix; here is what is peculiar.

After each fault, seen over a direct connection: every name holds exactly the bytes of one completed
write, or nothing; the others are unchanged; only users' files are listed, and chunks that belong to
no file are found; the caller got success or one of our errors, in time; the fault happened.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from pymongo.collection import Collection
from pymongo.errors import ProtocolError, WriteConcernError

from storages.backends.gridfs import GridFSStorage
from storages.backends.gridfs.bucket import Bucket
from storages.errors import Changed, Corrupt, StorageError, Timeout, Unavailable
from storages.retry import Retry, deadline
from storages.testing.threads import run_threads
from tests.faults.proxy import DOWN, UP, Fault, TCPProxy, Way
from tests.servers import shared
from tests.servers.secantus import Secantus

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 3
TIMEOUT = 1.0  # seconds, of the storage
MARGIN = 10.0  # seconds that a busy machine may take beside waiting for the server
OLD = os.urandom(200_000)
CONTENT = os.urandom(600_000)
SMALL = CONTENT[:10_000]
WRITERS = 12
ALL = timedelta(minutes=-1)  # older than that: every orphan


@dataclass
class Scene:
    """A database, storages that reach it through a proxy or directly, and what is in it."""

    server: Secantus
    proxy: TCPProxy
    database: str
    made: list[GridFSStorage] = field(default_factory=list)

    def storage(self, *, direct: bool = False, **more: Any) -> GridFSStorage:
        """A storage with a client of its own, which has no connection yet."""
        port = self.server.port if direct else self.proxy.port
        # A client that streams would watch the server on one more connection; the name keeps
        # clients apart.
        options = {"serverMonitoringMode": "poll", "appname": str(len(self.made))}
        given = {"timeout": TIMEOUT, "connect_timeout": TIMEOUT, **more}
        uri = f"mongodb://127.0.0.1:{port}/{self.database}"
        storage = GridFSStorage(uri=uri, client_options=options, **given)
        storage.retry = Retry(attempts=ATTEMPTS, backoff=0.01)
        self.made.append(storage)
        return storage

    def files(self) -> dict[str, bytes]:
        """All files that are listed, read over a direct connection."""
        with self.storage(direct=True, timeout=60.0) as storage:
            return {name: read(storage, name) for name in storage.listdir("")[1]}

    def orphans(self) -> int:
        """How many ids have chunks and no file; they are removed."""
        with self.storage(direct=True, timeout=60.0) as storage:
            count = storage.remove_orphans(ALL)
            assert storage.remove_orphans(ALL) == 0
            return count

    def close(self) -> None:
        """Close the storages and drop the database."""
        for storage in self.made:
            storage.close()
        self.server.start()
        self.server.drop(self.database)


@pytest.fixture
def scene() -> Iterator[Scene]:
    """An empty place on the server."""
    server = shared(Secantus)
    # How soon a client asks again for a server that broke off.
    soon = mock.patch("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
    with soon, TCPProxy(server.port) as proxy:
        made = Scene(server, proxy, server.new_database())
        yield made
        proxy.release()
        made.close()


@pytest.fixture
def old(scene: Scene) -> dict[str, bytes]:
    """What is there before: a file that nobody is about to change, and one to be replaced."""
    files = {"other.bin": OLD, "replaced.bin": OLD}
    with scene.storage(direct=True, timeout=60.0) as storage:
        for name, content in files.items():
            assert storage.save(name, ContentFile(content)) == name
    return files


def read(storage: GridFSStorage, name: str) -> bytes:
    """All of a file."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


def write(storage: GridFSStorage, name: str, content: bytes) -> str:
    """Write over what is there."""
    with storage.open(name, "wb") as file:
        file.write(content)
    return name


def save(storage: GridFSStorage, name: str, content: bytes) -> str:
    """Create a file."""
    return str(storage.save(name, ContentFile(content)))


def attempt(call: Callable[[], Any], waits: float = 2 * ATTEMPTS * TIMEOUT) -> Any:
    """Call; give the result, or one of our errors, within the time that it may wait."""
    started = time.monotonic()
    try:
        found = call()
    except StorageError as error:
        found = error
    assert time.monotonic() - started < waits * 1.1 + MARGIN
    return found


# ------------------------------------------------------------------ the way


@pytest.mark.parametrize("way", [UP, DOWN])
def test_each_request_of_other_calls_is_cut(scene: Scene, old: dict[str, bytes], way: Way) -> None:
    """Asking, listing, moving, deleting and reading are tried again; nothing else is touched."""

    def several(storage: GridFSStorage) -> list[Any]:
        told: list[Any] = [storage.exists("other.bin"), storage.exists("missing.bin")]
        told += [storage.size("other.bin"), sorted(storage.listdir("")[1])]
        storage.move("gone.bin", "moved.bin")
        told.append(read(storage, "moved.bin"))
        storage.delete("moved.bin")
        return [*told, storage.exists("moved.bin"), storage.exists("gone.bin")]

    listed = sorted([*old, "gone.bin"])
    for turn in range(2, 40):
        scene.proxy.clear()
        with scene.storage(direct=True) as direct:
            direct.save("gone.bin", ContentFile(SMALL))
        scene.proxy.arm(Fault("rst", way, turn=turn))
        with scene.storage() as storage:
            found = attempt(lambda: several(storage))
            fired = len(scene.proxy.fired)
        assert found == [True, False, len(OLD), listed, SMALL, False, False]
        assert scene.files() == old
        if not fired:
            break
    assert not fired
    assert turn > 10
    assert scene.orphans() == 0


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_flipped_bit(scene: Scene, way: Way) -> None:
    """Without TLS nothing protects the bytes on their way; who reads the file notices."""
    storage = scene.storage()
    if way == UP:
        scene.proxy.arm(Fault("flip", UP, at=300_000))
    storage.save("a.bin", ContentFile(CONTENT))
    if way == DOWN:
        scene.proxy.arm(Fault("flip", DOWN, at=300_000))
    assert isinstance(attempt(lambda: read(storage, "a.bin")), Corrupt)
    scene.proxy.wait_fired()
    if way == DOWN:
        assert read(storage, "a.bin") == CONTENT


def test_a_deadline(scene: Scene) -> None:
    """It bounds a save into a line that stalls, cleaning up included."""
    scene.proxy.arm(Fault("stall", UP, at=300_000, times=None))
    storage = scene.storage(timeout=60.0)
    storage.save("warm", ContentFile(b"x"))
    started = time.monotonic()
    with deadline(0.5), pytest.raises(Timeout):
        storage.save("new.bin", ContentFile(CONTENT))
    assert 0.4 < time.monotonic() - started < 0.5 + 2.0 + MARGIN
    scene.proxy.wait_fired()
    scene.proxy.clear()
    assert scene.files() == {"warm": b"x"}


def test_refused_connections(scene: Scene) -> None:
    """Unavailable in time; when the server is back, the same storage goes on."""
    storage = scene.storage(connect_timeout=0.3)
    storage.save("a.bin", ContentFile(SMALL))
    scene.proxy.refuse()
    scene.proxy.reset()
    found = attempt(lambda: storage.exists("a.bin"))
    assert isinstance(found, Unavailable)
    scene.proxy.accept()
    assert storage.exists("a.bin")


# ------------------------------------------------------------------ the server


def test_a_restart_between_calls(scene: Scene, old: dict[str, bytes]) -> None:
    """The next call of the same storage works, and so does a file that was open."""
    storage = scene.storage(direct=True, timeout=20.0, connect_timeout=20.0)
    storage.save("open.bin", ContentFile(CONTENT))
    with storage.open("open.bin") as file:
        assert file.read(10) == CONTENT[:10]
        scene.server.restart()
        assert file.read() == CONTENT[10:]
    assert storage.save("new.bin", ContentFile(CONTENT)) == "new.bin"
    assert scene.files() == {**old, "open.bin": CONTENT, "new.bin": CONTENT}


# ------------------------------------------------------------------ this process


PROGRAM = """
import os, sys
sys.path.insert(0, {root!r})
import django
from django.conf import settings
settings.configure(USE_TZ=True)
django.setup()
from django.core.files.base import ContentFile
from storages.backends.gridfs import GridFSStorage
from storages.backends.gridfs.bucket import Bucket
insert = Bucket.insert_chunks
def told(self, chunks, *, again):
    insert(self, chunks, again=again)
    print("sent", flush=True)
    sys.stdin.read()
Bucket.insert_chunks = told
GridFSStorage(uri={uri!r}).save("new.bin", ContentFile(bytes(9_000_000)))
"""


def test_a_process_that_is_killed_during_an_upload(scene: Scene, old: dict[str, bytes]) -> None:
    """It leaves chunks that no file has; nobody sees them, and they can be removed."""
    uri = f"{scene.server.uri}{scene.database}"
    code = PROGRAM.format(root=str(ROOT), uri=uri)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"sent\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with scene.storage(direct=True, timeout=60.0) as storage:
        assert not storage.exists("new.bin")
        assert list(storage.orphans()) == []  # it may be an upload that goes on
        assert storage.save("new.bin", ContentFile(SMALL)) == "new.bin"
    assert scene.orphans() == 1
    assert scene.files() == {**old, "new.bin": SMALL}


class _Interrupted(BaseException):
    """As a worker's time limit, or a key that is pressed."""


@pytest.mark.parametrize(
    "error",
    [_Interrupted(), ProtocolError("bad answer"), WriteConcernError("not enough members", 100)],
    ids=["interrupted", "bad answer", "not replicated"],
)
@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("obeyed", [False, True])
def test_a_commit_of_which_nobody_knows(
    scene: Scene, old: dict[str, bytes], error: BaseException, replacing: bool, obeyed: bool
) -> None:
    """Where the file's document may be there, so is its content."""
    storage = scene.storage(direct=True, timeout=60.0)
    name = "replaced.bin" if replacing else "new.bin"
    insert_one = Collection.insert_one
    met: list[Any] = []

    def obey_and_fail(self: Any, document: Any, **more: Any) -> Any:
        met.append(document)
        if obeyed:
            insert_one(self, document, **more)
        raise error

    with (
        mock.patch.object(Collection, "insert_one", obey_and_fail),
        pytest.raises((_Interrupted, StorageError)),
    ):
        (write if replacing else save)(storage, name, CONTENT)
    assert len(met) == 1
    assert scene.files() == ({**old, name: CONTENT} if obeyed else old)


# ------------------------------------------------------------------ races


@pytest.fixture
def together() -> Iterator[Callable[[], int]]:
    """Twelve writers commit at one moment, each having found the name as it was before."""
    insert = Bucket.insert_file
    barrier = threading.Barrier(WRITERS)
    met: list[int] = []

    def wait_and_insert(self: Bucket, document: Any) -> None:
        if len(met) < WRITERS:
            met.append(threading.get_ident())
            barrier.wait(60)
        insert(self, document)

    with mock.patch.object(Bucket, "insert_file", wait_and_insert):
        yield lambda: len(set(met))


def test_twelve_writers_create_one_name(scene: Scene, together: Callable[[], int]) -> None:
    """Twelve names, twelve contents, and nothing left of the refused attempts."""
    contents = [SMALL[number:] for number in range(WRITERS)]
    storages = [scene.storage(direct=True, timeout=60.0) for _ in contents]
    names = run_threads(
        *[
            lambda s=storage, c=content: s.save("a.bin", ContentFile(c))
            for storage, content in zip(storages, contents, strict=True)
        ]
    )
    assert together() == WRITERS
    assert names.count("a.bin") == 1
    assert len(set(names)) == WRITERS
    assert scene.files() == dict(zip(names, contents, strict=True))
    assert scene.orphans() == 0


def test_twelve_writers_replace_one_file(scene: Scene, together: Callable[[], int]) -> None:
    """One content wins, whole; one revision is there, and no chunks of the others."""
    contents = [CONTENT[number:] for number in range(WRITERS)]
    storages = [scene.storage(direct=True, timeout=60.0) for _ in contents]
    done = run_threads(
        *[
            lambda s=storage, c=content: write(s, "a.bin", c)
            for storage, content in zip(storages, contents, strict=True)
        ]
    )
    assert done == ["a.bin"] * WRITERS
    assert together() == WRITERS
    (found,) = scene.files().values()
    assert found in contents
    assert scene.orphans() == 0
    with scene.server.client() as client:
        assert client[scene.database].fs.files.count_documents({}) == 1


@pytest.mark.parametrize("moving", [False, True])
def test_a_writer_that_is_overtaken_by_two_others(scene: Scene, moving: bool) -> None:
    """Its claim was taken and left again while it slept: no revision stays beside the file."""
    storage = scene.storage(direct=True, timeout=60.0)
    other = scene.storage(direct=True, timeout=60.0)
    storage.save("a.bin", ContentFile(OLD))
    if moving:
        storage.save("moved.bin", ContentFile(SMALL))
    command = "rename" if moving else "insert_file"
    commit = getattr(Bucket, command)
    turns: list[bytes] = []

    def overtaken(self: Bucket, *given: Any, **more: Any) -> Any:
        if not turns:
            for content in (CONTENT[1:], CONTENT[2:]):
                turns.append(content)
                write(other, "a.bin", content)
        return commit(self, *given, **more)

    with mock.patch.object(Bucket, command, overtaken):
        if moving:
            storage.move("moved.bin", "a.bin", overwrite=True)
        else:
            write(storage, "a.bin", SMALL)
    assert len(turns) == 2
    assert scene.files() in ({"a.bin": SMALL}, {"a.bin": turns[1]})
    with scene.server.client() as client:
        assert client[scene.database].fs.files.count_documents({}) == 1
    assert scene.orphans() == 0


def test_a_name_that_is_created_again_while_it_is_replaced(scene: Scene) -> None:
    """Between publishing the new and deleting the old version the name is not free."""
    storage = scene.storage(direct=True, timeout=60.0)
    other = scene.storage(direct=True, timeout=60.0)
    storage.save("a.bin", ContentFile(OLD))
    delete_files = Bucket.delete_files
    saved: list[str] = []

    def save_first(self: Bucket, documents: Any) -> Any:
        if not saved:
            saved.append(other.save("a.bin", ContentFile(SMALL)))
            assert read(other, "a.bin") == CONTENT
        return delete_files(self, documents)

    with mock.patch.object(Bucket, "delete_files", save_first):
        write(storage, "a.bin", CONTENT)
    assert saved != ["a.bin"]
    assert scene.files() == {"a.bin": CONTENT, saved[0]: SMALL}


def test_a_reader_while_the_file_is_replaced(scene: Scene) -> None:
    """At every moment of a replacement a new reader gets the old or the new bytes, whole."""
    storage = scene.storage(direct=True, timeout=60.0)
    reader = scene.storage(direct=True, timeout=60.0)
    former = CONTENT[1:]
    storage.save("a.bin", ContentFile(former))
    seen: list[bytes] = []
    patches = [
        mock.patch.object(Bucket, name, _looking(name, lambda: seen.append(read(reader, "a.bin"))))
        for name in ("insert_chunks", "insert_file", "delete_files", "delete_chunks")
    ]
    opened = reader.open("a.bin")
    assert opened.read(10) == former[:10]
    for patch in patches:
        patch.start()
    try:
        write(storage, "a.bin", CONTENT)
    finally:
        for patch in patches:
            patch.stop()
    assert seen == [former] * 3 + [CONTENT] * 5
    with opened, pytest.raises(Changed):
        opened.read()


def _looking(name: str, look: Callable[[], None]) -> Callable[..., Any]:
    """Look before and after a command."""
    command = getattr(Bucket, name)

    def looked(*args: Any, **more: Any) -> Any:
        look()
        found = command(*args, **more)
        look()
        return found

    return looked
