"""MogileFS's listings, page by page, in databases of either order; and keys without case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from storages.backends.mogilefs import listing
from storages.backends.mogilefs.refusals import refusal
from storages.errors import AlreadyExists, NotFound, StorageError, Unavailable
from tests.backends.mogile_place import Storage
from tests.servers import shared
from tests.servers.mogile import MogileFS


class MySQLCluster(MogileFS):
    """Keys are compared as in MySQL by default, and have 255 characters at most."""

    def __init__(self) -> None:
        super().__init__(mysql=True)


def caseless(key: str) -> str:
    """As MySQL's default collations compare."""
    return key.upper()


class Keys:
    """Answers list_keys as mogilefsd does, with pages of ``size``."""

    def __init__(
        self, keys: list[str], order: Callable[[str], Any] = str.encode, size: int = 3
    ) -> None:
        self.size = size
        self.pages = 0
        self._order = order
        self._keys = sorted(keys, key=order)

    def __call__(self, command: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Give a page."""
        assert command == "list_keys"
        self.pages += 1
        prefix, after = arguments.get("prefix") or "", arguments.get("after") or ""
        if prefix and after:
            try:
                if not re.match(prefix, after):
                    raise refusal(command, "after_mismatch", "")
            except re.error:
                raise refusal(command, "failure", "") from None
        found = [
            key
            for key in self._keys
            if caseless(key).startswith(caseless(prefix)) and self._order(key) > self._order(after)
        ][: min(self.size, arguments["limit"])]
        if not found:
            raise refusal(command, "none_match", "")
        told = {f"key_{number}": key for number, key in enumerate(found, 1)}
        return {"key_count": str(len(found)), "next_after": max(found), **told}


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three keys each."""
    monkeypatch.setattr(listing, "PAGE", 3)


MIXED = [
    *(f"dir/{number}" for number in range(8)),
    *(f"DIR/{number}" for number in range(8, 16)),
    *(f"Dir/{letter}" for letter in "aAbB"),
    *(f"dir{each}" for each in ("", ".txt", "-x/1", "0/1", "s/1", "s/2")),
    *(f"l(q/{number}" for number in range(5)),
    *(f"L(q/{number}" for number in range(5)),
    *(f"[a+b]*/{number}" for number in range(5)),
    *("zz", "a", "aa/b", "ü/1", "ü/2", "日/本", "_", "%", "a.b/1", "axb/2", "a.b/3", "a.b/4"),
]


@pytest.mark.parametrize("order", [str.encode, caseless], ids=["binary", "caseless"])
@pytest.mark.parametrize(
    "prefix",
    ["", "dir/", "DIR/", "Dir/", "dIR/", "l(q/", "L(q/", "[a+b]*/", "a.b/", "ü/", "no/", "d", "z"],
)
def test_every_key_is_listed_once(prefix: str, order: Callable[[str], Any]) -> None:
    """Whatever the prefix means to Perl, and in whatever order the database has the keys."""
    # A database has no two keys that it takes for one.
    keys = list({order(key): key for key in MIXED}.values())
    found = list(listing.keys(Keys(keys, order), prefix))
    assert sorted(found) == sorted(key for key in keys if key.startswith(prefix))


def test_a_page_of_another_case_only() -> None:
    """It is passed over: what is wanted may come behind it, wherever the order puts it."""
    keys = [f"A/{number}" for number in range(7)] + ["a/x", "b", "c"]
    for order in (str.encode, caseless):
        assert list(listing.keys(Keys(keys, order), "a/")) == ["a/x"]
        assert len(list(listing.keys(Keys(keys, order), "A/"))) == 7


def test_one_page_is_one_command() -> None:
    """Less than a page is all; a full one may be."""
    keys = Keys(["d/1", "d/2", "e/1", "e/2", "e/3"])
    assert list(listing.keys(keys, "d/")) == ["d/1", "d/2"]
    assert keys.pages == 1
    assert list(listing.keys(keys, "e/")) == ["e/1", "e/2", "e/3"]
    assert keys.pages == 3


def test_pages_come_when_they_are_needed() -> None:
    """A listing is not read on ahead of who asks for it."""
    keys = Keys([f"d/{number}" for number in range(9)])
    found = listing.keys(keys, "d/")
    assert [next(found) for _ in range(3)] == ["d/0", "d/1", "d/2"]
    assert keys.pages == 1


def test_other_errors_are_errors() -> None:
    """Only "none" is nothing."""

    def ask(command: str, _: Mapping[str, Any]) -> Mapping[str, str]:
        raise refusal(command, "unreg_domain", "")

    with pytest.raises(StorageError, match="mogadm domain add"):
        list(listing.keys(ask, ""))


# --------------------------------------------------------------------- on the tests' tracker


@pytest.fixture(params=[MogileFS, MySQLCluster], ids=["binary", "mysql"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """A storage of either kind of cluster."""
    with Storage(**shared(request.param).options()) as made:
        yield made


def test_directories_that_need_pages(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any name; each file and directory is listed once."""
    monkeypatch.setattr(listing, "PAGE", 7)
    for directory in ("plain", "(x) [y]", "a+b", "a.b", "ü"):
        names = [f"{directory}/{number}.txt" for number in range(15)]
        for name in [*names, *(f"{directory}/sub{n % 3}/{n}.txt" for n in range(9))]:
            storage.save(name, ContentFile(b""))
        directories, files = storage.listdir(directory)
        assert sorted(directories) == ["sub0", "sub1", "sub2"]
        assert sorted(files) == sorted(name.rpartition("/")[2] for name in names)
    assert sorted(storage.listdir("")[0]) == sorted(["plain", "(x) [y]", "a+b", "a.b", "ü"])


def test_a_page_fails() -> None:
    """The first or another: it is asked for again, and nothing is listed twice."""
    cluster = shared(MogileFS)
    with Storage(**cluster.options()) as storage:
        names = [f"{number}" for number in range(8)]
        for name in names:
            storage.save(f"d/{name}", ContentFile(b""))
        cluster.clear()
        cluster.fault_both("error", "db", "list_keys")
        assert storage.listdir("d") == ([], names)
        assert cluster.all_fired()
        cluster.clear()
        found = storage.scandir("d")
        begun = next(found).name
        cluster.fault_both("error", "db", "list_keys")
        assert [begun, *(entry.name for entry in found)] == names
        assert cluster.all_fired()
        cluster.clear()


@pytest.fixture
def mysql() -> Iterator[Storage]:
    """A storage of a cluster whose keys have no case."""
    with Storage(**shared(MySQLCluster).options()) as made:
        yield made


def test_names_that_differ_in_case_only(mysql: Storage) -> None:
    """Are one key there: the second file gets another name, and no file is lost."""
    assert mysql.save("a.txt", ContentFile(b"first")) == "a.txt"
    other = mysql.save("A.txt", ContentFile(b"second"))
    assert other.lower() != "a.txt"
    with mysql.open("a.txt") as file:
        assert file.read() == b"first"
    with mysql.open(other) as file:
        assert file.read() == b"second"
    with pytest.raises(AlreadyExists):
        mysql.move(other, "A.TXT")


def test_a_directory_of_another_case_is_none(mysql: Storage) -> None:
    """What begins otherwise is not in it."""
    mysql.save("Photos/a.jpg", ContentFile(b"x"))
    assert not mysql.exists("photos")
    with pytest.raises(NotFound):
        mysql.listdir("photos")
    assert mysql.listdir("Photos") == ([], ["a.jpg"])


def write(storage: Storage, name: str) -> None:
    """Write a file with ``open()``."""
    with storage.open(name, "wb") as file:
        file.write(b"x")


@pytest.mark.parametrize("letter", ["x", "é", "日"])
def test_keys_that_are_too_long(mysql: Storage, letter: str) -> None:
    """255 characters work; of 300 it is said why not, before anything is sent."""
    assert mysql.save(letter * 255, ContentFile(b"x")) == letter * 255
    long = letter * 300
    sending = mock.patch.object(mysql, "_send_to", side_effect=AssertionError)
    for call in (
        lambda: mysql.save(long, ContentFile(b"x")),
        lambda: write(mysql, long),
        lambda: mysql.move(letter * 255, long),
        lambda: mysql.copy(letter * 255, long),
    ):
        with sending, pytest.raises(StorageError, match="300 characters") as caught:
            call()
        assert not isinstance(caught.value, Unavailable)
        assert "up to 255" in caught.value.hint
    assert not mysql.exists(long)
    assert mysql.listdir("") == ([], [letter * 255])


class CuttingCluster(MogileFS):
    """Of keys 255 bytes are kept, without a word: MySQL that is not strict."""

    def __init__(self) -> None:
        super().__init__(cuts=True)


@pytest.mark.parametrize("letter", ["x", "é", "日"])
def test_keys_that_are_cut(letter: str) -> None:
    """It is an error; no file loses its name, and none that has the rest for a name its content."""
    cut = (letter * 255).encode()[:255].decode(errors="ignore")
    long = letter * 300
    with Storage(**shared(CuttingCluster).options()) as storage:
        assert storage.save("a", ContentFile(b"a")) == "a"
        for taken in (False, True):
            if taken:
                assert storage.save(cut, ContentFile(b"cut")) == cut
            for call in (
                lambda: storage.save(long, ContentFile(b"x")),
                lambda: storage.save(long, ContentFile(b"x" * 2**20)),
                lambda: write(storage, long),
                lambda: storage.move("a", long),
                lambda: storage.move("a", long, overwrite=True),
                lambda: storage.copy("a", long),
            ):
                with pytest.raises(StorageError, match="300 characters") as caught:
                    call()
                assert not isinstance(caught.value, (Unavailable, AlreadyExists))
                assert "up to 255" in caught.value.hint
            assert list(storage.scantree()) == [(name, None) for name in ["a", cut][: 1 + taken]]
        for name, content in (("a", b"a"), (cut, b"cut")):
            with storage.open(name) as file:
                assert file.read() == content


def test_long_keys_of_old_trackers() -> None:
    """Those that cannot tell which key was kept are believed."""
    cluster = shared(MogileFS)
    with Storage(**cluster.options()) as storage:
        cluster.fault_both("error", "unknown_command", "list_fids")
        assert storage.save("x" * 300, ContentFile(b"x")) == "x" * 300
        assert cluster.all_fired() == ["error list_fids"]
        cluster.clear()
        assert storage.size("x" * 300) == 1


def test_long_keys_where_there_is_room() -> None:
    """300 characters, and 4,000."""
    with Storage(**shared(MogileFS).options()) as storage:
        for name in ("d/" + "x" * 298, "y" * 4000):
            assert storage.save(name, ContentFile(b"x")) == name
            assert storage.size(name) == 1
            other = storage.save(name, ContentFile(b"xx"))
            assert other != name
            for target in (name, f"{name}w"):
                write(storage, target)
                assert storage.size(target) == 1
                storage.delete(target)
            assert storage.move(other, name) == name
            assert storage.size(name) == 2
        assert storage.listdir("d") == ([], ["x" * 298])
