"""MogileFS when trackers and nodes die, freeze, refuse, lose files or say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.mogilefs import MogileFSStorage
from storages.errors import Corrupt, NotFound, Unavailable
from tests.faults.mogile_scene import BEFORE, WAITS, MogileScene, filled
from tests.faults.proxy import DOWN, UP, Fault
from tests.faults.transfers import CONTENT, OLD, attempt, read, written
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.mogile import MogileTracker

HALF = len(CONTENT) // 2
AFTER = {**BEFORE, "new.bin": CONTENT}


@pytest.fixture
def scene() -> Iterator[MogileScene]:
    """A domain with two files."""
    with filled() as found:
        yield found


def save(storage: MogileFSStorage, name: str = "new.bin", data: bytes = CONTENT) -> str:
    """Save; the name that it got."""
    saved: str = storage.save(name, ContentFile(data))
    return saved


def until(met: Callable[[], object]) -> Iterator[int]:
    """Numbers until it has happened: which of the nodes is used is chance."""
    for number in range(100):
        yield number
        if met():
            return
    raise AssertionError("it has not happened in a hundred tries")


def doubled(scene: MogileScene, kind: str = "two") -> dict[int, Any]:
    """Store a file of two copies; where they are on the disks, by device."""
    save(scene.storage(kind, direct=True), "a.bin")
    scene.cluster.settle()
    scene.clear()
    copies = scene.cluster.replicas(scene.domain, "a.bin")
    assert len(copies) == 2
    return copies


class TestTrackersDie:
    """``kill -9``, and a tracker that freezes."""

    @pytest.mark.parametrize("replacing", [False, True])
    def test_one_at_half_an_upload(self, scene: MogileScene, replacing: bool) -> None:
        """The one that began it: the other one finishes."""

        def kill() -> None:
            busy = [proxy.up > 0 for proxy in scene.trackers]
            assert busy.count(True) == 1
            scene.cluster.trackers[busy.index(True)].kill_alone()

        scene.arm_one(scene.nodes, Fault("call", UP, at=HALF, action=kill))
        storage = scene.storage()
        name = "replaced.bin" if replacing else "new.bin"
        outcome = attempt(lambda: (written if replacing else save)(storage, name, CONTENT), WAITS)
        assert len(scene.fired) == 1
        assert outcome.error is None
        assert outcome.value == name
        assert all(proxy.up for proxy in scene.trackers)
        scene.cluster.start()
        assert scene.kept() == {**BEFORE, name: CONTENT}

    def test_both_at_half_an_upload(self, scene: MogileScene) -> None:
        """Unavailable, nothing under the name; when they are back, the same storage saves."""

        def kill() -> None:
            for tracker in scene.cluster.trackers:
                tracker.kill_alone()

        scene.arm_one(scene.nodes, Fault("call", UP, at=HALF, action=kill))
        storage = scene.storage()
        outcome = attempt(lambda: save(storage), WAITS)
        assert len(scene.fired) == 1
        assert isinstance(outcome.error, Unavailable)
        scene.cluster.start()
        assert scene.kept() == BEFORE
        assert save(storage) == "new.bin"
        assert scene.kept() == AFTER

    def test_one_is_dead_all_the_time(self, scene: MogileScene) -> None:
        """Every call is served by the other."""
        scene.cluster.second.kill_alone()
        for number in range(4):  # with connections of their own: which is asked first is chance
            storage = scene.storage()
            assert save(storage, f"{number}.bin", b"x") == f"{number}.bin"
            assert read(storage, f"{number}.bin") == b"x"
            storage.delete(f"{number}.bin")
        assert scene.trackers[0].up
        scene.cluster.start()
        assert scene.kept() == BEFORE

    @pytest.mark.parametrize("which", [0, 1])
    def test_one_freezes_at_half_an_upload(self, scene: MogileScene, which: int) -> None:
        """It answers no more: after the timeout the other one is asked."""
        frozen: MogileTracker = scene.cluster.trackers[which]
        scene.arm_one(scene.nodes, Fault("call", UP, at=HALF, action=frozen.pause))
        try:
            outcome = attempt(lambda: save(scene.storage()), WAITS)
        finally:
            frozen.resume()
        assert len(scene.fired) == 1
        assert outcome.error is None
        assert outcome.value == "new.bin"
        assert scene.kept() == AFTER


class TestNodesDie:
    """``kill -9`` of a storage node, one that freezes, one that refuses, all of them."""

    @pytest.mark.parametrize("replacing", [False, True])
    def test_one_at_half_an_upload(self, scene: MogileScene, replacing: bool) -> None:
        """The next node gets it all."""
        scene.on_node(Fault("call", UP, at=HALF), lambda node: node.kill())
        storage = scene.storage()
        name = "replaced.bin" if replacing else "new.bin"
        outcome = attempt(lambda: (written if replacing else save)(storage, name, CONTENT), WAITS)
        assert len(scene.fired) == 1
        assert outcome.value == name
        scene.cluster.start()
        assert scene.kept() == {**BEFORE, name: CONTENT}

    @pytest.mark.parametrize("dies", [True, False], ids=["dies", "freezes"])
    def test_one_at_half_a_download(self, scene: MogileScene, dies: bool) -> None:
        """The other copy goes on."""
        doubled(scene)
        hit: list[Any] = []

        def happen(node: Any) -> None:
            hit.append(node)
            (node.kill if dies else node.pause)()

        scene.on_node(Fault("call", DOWN, at=HALF), happen)
        try:
            outcome = attempt(lambda: read(scene.storage(), "a.bin"), WAITS)
        finally:
            for node in [] if dies else hit:
                node.resume()
        assert len(scene.fired) == len(hit) == 1
        assert outcome.value == CONTENT

    def test_one_freezes_at_half_an_upload(self, scene: MogileScene) -> None:
        """After the timeout the next node gets it all."""
        hit: list[Any] = []

        def freeze(node: Any) -> None:
            hit.append(node)
            node.pause()

        scene.on_node(Fault("call", UP, at=HALF), freeze)
        try:
            outcome = attempt(lambda: save(scene.storage()), WAITS)
        finally:
            for node in hit:
                node.resume()
        assert len(scene.fired) == len(hit) == 1
        assert outcome.value == "new.bin"
        assert scene.kept() == AFTER

    def test_the_node_of_one_copy_is_dead(self, scene: MogileScene) -> None:
        """Before the trackers know it, and after: the other copy is read."""
        device = next(iter(doubled(scene)))
        scene.cluster.nodes[device - 1].kill()
        for _ in range(6):  # in whichever order the copies are told
            assert read(scene.storage(), "a.bin") == CONTENT
        scene.cluster.watch()
        for _ in range(6):
            assert read(scene.storage(), "a.bin") == CONTENT
        assert scene.nodes[device - 1].down == 0

    def test_all_are_dead(self, scene: MogileScene) -> None:
        """Neither reading nor saving: Unavailable, not "not found"; the trackers still tell."""
        storage = scene.storage()
        for node in scene.cluster.nodes:
            node.kill()
        for known in (False, True):
            if known:
                scene.cluster.watch()
            assert isinstance(attempt(lambda: read(storage, "other.bin"), WAITS).error, Unavailable)
            error = attempt(lambda: save(storage), WAITS).error
            assert isinstance(error, Unavailable)
            assert not isinstance(error, NotFound)
            assert storage.exists("other.bin")
            assert storage.size("other.bin") == len(OLD)
        scene.cluster.start()
        assert scene.kept() == BEFORE
        assert read(storage, "other.bin") == OLD
        assert save(storage) == "new.bin"
        assert scene.kept() == AFTER

    @pytest.mark.parametrize("status", [301, 400, 403, 404, 409, 411, 413, 500, 503, 507])
    def test_one_refuses_an_upload(self, scene: MogileScene, status: int) -> None:
        """Whatever it says - it is full, say: another node gets the content."""
        with ScriptedServer(handler=lambda _: Reply(status)) as node:
            scene.cluster.show(scene.cluster.nodes[0], node.port)
            names = [
                save(scene.storage(), f"{number}.bin", b"content")
                for number in until(lambda: node.requests)
            ]
        assert node.requests[0].body == b"content"
        assert names == [f"{number}.bin" for number in range(len(names))]
        assert scene.kept() == {**BEFORE, **dict.fromkeys(names, b"content")}


class TestCopies:
    """Copies that are not what they should be, and nodes that say wrong things."""

    @pytest.mark.parametrize("kind", ["two", "hashed-two"])
    def test_a_short_one(self, scene: MogileScene, kind: str) -> None:
        """Its length gives it away: the other one is read."""
        device = next(iter(doubled(scene, kind)))
        scene.cluster.shorten(scene.domain, "a.bin", device, HALF)
        for _ in until(lambda: scene.nodes[device - 1].down):
            assert read(scene.storage(), "a.bin") == CONTENT

    def test_a_damaged_one(self, scene: MogileScene) -> None:
        """Where the class has a hash: Corrupt at worst, and then the other one."""
        device = next(iter(doubled(scene, "hashed-two")))
        scene.cluster.corrupt(scene.domain, "a.bin", device, HALF)
        for _ in until(lambda: scene.nodes[device - 1].down):
            storage = scene.storage()
            outcome = attempt(lambda: read(storage, "a.bin"), WAITS)  # noqa: B023
            if outcome.error is not None:
                assert isinstance(outcome.error, Corrupt)
                assert read(storage, "a.bin") == CONTENT
            else:
                assert outcome.value == CONTENT

    def test_a_damaged_small_one(self, scene: MogileScene) -> None:
        """It is compared before a byte is handed out: nobody notices."""
        save(scene.storage("hashed-two", direct=True), "small.bin", b"content")
        scene.cluster.settle()
        scene.clear()
        device = scene.cluster.devices(scene.domain, "small.bin")[0]
        scene.cluster.corrupt(scene.domain, "small.bin", device)
        for _ in until(lambda: scene.nodes[device - 1].down):
            assert read(scene.storage(), "small.bin") == b"content"

    def test_the_only_one_is_damaged(self, scene: MogileScene) -> None:
        """Corrupt, each time; the other files are read."""
        save(scene.storage("hashed", direct=True))
        (device,) = scene.cluster.devices(scene.domain, "new.bin")
        scene.cluster.corrupt(scene.domain, "new.bin", device)
        storage = scene.storage()
        for _ in range(2):
            assert isinstance(attempt(lambda: read(storage, "new.bin"), WAITS).error, Corrupt)
        assert read(storage, "other.bin") == OLD

    @pytest.mark.parametrize("lost", [1, 2])
    def test_lost_ones(self, scene: MogileScene, lost: int) -> None:
        """One: the other is read. Both: an error that does not say that there is no such file."""
        copies = doubled(scene)
        for path in list(copies.values())[:lost]:
            path.unlink()
        storage = scene.storage()
        outcome = attempt(lambda: read(storage, "a.bin"), WAITS)
        if lost == 1:
            assert outcome.value == CONTENT
        else:
            assert outcome.error is not None
            assert not isinstance(outcome.error, NotFound)
            assert storage.exists("a.bin")

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(404),
            Reply(500),
            Reply(503, {"Retry-After": "1"}),
            Reply(200, body=b"another content"),
            Reply(200, body=CONTENT[:-1]),
            Reply(200, body=CONTENT + b"x"),
            Reply(200, body=CONTENT, length=len(CONTENT) + 5, close=True),
            Reply(200, body=CONTENT[:HALF], length=len(CONTENT), close=True),
            Reply(206, {"Content-Range": "bytes 7-9/10"}, body=b"abc"),
            Reply(302, {"Location": "http://127.0.0.1:9/"}),
            Reply(200, body=CONTENT, cut=HALF),
            Reply(200, body=CONTENT, cut=HALF, fin=True),
        ],
        ids=lambda reply: f"{reply.status}-{len(reply.body)}-{reply.length}-{reply.cut}",
    )
    def test_a_node_says_something_wrong(self, scene: MogileScene, reply: Reply) -> None:
        """The other copy is read, or what is missing of it."""
        copies = doubled(scene, "hashed-two")
        # The node in question has one of the copies.
        device = next(iter(copies))
        with ScriptedServer(handler=lambda _: reply) as node:
            scene.cluster.show(scene.cluster.nodes[device - 1], node.port)
            for _ in until(lambda: node.requests):
                assert read(scene.storage(), "a.bin") == CONTENT

    def test_a_range_is_answered_with_everything(self, scene: MogileScene) -> None:
        """What was not asked for is skipped."""
        save(scene.storage(direct=True), "a.bin")
        (device,) = scene.cluster.devices(scene.domain, "a.bin")

        def everything(request: Request) -> Reply:
            return Reply(200, body=CONTENT)

        with ScriptedServer(handler=everything) as node:
            scene.cluster.show(scene.cluster.nodes[device - 1], node.port)
            with scene.storage().open("a.bin") as file:
                file.seek(HALF)
                assert file.read(10) == CONTENT[HALF : HALF + 10]
            assert node.last.range == HALF
