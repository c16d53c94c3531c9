"""What must hold when the way to a file server breaks, as tests that each such backend runs.

A subclass of the classes here gives a ``scene``: a storage behind a fault proxy, and the
server's disk, where it is seen what has become of the files. After each fault: every name holds
exactly the bytes of one completed write, or nothing; the others are unchanged; only users' files
are listed, and what else is there has the names of temporary files; the caller got success or one
of our errors, in time; the fault happened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from storages.errors import (
    Corrupt,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    Unavailable,
)
from storages.retry import Retry
from storages.staging import is_temporary
from tests.faults.proxy import DOWN, UP, Fault, TCPProxy, Way
from tests.servers.process import Server

TIMEOUT = 1.0  # seconds, of the storage
ATTEMPTS = 3
MARGIN = 10.0  # seconds that a busy machine may take beside waiting for the server
OLD = os.urandom(200_000)
CONTENT = os.urandom(600_000)
ONCE, ALWAYS = 1, None


@dataclass
class Scene:
    """A place on a server, storages that reach it through a proxy, and its files on the disk.

    ``options(port)`` gives a storage's options. ``data``: the bytes of a transfer pass on
    connections of their own.
    """

    kind: type[RemoteStorage]
    options: Callable[[int], dict[str, Any]]
    server: Server
    proxy: TCPProxy
    directory: Path
    data: bool
    made: list[RemoteStorage] = field(default_factory=list)

    def storage(self, *, direct: bool = False, **more: Any) -> RemoteStorage:
        """A storage that has no connection yet; through the proxy, or not."""
        port = self.server.port if direct else self.proxy.port
        given = {"timeout": TIMEOUT, **self.options(port), **more}
        storage = self.kind(**given)
        storage.retry = Retry(attempts=ATTEMPTS, backoff=0.01)
        self.made.append(storage)
        return storage

    def close(self) -> None:
        """Close the storages."""
        for storage in self.made:
            storage.close()

    def found(self) -> dict[str, bytes]:
        """Every file of the place, as the server has it."""
        paths = [path for path in self.directory.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in paths}

    def files(self) -> dict[str, bytes]:
        """The users' files; everything else is known to be temporary, and is not shown."""
        files = {name: held for name, held in self.found().items() if not _is_ours(name)}
        with self.storage(direct=True) as storage:
            directories, names = storage.listdir("")
        assert not [name for name in (*directories, *names) if is_temporary(name)]
        assert sorted(names) == sorted(name for name in files if "/" not in name)
        return files

    def sweep(self) -> None:
        """Remove what is temporary, as an administrator does (a lock is a directory)."""
        for path in list(self.directory.rglob("*")):
            if is_temporary(path.name):
                path.rmdir() if path.is_dir() else path.unlink()

    def fault(self, kind: Any, way: Way, **more: Any) -> Fault:
        """A fault where the bytes of files pass."""
        return Fault(kind, way, **{"data": self.data, **more})


def _is_ours(name: str) -> bool:
    return any(is_temporary(part) for part in name.split("/"))


@dataclass
class Outcome:
    """What came of a call."""

    value: Any = None
    error: StorageError | None = None


def attempt(call: Callable[[], Any], waits: float = ATTEMPTS * TIMEOUT) -> Outcome:
    """Call; success, or one of our errors, within the time that it may wait, and a margin."""
    started = time.monotonic()
    try:
        outcome = Outcome(value=call())
    except StorageError as error:
        outcome = Outcome(error=error)
    assert time.monotonic() - started < waits * 1.1 + MARGIN
    return outcome


def written(storage: RemoteStorage, name: str, content: bytes) -> str:
    """Write over what is there."""
    with storage.open(name, "wb") as file:
        file.write(content)
    return name


