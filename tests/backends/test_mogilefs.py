"""MogileFS: what it costs, classes, keys, options, and the acceptance cases."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings

from storages.backends.mogile import MogileFSStorage as Alias
from storages.backends.mogilefs import MogileFSStorage
from storages.errors import NotFound, OptionError, StorageError, Unavailable
from tests.backends.mogile_place import Place, Storage
from tests.servers.http import Reply

MiB = 1024 * 1024


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain, seen through servers that count."""
    with Place() as place:
        yield place


@pytest.fixture
def storage(place: Place) -> Storage:
    """A storage with a file ``d/a.txt``, which knows how the classes hash."""
    storage = place.storage()
    storage.save("d/a.txt", ContentFile(b"content" * 100))
    storage.save("d/empty.txt", ContentFile(b""))
    storage.save("d/large.bin", ContentFile(b"x" * 400_000))
    place.commands()
    place.asked()
    return storage


def read(storage: MogileFSStorage, name: str = "d/a.txt") -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


def rewrite(storage: MogileFSStorage, name: str, data: bytes) -> None:
    """Replace a file."""
    with storage.open(name, "wb") as file:
        file.write(data)


def read_a_part(storage: MogileFSStorage) -> None:
    """Read the end of a file."""
    with storage.open("d/large.bin") as file:
        file.seek(-10, 2)
        assert len(file.read()) == 10


SAVE = ["create_open", "create_close", "rename"]
#: What an operation does, the trackers' commands, the requests to storage nodes.
COSTS: dict[str, tuple[Callable[[MogileFSStorage], Any], list[str], list[str]]] = {
    "save": (lambda s: s.save("b.txt", ContentFile(b"x" * 100)), SAVE, ["PUT"]),
    "save, 1 MiB or more": (
        lambda s: s.save("b.txt", ContentFile(b"x" * MiB)),
        ["file_info", *SAVE],
        ["PUT"],
    ),
    "save, empty": (lambda s: s.save("b.txt", ContentFile(b"")), SAVE, ["PUT", "HEAD"]),
    "save, name taken": (
        lambda s: s.save("d/a.txt", ContentFile(b"x")),
        [*SAVE, "delete", *SAVE],
        ["PUT", "PUT"],
    ),
    '``open("wb")``': (
        lambda s: rewrite(s, "d/a.txt", b"other"),
        ["create_open", "create_close"],
        ["PUT"],
    ),
    "open and read": (read, ["file_info", "get_paths"], ["GET"]),
    "read a part": (read_a_part, ["file_info", "get_paths"], ["GET", "GET"]),
    "open, empty": (lambda s: read(s, "d/empty.txt"), ["file_info"], []),
    "size, stat": (lambda s: s.size("d/a.txt"), ["file_info"], []),
    "exists": (lambda s: s.exists("d/a.txt"), ["file_info"], []),
    "exists, missing": (lambda s: s.exists("d/no.txt"), ["file_info", "list_keys"], []),
    "listdir": (lambda s: s.listdir("d"), ["list_keys"], []),
    "scantree": (lambda s: list(s.scantree()), ["list_keys"], []),
    "delete": (lambda s: s.delete("d/a.txt"), ["delete"], []),
    "move": (lambda s: s.move("d/a.txt", "d/b.txt"), ["file_info", "rename"], []),
    "copy": (
        lambda s: s.copy("d/a.txt", "d/b.txt"),
        ["file_info", "get_paths", *SAVE],
        ["GET", "PUT"],
    ),
    "url": (lambda s: s.url("d/a.txt"), [], []),
}


@pytest.mark.parametrize("operation", COSTS)
def test_cost(storage: Storage, place: Place, operation: str) -> None:
    """An operation costs so many commands and requests, as the documentation's table says."""
    call, commands, requests = COSTS[operation]
    with override_settings(MOGILEFS_MEDIA_URL="/m/"):
        call(storage)
    assert place.commands() == Counter(commands)
    assert place.asked() == Counter(requests)


def test_the_hashes_of_classes_are_asked_for_once(place: Place) -> None:
    """The first save asks which class has one; others of the process know it."""
    storage = place.storage(mogile_class="hashed")
    for number in range(3):
        storage.save(f"{number}.txt", ContentFile(b"x"))
    assert place.commands()["get_domains"] == 1


def test_a_tracker_that_does_not_tell_of_classes(place: Place) -> None:
    """A plugin may keep that from clients; then nothing is hashed."""
    storage = place.storage(mogile_class="hashed")
    place.cluster.fault_both("error", "plugin_aborted", "get_domains")
    assert read(storage, storage.save("a.txt", ContentFile(b"x"))) == b"x"
    assert "error get_domains" in place.cluster.all_fired()
    assert storage.stat("a.txt").checksum is None


def test_a_seek_asks_no_tracker(place: Place) -> None:
    """Where the copies of an open file are is known: 4 KiB out of 100 MB cost one more GET."""
    storage = place.storage()
    content = bytes(range(256)) * 4096
    storage.save("a.bin", ContentFile(content))
    place.commands()
    with storage.open("a.bin") as file:
        for at in (700_000, 100, 900_000):
            file.seek(at)
            assert file.read(4096) == content[at : at + 4096]
    assert place.commands() == Counter({"file_info": 1, "get_paths": 1})


# -------------------------------------------------------------------- acceptance cases


def test_mog_1_the_class_is_told(place: Place) -> None:
    """MOG-1: ``mogile_class``, an argument or an attribute, is that of new files."""

    class AvatarStorage(Storage):
        mogile_class = "two"

    given = place.storage().given
    with AvatarStorage(**given) as avatars:
        avatars.save("a.jpg", ContentFile(b"x"))
    place.storage(mogile_class="hashed").save("b.jpg", ContentFile(b"x"))
    place.storage().save("c.jpg", ContentFile(b"x"))
    with AvatarStorage(**given) as avatars, avatars.open("c.jpg", "wb") as file:
        file.write(b"y")
    classes = [
        place.cluster.ask("file_info", domain=place.domain, key=key)["class"]
        for key in ("a.jpg", "b.jpg", "c.jpg")
    ]
    assert classes == ["two", "hashed", "two"]


def test_mog_1_the_manuals_way(place: Place) -> None:
    """MOG-1: a class derived from ``default_storage.__class__``, with the documented settings."""
    with override_settings(
        STORAGES={"default": {"BACKEND": "storages.backends.mogilefs.MogileFSStorage"}},
        MOGILEFS_DOMAIN=place.domain,
        MOGILEFS_TRACKERS=place.cluster.addresses,
    ):
        # Its class is a proxy's, which mypy takes for a value.
        storage_class: Any = default_storage.__class__

        class AvatarStorage(storage_class):  # type: ignore[misc] # likewise
            mogile_class = "hashed"

        with AvatarStorage() as avatars:
            avatars.save("a.jpg", ContentFile(b"x"))
        assert default_storage.exists("a.jpg")
        default_storage.close()  # type: ignore[attr-defined] # the class is ours
    told = place.cluster.ask("file_info", domain=place.domain, key="a.jpg")
    assert told["class"] == "hashed"
    assert told["checksum"].startswith("MD5:")


@pytest.mark.parametrize(
    "name",
    [
        "sp ace.txt",
        "a&b=c.txt",
        "100%.txt",
        "plus+plus.txt",
        "q?x#y.txt",
        "日本.txt",
        "café 😀.txt",
        "é.txt",
        "'\"`;|<>.txt",
        "0",
        ":,-_.txt",
    ],
)
def test_mog_4_keys(storage: Storage, place: Place, name: str) -> None:
    """MOG-4: any name is a key as it stands, and found, listed, renamed and deleted by it."""
    assert storage.save(f"n/{name}", ContentFile(b"x")) == f"n/{name}"
    assert place.cluster.ask("file_info", domain=place.domain, key=f"n/{name}")["length"] == "1"
    assert storage.listdir("n") == ([], [name])
    assert storage.move(f"n/{name}", f"m/{name}") == f"m/{name}"
    assert read(storage, f"m/{name}") == b"x"
    storage.delete(f"m/{name}")
    assert not storage.exists(f"m/{name}")


def test_mog_5_saving_never_replaces(storage: Storage, place: Place) -> None:
    """MOG-5: a name that is taken stays with its content; nothing private is left."""
    name = storage.save("d/a.txt", ContentFile(b"other"))
    assert name != "d/a.txt"
    assert read(storage) == b"content" * 100
    assert read(storage, name) == b"other"
    assert sorted(place.keys()) == sorted(["d/a.txt", "d/empty.txt", "d/large.bin", name])


def test_a_large_file_is_not_sent_in_vain(storage: Storage, place: Place) -> None:
    """From 1 MiB on the tracker is asked first whether the name is taken."""
    storage.save("d/a.txt", ContentFile(b"x" * MiB))
    assert place.asked() == Counter({"PUT": 1})


@pytest.mark.parametrize("mogile_class", [None, "hashed"])
def test_mog_7_a_file_of_no_bytes(place: Place, mogile_class: str | None) -> None:
    """MOG-7: it is stored, has a size of 0, is read, and replaces what was longer."""
    storage = place.storage(mogile_class=mogile_class)
    assert storage.save("a.txt", ContentFile(b"")) == "a.txt"
    assert storage.size("a.txt") == 0
    assert read(storage, "a.txt") == b""
    rewrite(storage, "b.txt", b"long")
    rewrite(storage, "b.txt", b"")
    assert storage.size("b.txt") == 0
    assert read(storage, "b.txt") == b""


# ---------------------------------------------------------------------------- the view


def test_the_paths_for_the_view(place: Place) -> None:
    """All copies are told, of a missing file none."""
    storage = place.storage(mogile_class="two")
    storage.save("a.txt", ContentFile(b"x"))
    place.cluster.settle()
    paths = storage.get_mogile_paths("a.txt")
    assert len(paths) == 2
    ports = {between.port for between in place.between}
    assert {urlsplit(path).port for path in paths} < ports
    assert storage.get_mogile_paths("b.txt") == []


# ------------------------------------------------------------------------------ version


def test_the_version_is_the_fid(storage: Storage, place: Place) -> None:
    """Which differs with each content."""
    told = place.cluster.ask("file_info", domain=place.domain, key="d/a.txt")
    assert storage.stat("d/a.txt").version == told["fid"]
    rewrite(storage, "d/a.txt", b"other")
    assert storage.stat("d/a.txt").version != told["fid"]


@pytest.mark.parametrize(("kind", "checksum"), [("hashed", "md5:"), ("sha", "sha1:")])
def test_the_checksum_is_the_trackers(place: Place, kind: str, checksum: str) -> None:
    """In a class with a hash it is stored, verified and told."""
    place.cluster.ask(
        "create_class",
        **{"domain": place.domain, "class": "sha", "mindevcount": 1, "hashtype": "SHA-1"},
    )
    storage = place.storage(mogile_class=kind)
    storage.save("a.txt", ContentFile(b"x" * 500_000))
    found = storage.stat("a.txt").checksum
    assert found is not None
    assert found.startswith(checksum)
    assert read(storage, "a.txt") == b"x" * 500_000


def test_an_old_tracker_without_file_info(storage: Storage, place: Place) -> None:
    """The length is then asked of a storage node."""
    place.cluster.fault_both("error", "unknown_command", "file_info", 99)
    assert storage.size("d/a.txt") == 700
    assert read(storage) == b"content" * 100
    assert storage.save("d/a.txt", ContentFile(b"x")) != "d/a.txt"
    with pytest.raises(NotFound):
        storage.size("d/no.txt")
    assert "error file_info" in place.cluster.all_fired()


def test_an_old_tracker_and_nodes_that_are_down(place: Place) -> None:
    """Another copy is asked for the length; when none answers it is not known."""
    storage = place.storage(mogile_class="two")
    storage.save("a.txt", ContentFile(b"content"))
    place.cluster.settle()
    first, second = place.cluster.devices(place.domain, "a.txt")
    place.cluster.fault_both("error", "unknown_command", "file_info", 99)
    place.fail(lambda _: Reply(500), first - 1)
    while not place.between[first - 1].requests:
        assert place.storage().size("a.txt") == 7
    place.fail(lambda _: Reply(200, chunked=True), second - 1)
    with pytest.raises(Unavailable):
        storage.size("a.txt")
    assert place.cluster.all_fired()


def test_keys_of_other_programs_are_not_listed(storage: Storage, place: Place) -> None:
    """Only those that can be names: what is listed can be opened."""
    for key in ("/lead", "a//b", "d/../x", ".", "tab\there", "d/b.txt", "d/", "d\\c", "d/e\\f"):
        opened = place.cluster.ask("create_open", domain=place.domain, key=key, multi_dest=1)
        path = opened["path_1"]
        storage._ask("PUT", path, body=b"x")
        place.cluster.ask(
            "create_close",
            domain=place.domain,
            key=key,
            fid=opened["fid"],
            devid=opened["devid_1"],
            path=path,
        )
    assert len(place.keys()) == 12
    assert storage.listdir("") == (["d"], [])
    assert storage.listdir("d") == ([], ["a.txt", "b.txt", "empty.txt", "large.bin"])


# ------------------------------------------------------------------------------ options


GIVEN: dict[str, Any] = {"domain": "d", "trackers": ["t"]}


def test_the_alias() -> None:
    """The module's first name has the same class."""
    assert Alias is MogileFSStorage


@pytest.mark.parametrize(
    ("tracker", "address"),
    [
        ("foo.sample.com:7001", "foo.sample.com:7001"),
        ("foo.sample.com", "foo.sample.com:7001"),
        (" 10.0.0.1:17001 ", "10.0.0.1:17001"),
        ("[::1]:7002", "[::1]:7002"),
        ("[fe80::1%eth0]", "[fe80::1%eth0]:7001"),
    ],
)
def test_trackers_have_ports(tracker: str, address: str) -> None:
    """7001 where none is told."""
    assert MogileFSStorage(domain="d", trackers=[tracker]).trackers == [address]


@pytest.mark.parametrize("tracker", ["", "http://foo:7001", "foo:", "foo:x", "foo:70000", "a b", 7])
def test_what_is_no_tracker_is_refused(tracker: Any) -> None:
    """With words that name the option."""
    with pytest.raises(OptionError, match="trackers"):
        MogileFSStorage(domain="d", trackers=["good", tracker])


@pytest.mark.parametrize("trackers", ["foo:7001", [], None])
def test_trackers_are_a_list(trackers: Any) -> None:
    """A string would be taken for a list of letters."""
    with pytest.raises(OptionError, match="trackers"):
        MogileFSStorage(domain="d", trackers=trackers)


@pytest.mark.parametrize("missing", ["MOGILEFS_DOMAIN", "MOGILEFS_TRACKERS"])
def test_a_missing_setting_is_named(missing: str) -> None:
    """Both are mandatory."""
    settings = {"MOGILEFS_DOMAIN": "d", "MOGILEFS_TRACKERS": ["t"]}
    del settings[missing]
    with override_settings(**settings), pytest.raises(ImproperlyConfigured, match=missing):
        MogileFSStorage()


def test_the_base_url() -> None:
    """MOGILEFS_MEDIA_URL, else MEDIA_URL; an argument, also by position, goes over both."""
    with override_settings(MEDIA_URL="/media/"):
        assert MogileFSStorage(**GIVEN).url("a b") == "/media/a%20b"
        with override_settings(MOGILEFS_MEDIA_URL="/mogilefs/"):
            assert MogileFSStorage(**GIVEN).url("a") == "/mogilefs/a"
            assert MogileFSStorage(None, **GIVEN).url("a") == "/mogilefs/a"
            assert MogileFSStorage("/x/", **GIVEN).url("a") == "/x/a"


def test_connections_follow_the_settings(place: Place) -> None:
    """Other trackers in the settings are asked from then on."""
    with (
        override_settings(MOGILEFS_DOMAIN=place.domain),
        Storage(trackers=place.cluster.addresses) as given,
        override_settings(MOGILEFS_TRACKERS=["127.0.0.1:1"]),
        Storage() as storage,
    ):
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:1"):
            storage.exists("a")
        with override_settings(MOGILEFS_TRACKERS=place.cluster.addresses):
            assert not storage.exists("a")
        assert not given.exists("a")


def test_a_copy_has_its_own_connections(storage: Storage) -> None:
    """What is not to be shared is not copied."""
    with copy.deepcopy(storage) as other:
        assert other.exists("d/a.txt")
        assert other._cluster is not storage._cluster
