"""MogileFS with trackers whose answers lack something, repeat themselves, or never come."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.mogilefs import MogileFSStorage, listing
from storages.backends.mogilefs.reading import CopiesReader
from storages.backends.mogilefs.tracker import Connection, Trackers
from storages.errors import AlreadyExists, Corrupt, StorageError, Unavailable
from storages.readers import HeldReader, Stat
from tests.backends.mogile_place import Place
from tests.servers.process import HOST


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain with a file ``a``."""
    with Place() as place:
        place.storage().save("a", ContentFile(b"content"))
        yield place


def answered(storage: MogileFSStorage, command: str, answer: Mapping[str, str]) -> list[str]:
    """Let a command be answered so; return a list that tells when it was."""
    real = storage._cluster.trackers.ask
    told: list[str] = []

    def ask(command_: str, arguments: Mapping[str, Any], **how: Any) -> dict[str, str]:
        if command_ != command:
            return real(command_, arguments, **how)
        told.append(command_)
        return dict(answer)

    storage._cluster.trackers.ask = ask  # type: ignore[assignment] # a fake
    return told


NUMBERS = dict.fromkeys(("fid", "length", "paths", "key_count", "dev_count", "domains"), "many")
NO_FID = {"fid": "x", "length": "7", "dev_count": "1", "devid_1": "1", "path_1": "http://h/dev1/1"}
TOO_MANY = {"fid": "1", "length": "7", "paths": "2", "key_count": "2", "dev_count": "2"}


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("file_info", lambda storage: storage.size("a")),
        ("get_paths", lambda storage: storage.get_mogile_paths("a")),
        ("get_paths", lambda storage: storage.open("a")),
        ("list_keys", lambda storage: storage.listdir("")),
        ("create_open", lambda storage: storage.save("b", ContentFile(b"x"))),
        ("get_domains", lambda storage: storage.save("b", ContentFile(b"x"))),
    ],
)
@pytest.mark.parametrize("answer", [{}, NUMBERS, TOO_MANY], ids=["nothing", "words", "too few"])
def test_an_answer_that_lacks_what_it_should_tell(
    place: Place, command: str, call: Callable[[MogileFSStorage], Any], answer: dict[str, str]
) -> None:
    """An OK without what the command is for is an error of ours, never one of Python's."""
    storage = place.storage()
    told = answered(storage, command, answer)
    if command == "get_domains" and answer is not NUMBERS:
        assert call(storage) == "b"  # there is no class then, hence no hash
    elif (command, answer) == ("file_info", TOO_MANY):
        assert call(storage) == 7
    else:
        with pytest.raises(StorageError) as caught:
            call(storage)
        assert not isinstance(caught.value, FileNotFoundError)
    assert told


def test_a_file_whose_number_is_none(place: Place) -> None:
    """Nothing is sent for it, and nothing is known of it."""
    for command in ("file_info", "create_open"):
        storage = place.storage()
        told = answered(storage, command, NO_FID)
        with pytest.raises(StorageError, match="no number as 'fid'"):
            storage.save("b", ContentFile(b"x" * 2**20))
        assert told == [command]
    assert place.asked() == Counter({"PUT": 1})  # of the file that is there


@pytest.mark.parametrize(
    "node",
    [
        "http://fe80::1:7500",
        "http://h:99999",
        "http://[::1",
        "ftp://h",
        "http://a b",
        "http://",
        "http://user@h",
        "x",
        "",
        "http://h\r\nX: y",
    ],
)
def test_a_node_whose_address_cannot_be_one(place: Place, node: str) -> None:
    """One host that is registered wrongly is passed over, like one that is down."""
    content = b"content" * 50_000
    storage = place.storage(mogile_class="two")
    storage.save("b", ContentFile(content))
    place.cluster.settle()
    real = storage._cluster.trackers.ask
    wrong: list[str] = []

    def ask(command: str, arguments: Mapping[str, Any], **how: Any) -> dict[str, str]:
        told = real(command, arguments, **how)
        for name in {"path1", "path_1"} & told.keys():
            wrong.append(command)
            told[name] = f"{node}/dev1/{told[name].partition('/dev')[2][2:]}"
        return told

    storage._cluster.trackers.ask = ask  # type: ignore[method-assign] # a fake
    with storage.open("b") as file:
        assert file.read() == content
    assert len(storage.get_mogile_paths("b")) == 1
    assert storage.save("c", ContentFile(b"x")) == "c"
    assert {"get_paths", "create_open"} == set(wrong)


def test_a_listing_that_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker that gives one full page for ever is an error, not a listing without end."""
    monkeypatch.setattr(listing, "PAGE", 2)
    asked = []

    def ask(_command: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        asked.append(arguments["after"])
        assert len(asked) < 50
        return {"key_count": "2", "key_1": "d/a", "key_2": "d/b"}

    for prefix in ("", "d/", "D/", "d"):
        with pytest.raises(StorageError, match="again and again"):
            list(listing.keys(ask, prefix))
        assert 2 <= len(asked) <= 4
        asked.clear()


# ------------------------------------------------------------------------- names and connections


@pytest.mark.parametrize("host", ["foo..bar", "x" * 70, "ü..x"])
def test_what_is_no_host_name(host: str) -> None:
    """A tracker that cannot be named to DNS is like one that DNS does not know."""
    trackers = Trackers([f"{host}:7001"], 1, 1)
    with pytest.raises(Unavailable, match="No tracker can be reached"):
        trackers.ask("file_info", {})
    trackers.close()


def test_a_connection_that_another_thread_has_closed() -> None:
    """It cannot be used any more; asking it is no error."""
    with socket.create_server((HOST, 0)) as listener:
        connection = Connection(f"{HOST}:{listener.getsockname()[1]}", 5)
        assert connection.is_quiet()
        connection.close()
        assert not connection.is_quiet()


# ----------------------------------------------------------------------- commands and their answers


def test_what_was_stored_is_deleted_before_it_has_its_name(place: Place) -> None:
    """By somebody who tidies up, say: it is sent again, and is never "not found"."""
    place.asked()
    place.cluster.fault_both("error", "unknown_key", "rename")
    assert place.storage().save("b", ContentFile(b"x")) == "b"
    assert "error rename" in place.cluster.all_fired()
    assert place.asked()["PUT"] >= 2


@pytest.mark.parametrize("command", ["create_close", "rename"])
@pytest.mark.parametrize("kind", ["drop", "lose"])
def test_trackers_that_never_answer(place: Place, command: str, kind: str) -> None:
    """Asked as often as ``retry`` says, no more; the content is not sent anew each time."""
    storage = place.storage()
    storage.save("warm", ContentFile(b"x"))
    place.asked()
    place.commands()
    place.cluster.fault_both(kind, "-", command, 99)
    place.cluster.fault_both("drop", "-", "file_info", 99)
    with pytest.raises(Unavailable):
        storage.save("b", ContentFile(b"x"))
    assert place.asked()["PUT"] == 1
    assert place.commands()[command] == storage.retry.attempts


def test_nobody_can_tell_whether_a_rename_was_done(place: Place) -> None:
    """Its answer is lost, and no tracker answers for a moment: it is found out later."""
    storage = place.storage()
    storage.save("warm", ContentFile(b"x"))
    place.asked()
    place.cluster.fault_both("lose", "-", "rename")
    place.cluster.fault_both("drop", "-", "file_info", 2)
    assert storage.save("b", ContentFile(b"new")) == "b"
    assert {"lose rename", "drop file_info"} <= set(place.cluster.all_fired())
    assert place.asked()["PUT"] == 1
    assert sorted(place.keys()) == ["a", "b", "warm"]


def test_a_move_whose_answer_is_lost_is_done_once(place: Place) -> None:
    """Also when no tracker answers for a moment: the file is there, so it is not missing."""
    storage = place.storage()
    storage.exists("a")
    place.cluster.fault_both("lose", "-", "rename")
    real = storage._stat
    lost: list[str] = []

    def stat(key: str) -> Stat:
        if key == "b" and len(lost) < 2:
            lost.append(key)
            raise Unavailable
        return real(key)

    storage._stat = stat  # type: ignore[method-assign] # a fake
    assert storage.move("a", "b") == "b"
    assert lost == ["b", "b"]
    assert place.keys() == ["b"]
    with pytest.raises(AlreadyExists):
        storage.move("b", "b")


# ---------------------------------------------------------------------------------------- reading


SMALL = Stat(10, version="1", checksum="md5:" + "0" * 32)


def test_a_copy_that_ends_early_without_saying_so() -> None:
    """It is a copy that failed, and is not asked for more for ever."""
    opened: list[str] = []

    class Short(HeldReader):
        reads = 0

        def readinto(self, buffer: memoryview, /) -> int:
            self.reads += 1
            assert self.reads < 5
            return super().readinto(buffer)

    def open_copy(path: str, _start: int) -> HeldReader:
        opened.append(path)
        return Short(SMALL, b"short")

    failed: list[tuple[str, StorageError]] = []
    with pytest.raises(Unavailable, match="5 bytes early"):
        CopiesReader(SMALL, ["p", "q"], open_copy, lambda *what: failed.append(what))
    assert opened == ["p", "q"]
    assert [path for path, _ in failed] == ["p", "q"]


def test_a_copy_that_breaks_off_again_and_again_costs_no_memory() -> None:
    """However often it goes on where it broke off, only the last failures are kept."""
    size = 5000
    stat = Stat(size, version="1")

    class Byte(HeldReader):
        def readinto(self, buffer: memoryview, /) -> int:
            if self._position > self.begun:
                raise Unavailable
            return super().readinto(buffer[:1])

        begun = 0

    def open_copy(_path: str, start: int) -> HeldReader:
        reader = Byte(stat, b"x" * size, start)
        reader.begun = start
        return reader

    failed: list[str] = []
    reader = CopiesReader(stat, ["p"], open_copy, lambda path, _: failed.append(path))
    buffer = memoryview(bytearray(100))
    count = 0
    while got := reader.readinto(buffer):
        count += got
    assert count == size
    assert len(failed) == size - 1
    assert len(reader._failures) <= 2


def test_of_damaged_and_lost_copies_it_is_said_that_they_may_come_back() -> None:
    """Corrupt only when no other can come back."""
    kinds: dict[str, StorageError] = {"p": Corrupt("bad"), "q": Unavailable("down")}

    def open_copy(path: str, _start: int) -> HeldReader:
        raise kinds[path]

    for paths in (["p", "q"], ["q", "p"]):
        with pytest.raises(Unavailable, match="down"):
            CopiesReader(SMALL, paths, open_copy, lambda *_: None)
    with pytest.raises(Corrupt, match="bad"):
        CopiesReader(SMALL, ["p"], open_copy, lambda *_: None)
