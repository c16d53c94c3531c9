"""MogileFS when the ways to its trackers and nodes break; see transfers.py for what must hold.

Each tracker and each storage node is behind a proxy of its own. "Once" is a fault that happens to
whichever of them is used first, "everywhere" one that happens at each, each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.errors import Corrupt, Unavailable
from tests.faults.mogile_scene import BEFORE, WAITS, MogileScene, filled
from tests.faults.proxy import DOWN, UP, Fault, Way
from tests.faults.transfers import ATTEMPTS, CONTENT, OLD, attempt, read, written

# Of an upload to a node: where it ends. A request is longer than its content; an answer, too.
PLACES: dict[str, int] = {
    "3 %": len(CONTENT) * 3 // 100,
    "50 %": len(CONTENT) // 2,
    "near the end": len(CONTENT) + 60,
}
CUTS = [(kind, place) for kind in ("rst", "fin") for place in PLACES]
STALL = ("stall", "50 %")
ONCE, EVERYWHERE = "once", "everywhere"


@pytest.fixture
def scene() -> Iterator[MogileScene]:
    """A domain with two files."""
    with filled() as found:
        yield found


def saves(scene: MogileScene, kind: str | None = None) -> Callable[[], str]:
    """Save a new file with a new storage."""
    storage = scene.storage(kind)
    return lambda: storage.save("new.bin", ContentFile(CONTENT))


def arm(scene: MogileScene, where: str, fault: Fault) -> None:
    """Let a fault happen at the nodes."""
    if where == ONCE:
        scene.arm_one(scene.nodes, fault)
    else:
        scene.arm(scene.nodes, fault)


class TestUploads:
    """The content on its way to a storage node."""

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, STALL])
    def test_one_that_breaks_off_goes_to_another_node(
        self, scene: MogileScene, kind: Any, place: str
    ) -> None:
        """One file, whole, for which the trackers were asked for places once."""
        scene.cluster.clear_counts()
        scene.arm_one(scene.nodes, Fault(kind, UP, at=PLACES[place]))
        outcome = attempt(saves(scene), WAITS)
        assert len(scene.fired) == 1
        assert outcome.error is None
        assert outcome.value == "new.bin"
        assert scene.cluster.all_counts()["create_open"] == 1
        assert scene.kept() == {**BEFORE, "new.bin": CONTENT}
        assert scene.files() == {**BEFORE, "new.bin": CONTENT}

    @pytest.mark.parametrize("where", [ONCE, EVERYWHERE])
    def test_an_answer_that_is_lost(self, scene: MogileScene, where: str) -> None:
        """The node has it all: once, another one is used; everywhere, each attempt fails."""
        arm(scene, where, Fault("rst", DOWN, at=0, times=1 if where == ONCE else None))
        outcome = attempt(saves(scene), WAITS)
        if where == ONCE:
            assert len(scene.fired) == 1
            assert outcome.value == "new.bin"
            assert scene.kept() == {**BEFORE, "new.bin": CONTENT}
        else:
            assert len(scene.fired) == ATTEMPTS * 3
            assert isinstance(outcome.error, Unavailable)
            assert scene.kept() == BEFORE

    def test_each_node_breaks_off_once(self, scene: MogileScene) -> None:
        """The attempt fails, and the next one succeeds."""
        scene.arm(scene.nodes, Fault("rst", UP, at=PLACES["50 %"]))
        outcome = attempt(saves(scene), WAITS)
        assert len(scene.fired) == 3
        assert outcome.value == "new.bin"
        assert scene.kept() == {**BEFORE, "new.bin": CONTENT}

    @pytest.mark.parametrize(("kind", "place"), CUTS)
    def test_every_node_always_breaks_off(self, scene: MogileScene, kind: Any, place: str) -> None:
        """An error in time, nothing under the name, nothing under another."""
        scene.arm(scene.nodes, Fault(kind, UP, at=PLACES[place], times=None))
        outcome = attempt(saves(scene), WAITS)
        assert len(scene.fired) == ATTEMPTS * 3
        assert isinstance(outcome.error, Unavailable)
        assert scene.kept() == BEFORE

    @pytest.mark.parametrize("kind", [None, "hashed"])
    def test_a_flipped_bit(self, scene: MogileScene, kind: str | None) -> None:
        """Noticed by the tracker where the class has a hash, and sent again; else one wrong bit."""
        scene.arm_one(scene.nodes, Fault("flip", UP, at=PLACES["50 %"]))
        outcome = attempt(saves(scene, kind), WAITS)
        assert len(scene.fired) == 1
        assert outcome.value == "new.bin"
        held = scene.kept()["new.bin"]
        wrong = sum(a != b for a, b in zip(held, CONTENT, strict=True))
        assert wrong == (0 if kind else 1)

    def test_bits_that_always_flip(self, scene: MogileScene) -> None:
        """Corrupt, and nothing is stored."""
        for number in range(6):  # of the uploads on one connection
            at = PLACES["50 %"] + number * len(CONTENT)
            scene.arm(scene.nodes, Fault("flip", UP, at=at, times=None))
        outcome = attempt(saves(scene, "hashed"), WAITS)
        assert len(scene.fired) >= 2
        assert isinstance(outcome.error, Corrupt)
        assert scene.kept() == BEFORE


class TestDownloads:
    """The content on its way from a storage node."""

    @pytest.fixture
    def name(self, scene: MogileScene) -> str:
        """A file of two copies, on two nodes."""
        storage = scene.storage("two", direct=True)
        storage.save("a.bin", ContentFile(CONTENT))
        scene.cluster.settle()
        assert len(scene.cluster.devices(scene.domain, "a.bin")) == 2
        scene.clear()
        return "a.bin"

    @pytest.mark.parametrize(("kind", "place"), [*CUTS, STALL])
    def test_another_copy_goes_on_where_one_broke_off(
        self, scene: MogileScene, name: str, kind: Any, place: str
    ) -> None:
        """All bytes, and hardly any of them twice."""
        scene.arm_one(scene.nodes, Fault(kind, DOWN, at=PLACES[place]))
        outcome = attempt(lambda: read(scene.storage(), name), WAITS)
        assert len(scene.fired) == 1
        assert outcome.value == CONTENT
        until = time.monotonic() + WAITS
        # A proxy counts what it has passed on a moment after that has come.
        while len(used := [proxy for proxy in scene.nodes if proxy.down]) < 2:
            assert time.monotonic() < until
        if kind != "rst":  # which loses what has come and was not read yet
            assert sum(proxy.down for proxy in used) < len(CONTENT) + 300_000

    @pytest.mark.parametrize("kind", ["rst", "fin"])
    def test_both_copies_break_off_once(self, scene: MogileScene, name: str, kind: Any) -> None:
        """The reader begins with them anew."""
        scene.arm(scene.nodes, Fault(kind, DOWN, at=PLACES["50 %"]))
        outcome = attempt(lambda: read(scene.storage(), name), WAITS)
        assert scene.fired
        assert outcome.value == CONTENT

    @pytest.mark.parametrize(("kind", "place"), CUTS)
    def test_downloads_that_always_break_off(
        self, scene: MogileScene, name: str, kind: Any, place: str
    ) -> None:
        """Every byte, if each attempt gets further; else an error in time. Never a part."""
        scene.arm(scene.nodes, Fault(kind, DOWN, at=PLACES[place], times=None))
        outcome = attempt(lambda: read(scene.storage(), name), WAITS)
        assert len(scene.fired) >= 1
        if outcome.error is None:
            assert outcome.value == CONTENT
        else:
            assert isinstance(outcome.error, Unavailable)
            assert len(scene.fired) >= ATTEMPTS

    @pytest.mark.parametrize("kind", [None, "hashed-two"])
    def test_a_flipped_bit(self, scene: MogileScene, kind: str | None) -> None:
        """Where the class has a hash no wrong byte is handed out as the whole file."""
        scene.storage(kind, direct=True).save("a.bin", ContentFile(CONTENT))
        scene.cluster.settle()
        scene.clear()
        scene.arm_one(scene.nodes, Fault("flip", DOWN, at=PLACES["50 %"]))
        outcome = attempt(lambda: read(scene.storage(), "a.bin"), WAITS)
        assert len(scene.fired) == 1
        if kind is None:
            wrong = sum(a != b for a, b in zip(outcome.value, CONTENT, strict=True))
            assert wrong == 1
        elif outcome.error is None:
            assert outcome.value == CONTENT
        else:
            assert isinstance(outcome.error, Corrupt)


class TestTrackers:
    """The lines to and from the trackers."""

    @pytest.mark.parametrize("way", [UP, DOWN])
    @pytest.mark.parametrize("kind", ["rst", "fin"])
    @pytest.mark.parametrize("replacing", [False, True])
    def test_each_command_of_a_save_is_cut(
        self, scene: MogileScene, kind: Any, way: Way, replacing: bool
    ) -> None:
        """The n-th command does not arrive, or its answer is lost: the other tracker is asked."""
        expected, content, turn = dict(BEFORE), CONTENT[:10_000], 0
        while True:
            turn += 1
            assert turn < 50
            content = content[1:]
            scene.clear()
            scene.arm_one(scene.trackers, Fault(kind, way, turn=turn))
            storage = scene.storage("hashed")
            name = "replaced.bin" if replacing else f"new-{turn}.bin"
            call = written if replacing else _save
            outcome = attempt(lambda: call(storage, name, content), WAITS)  # noqa: B023
            assert outcome.error is None, f"command {turn}: {outcome.error}"
            assert outcome.value == name
            expected[name] = content
            assert scene.kept() == expected
            if not scene.fired:
                break
        assert turn > 3

    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_each_command_is_always_cut(self, scene: MogileScene, way: Way) -> None:
        """The n-th of every connection, of both: an error or success, and no half file."""
        content, turn = CONTENT[:10_000], 0
        while True:
            turn += 1
            scene.clear()
            scene.arm(scene.trackers, Fault("rst", way, turn=turn, times=None))
            storage, name = scene.storage(), f"new-{turn}.bin"
            outcome = attempt(lambda: _save(storage, name, content), WAITS)  # noqa: B023
            files = scene.files()
            held = {key: files.pop(key) for key in set(files) - set(BEFORE)}
            assert files == BEFORE
            assert set(held.values()) <= {content}
            if outcome.error is None:
                assert outcome.value in held
            else:
                assert isinstance(outcome.error, Unavailable)
            for key in held:
                scene.cluster.ask("delete", domain=scene.domain, key=key)
            if not scene.fired:
                break
        assert turn > 3

    @pytest.mark.parametrize("way", [UP, DOWN])
    def test_each_command_of_other_calls_is_cut(self, scene: MogileScene, way: Way) -> None:
        """Asking, listing, renaming and deleting: the other tracker is asked."""
        turn = 0
        while True:
            turn += 1
            scene.clear()
            scene.storage(direct=True).save("gone.bin", ContentFile(b"x"))
            scene.arm_one(scene.trackers, Fault("rst", way, turn=turn))
            outcome = attempt(lambda: _several(scene), WAITS)
            assert outcome.error is None, f"command {turn}: {outcome.error}"
            listed = ["gone.bin", *BEFORE]
            assert outcome.value == [True, False, len(OLD), listed, OLD, False]
            assert scene.kept() == BEFORE
            if not scene.fired:
                break
        assert turn > 5

    def test_answers_that_end_early(self, scene: MogileScene) -> None:
        """After any number of bytes of a conversation; half a line is never taken for one."""
        expected = {**BEFORE, "whole.bin": b"content"}
        _save(scene.storage(), "whole.bin", b"content")
        # The first answer is long: it tells of all domains.
        total = sum(proxy.down for proxy in scene.trackers)
        for at in (1, 2, 3, *range(total - 500, total - 1, 9)):
            scene.clear()
            scene.arm_one(scene.trackers, Fault("fin", DOWN, at=at))
            storage, name = scene.storage(), f"new-{at}.bin"
            outcome = attempt(lambda: _save(storage, name, b"content"), WAITS)  # noqa: B023
            assert len(scene.fired) == 1, f"after {at} bytes of {total}"
            assert outcome.error is None, f"after {at} bytes: {outcome.error}"
            expected[name] = b"content"
        assert scene.kept() == expected

    @pytest.mark.parametrize("kind", ["drop", "lose", "stall", "bad", "cut", "delay"])
    @pytest.mark.parametrize("command", ["create_open", "create_close", "rename"])
    def test_a_tracker_misbehaves(self, scene: MogileScene, kind: str, command: str) -> None:
        """Of each, once: the save succeeds, once, and leaves no second file behind."""
        value = {"stall": 1.5, "delay": 0.2, "cut": 4}.get(kind, "-")
        scene.cluster.fault_both(kind, value, command)
        for tracker in scene.cluster.trackers:
            assert tracker.fired() == []
        outcome = attempt(saves(scene), WAITS)
        assert f"{kind} {command}" in scene.cluster.all_fired()
        assert outcome.error is None, outcome.error
        assert outcome.value == "new.bin"
        scene.cluster.clear()
        assert scene.kept() == {**BEFORE, "new.bin": CONTENT}


def _save(storage: Any, name: str, content: bytes) -> str:
    saved: str = storage.save(name, ContentFile(content))
    return saved


def _several(scene: MogileScene) -> list[Any]:
    storage = scene.storage()
    told: list[Any] = [storage.exists("other.bin"), storage.exists("missing.bin")]
    told += [storage.size("other.bin"), sorted(storage.listdir("")[1])]
    told += [read(storage, "other.bin")]
    storage.delete("gone.bin")
    return [*told, storage.exists("gone.bin")]