def read(storage: RemoteStorage, name: str) -> bytes:
    """All of a file."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


# where: of the bytes that pass, the first (counted from 0) that does not.
PLACES: dict[str, Callable[[int], int]] = {
    "3 %": lambda size: size * 3 // 100,
    "50 %": lambda size: size // 2,
    "the last byte": lambda size: size - 1,
}
CUTS = [(kind, place) for kind in ("rst", "fin") for place in PLACES]
STALLS = [("stall", "50 %"), ("stall", "the last byte")]


class Faults:
    """What every experiment needs; a subclass says where it happens."""

    #: Bytes that pass on a new connection that does this to CONTENT.
    sizes: ClassVar[dict[str, int]]
    #: By how many of them it may be fewer another time.
    varies: ClassVar[int] = 0

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """An empty place on the server."""
        raise NotImplementedError

    @pytest.fixture
    def old(self, scene: Scene) -> dict[str, bytes]:
        """What is there before: a file that nobody is about to change, and one to be replaced."""
        self.size(scene, "save")
        with scene.storage(direct=True) as storage:
            for name in ("other.bin", "replaced.bin"):
                assert storage.save(name, ContentFile(OLD)) == name
        return {"other.bin": OLD, "replaced.bin": OLD}

    def size(self, scene: Scene, what: str) -> int:
        """How many bytes pass; found out once, by doing it without a fault."""
        if not self.sizes:
            (scene.directory / "a.bin").write_bytes(CONTENT)
            (scene.directory / "replaced.bin").touch()
            os.chown(scene.directory / "replaced.bin", *_owner(scene.directory))
            for name, way, call in (
                ("save", UP, lambda storage: storage.save("new.bin", ContentFile(CONTENT))),
                ("replace", UP, lambda storage: written(storage, "replaced.bin", CONTENT)),
                ("read", DOWN, lambda storage: read(storage, "a.bin")),
            ):
                scene.proxy.clear()
                call(scene.storage())
                found = [each for each in scene.proxy.traffic if each.data == scene.data]
                self.sizes[name] = max(each.up if way == UP else each.down for each in found)
            for name in ("a.bin", "new.bin", "replaced.bin"):
                (scene.directory / name).unlink()
            scene.proxy.clear()
        return self.sizes[what] - self.varies


class CutFaults(Faults):
    """Transfers that break off, stall or are damaged."""

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, *STALLS])
    def test_an_upload_that_breaks_off_once(
        self, scene: Scene, old: dict[str, bytes], kind: str, place: str
    ) -> None:
        """It is sent again: one file, whole, under the name; nothing else is left of it."""
        at = PLACES[place](self.size(scene, "save"))
        scene.proxy.arm(fault := scene.fault(kind, UP, at=at))
        outcome = attempt(lambda: scene.storage().save("new.bin", ContentFile(CONTENT)))
        scene.proxy.wait_fired()
        assert scene.proxy.fired == [fault]
        assert outcome.error is None
        assert outcome.value == "new.bin"
        assert scene.files() == {**old, "new.bin": CONTENT}

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, STALLS[0]])
    def test_an_upload_that_always_breaks_off(
        self, scene: Scene, old: dict[str, bytes], kind: str, place: str
    ) -> None:
        """An error in time, and nothing under the name (or all, if only the answer was lost)."""
        at = PLACES[place](self.size(scene, "save"))
        scene.proxy.arm(scene.fault(kind, UP, at=at, times=None))
        outcome = attempt(lambda: scene.storage().save("new.bin", ContentFile(CONTENT)))
        scene.proxy.wait_fired()
        if place != "the last byte":
            assert isinstance(outcome.error, Unavailable)
            assert len(scene.proxy.fired) >= ATTEMPTS
        if outcome.error is None:
            assert scene.files() == {**old, "new.bin": CONTENT}
        else:
            assert scene.files() in (old, {**old, "new.bin": CONTENT})

    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    @pytest.mark.parametrize("kind", ["rst", "fin"])
    @pytest.mark.parametrize("place", PLACES)
    def test_replacing_that_breaks_off(
        self, scene: Scene, old: dict[str, bytes], kind: str, place: str, times: int | None
    ) -> None:
        """The old file stays until the new one is there, whole."""
        at = PLACES[place](self.size(scene, "replace"))
        scene.proxy.arm(scene.fault(kind, UP, at=at, times=times))
        outcome = attempt(lambda: written(scene.storage(), "replaced.bin", CONTENT))
        scene.proxy.wait_fired()
        held = scene.files().pop("replaced.bin")
        if outcome.error is None:
            assert held == CONTENT
        else:
            assert times is ALWAYS
            assert isinstance(outcome.error, Unavailable)
            assert held in (OLD, CONTENT)
        assert scene.files() == {**old, "replaced.bin": held}

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, *STALLS])
    def test_a_download_that_breaks_off_once(self, scene: Scene, kind: str, place: str) -> None:
        """It goes on where it stopped.

        A file of this second may be replaced unnoticed where versions are times in seconds: there,
        one that ends early though the server has sent it all is refused.
        """
        at = PLACES[place](self.size(scene, "read"))
        put_long_ago(scene.directory / "a.bin", CONTENT)
        scene.proxy.arm(fault := scene.fault(kind, DOWN, at=at))
        outcome = attempt(lambda: read(scene.storage(), "a.bin"))
        scene.proxy.wait_fired()
        assert scene.proxy.fired == [fault]
        assert outcome.error is None
        assert outcome.value == CONTENT

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, STALLS[0]])
    def test_a_download_that_always_breaks_off(self, scene: Scene, kind: str, place: str) -> None:
        """Every byte, if each attempt gets further; else an error in time. Never a part."""
        at = PLACES[place](self.size(scene, "read"))
        put_long_ago(scene.directory / "a.bin", CONTENT)
        scene.proxy.arm(scene.fault(kind, DOWN, at=at, times=None))
        outcome = attempt(lambda: read(scene.storage(), "a.bin"))
        scene.proxy.wait_fired()
        if outcome.error is None:
            assert outcome.value == CONTENT
        else:
            assert isinstance(outcome.error, Unavailable)
            assert len(scene.proxy.fired) > 1

    #: Whether the bytes on the way are protected; else a flipped bit goes unnoticed (documented).
    protected: ClassVar[bool] = True

    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_a_flipped_bit(
        self, scene: Scene, old: dict[str, bytes], way: Way, times: int | None
    ) -> None:
        """Noticed, and sent again, where the connection is protected; else that bit is wrong."""
        at = self.size(scene, "save" if way == UP else "read") // 2
        scene.proxy.arm(scene.fault("flip", way, at=at, times=times))
        storage = scene.storage()
        (scene.directory / "a.bin").write_bytes(CONTENT)
        if way == UP:
            outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)))
        else:
            outcome = attempt(lambda: read(storage, "a.bin"))
        scene.proxy.wait_fired()
        files = scene.files()
        assert files.pop("a.bin") == CONTENT
        new = files.pop("new.bin", None)
        assert files == old
        if outcome.error is not None:
            assert self.protected
            assert times is ALWAYS
            assert isinstance(outcome.error, (Unavailable, Corrupt))
            assert new is None
            return
        arrived = new if way == UP else outcome.value
        assert arrived is not None
        wrong = sum(a != b for a, b in zip(arrived, CONTENT, strict=True))
        assert wrong == (0 if self.protected else 1)


class RequestFaults(Faults):
    """Every request, one after the other."""

    @pytest.mark.parametrize("way", [UP, DOWN])
    @pytest.mark.parametrize("replacing", [False, True])
    def test_each_request_of_a_save_is_cut(
        self, scene: Scene, old: dict[str, bytes], way: Way, replacing: bool
    ) -> None:
        """The n-th request does not arrive (or its answer is lost), for every n there is."""
        turn, expected = 0, dict(old)
        content = CONTENT[:10_000]
        while True:
            turn += 1
            assert turn < 100
            scene.proxy.clear()
            scene.proxy.arm(Fault("rst", way, turn=turn))
            storage = scene.storage()
            name = "replaced.bin" if replacing else f"new-{turn}.bin"
            content = content[1:]
            if replacing:
                outcome = attempt(lambda: written(storage, name, content))  # noqa: B023
            else:
                outcome = attempt(lambda: storage.save(name, ContentFile(content)))  # noqa: B023
            files = scene.files()
            if outcome.error is None:
                assert outcome.value == name
                expected[name] = content
            else:
                assert self.tolerates(outcome.error), f"request {turn}: {outcome.error}"
                assert files.get(name) in (expected.get(name), content)
            assert files == expected
            scene.sweep()
            if not scene.proxy.fired:
                break
        assert turn > 4

    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_each_request_is_always_cut(
        self, scene: Scene, old: dict[str, bytes], way: Way
    ) -> None:
        """The n-th of every connection: an error or success, and no half file in either case."""
        turn, content = 0, CONTENT[:10_000]
        while True:
            turn += 1
            scene.proxy.clear()
            scene.proxy.arm(Fault("rst", way, turn=turn, times=None))
            storage = scene.storage()
            name = f"new-{turn}.bin"
            outcome = attempt(lambda: storage.save(name, ContentFile(content)))  # noqa: B023
            files = scene.files()
            held = {file: files.pop(file) for file in set(files) - set(old)}
            assert files == old
            assert all(each == content for each in held.values())
            if outcome.error is None:
                assert outcome.value in held
            else:
                assert isinstance(outcome.error, Unavailable)
            scene.sweep()
            for file in held:
                (scene.directory / file).unlink()
            if not scene.proxy.fired:
                break
        assert turn > 4

    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_each_request_of_other_calls_is_cut(
        self, scene: Scene, old: dict[str, bytes], way: Way
    ) -> None:
        """Asking, listing, renaming and deleting are tried again; nothing else is touched."""

        def several(storage: RemoteStorage) -> list[Any]:
            told: list[Any] = [storage.exists("other.bin"), storage.exists("missing.bin")]
            told += [storage.size("other.bin"), sorted(storage.listdir("")[1])]
            storage.delete("gone.bin")
            return [*told, storage.exists("gone.bin")]

        turn = 0
        while True:
            turn += 1
            scene.proxy.clear()
            scene.proxy.arm(Fault("rst", way, turn=turn))
            (scene.directory / "gone.bin").write_bytes(b"x")
            os.chown(scene.directory / "gone.bin", *_owner(scene.directory))
            storage = scene.storage()
            outcome = attempt(lambda: several(storage))  # noqa: B023
            files = scene.files()
            if outcome.error is None:
                listed = sorted([*old, "gone.bin"])
                assert outcome.value == [True, False, len(OLD), listed, False]
                assert files == old
            else:  # a listing that has begun is not begun again
                assert outcome.error.operation == "list", f"request {turn}: {outcome.error}"
                assert files == {**old, "gone.bin": b"x"}
            if not scene.proxy.fired:
                break
        assert turn > 4

    def tolerates(self, error: StorageError) -> bool:
        """Whether a backend may fail so though only one request was cut; the docs say why."""
        del error
        return False


class ServerFaults(Faults):
    """The server dies, freezes, is full, refuses."""

    def test_a_server_that_is_killed_at_half_an_upload(
        self, scene: Scene, old: dict[str, bytes]
    ) -> None:
        """Nothing under the name; when it is back, the same storage saves."""
        at = self.size(scene, "save") // 2
        scene.proxy.arm(scene.fault("call", UP, at=at, action=scene.server.kill))
        storage = scene.storage()
        outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)))
        scene.proxy.wait_fired()
        assert isinstance(outcome.error, Unavailable)
        scene.server.start()
        assert scene.files() == old
        assert storage.save("new.bin", ContentFile(CONTENT)) == "new.bin"
        assert scene.files() == {**old, "new.bin": CONTENT}

    def test_a_server_that_freezes_at_half_an_upload(
        self, scene: Scene, old: dict[str, bytes]
    ) -> None:
        """Timeout, in time; when it goes on, the same storage saves."""
        at = self.size(scene, "save") // 2
        scene.proxy.arm(scene.fault("call", UP, at=at, action=scene.server.pause))
        storage = scene.storage(**self.short_connecting)
        try:
            outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)))
        finally:
            scene.server.resume()
        scene.proxy.wait_fired()
        assert isinstance(outcome.error, Timeout)
        assert scene.files() == old
        assert storage.save("new.bin", ContentFile(CONTENT)) == "new.bin"
        assert scene.files() == {**old, "new.bin": CONTENT}

    #: Options that bound connecting as ``timeout`` bounds the rest.
    short_connecting: ClassVar[dict[str, Any]] = {}

    def test_a_server_that_restarts_between_calls(
        self, scene: Scene, old: dict[str, bytes]
    ) -> None:
        """The next call connects again."""
        storage = scene.storage()
        assert storage.exists("other.bin")
        connections = len([each for each in scene.proxy.traffic if not each.data])
        scene.server.kill()  # a server that is asked to stop may let its sessions go on
        scene.server.start()
        assert storage.save("new.bin", ContentFile(CONTENT)) == "new.bin"
        assert read(storage, "other.bin") == OLD
        assert len([each for each in scene.proxy.traffic if not each.data]) > connections
        assert scene.files() == {**old, "new.bin": CONTENT}

    def test_refused_connections(self, scene: Scene, old: dict[str, bytes]) -> None:
        """Tried again, for a while; then an error. "Cannot tell" is not "does not exist"."""
        storage = scene.storage()
        scene.proxy.refuse()
        for call in (
            lambda: storage.exists("other.bin"),
            lambda: storage.open("other.bin"),
            lambda: storage.save("new.bin", ContentFile(CONTENT)),
            lambda: storage.delete("other.bin"),
            lambda: storage.listdir(""),
        ):
            error = attempt(call).error
            assert isinstance(error, Unavailable)
            assert not isinstance(error, NotFound)
        assert scene.proxy.traffic == []
        scene.proxy.refuse(0.5)
        storage.retry = Retry(attempts=10, backoff=0.2, longest=1.0)
        outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)), 10)
        assert outcome.value == "new.bin"
        assert scene.files() == {**old, "new.bin": CONTENT}

    def test_a_full_disk(self, scene: Scene) -> None:
        """StorageFull, nothing left of it, and room again for what fits."""
        directory, storage, room = self.small(scene)
        before = {path.name for path in directory.iterdir()}
        outcome = attempt(lambda: storage.save("large.bin", ContentFile(bytes(room * 2))))
        assert isinstance(outcome.error, self.full)
        assert {path.name for path in directory.iterdir()} == before
        assert storage.save("small.bin", ContentFile(OLD)) == "small.bin"
        assert (directory / "small.bin").read_bytes() == OLD
        outcome = attempt(lambda: written(storage, "small.bin", bytes(room * 2)))
        assert isinstance(outcome.error, self.full)
        assert (directory / "small.bin").read_bytes() == OLD
        storage.delete("small.bin")
        assert {path.name for path in directory.iterdir()} == before

    #: What is raised when the disk is full.
    full: ClassVar[tuple[type[StorageError], ...]] = (StorageFull,)

    def small(self, scene: Scene) -> tuple[Path, RemoteStorage, int]:
        """A place on a small disk: as it is here, a storage there, and its bytes."""
        raise NotImplementedError

    def test_a_wrong_password(self, scene: Scene, old: dict[str, bytes]) -> None:
        """PermissionDenied, at once, without the password."""
        storage, secret = self.with_wrong_password(scene)
        outcome = attempt(lambda: storage.save("new.bin", ContentFile(CONTENT)))
        assert isinstance(outcome.error, PermissionDenied)
        error: BaseException | None = outcome.error
        while error is not None:
            assert secret not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__
        assert secret not in repr(storage)
        assert scene.files() == old

    def with_wrong_password(self, scene: Scene) -> tuple[RemoteStorage, str]:
        """A storage with a wrong password, and that password."""
        raise NotImplementedError


def put_long_ago(path: Path, content: bytes) -> None:
    """Write a file that nobody has written for an hour."""
    path.write_bytes(content)
    then = time.time() - 3600
    os.utime(path, (then, then))


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid
