"""Tahoe-LAFS: URLs, versions, copies, what other programs have made, and the parser of listings."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.test import override_settings

from storages.backends.tahoe import TahoeStorage, caps
from storages.backends.tahoe.listing import Description
from storages.errors import (
    Changed,
    Corrupt,
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    NoURL,
    StorageError,
)
from tests.backends import tahoe_directory
from tests.backends.tahoe_directory import fetch, save
from tests.backends.tahoe_gateway import read
from tests.servers.tahoe import Tahoe

# Fixtures, which pytest looks for in the module of the tests that take them.
server = tahoe_directory.server
cap = tahoe_directory.cap
storage = tahoe_directory.storage


# ------------------------------------------------------------------------ URLs


def test_urls_have_the_documented_form(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """``/file/CAP/@@named=/NAME`` below the public address, or ``/named/CAP/NAME``."""
    name = save(storage, "d/ä b.txt", b"content" * 20)
    read_cap = quote(server.describe(cap, name)[1]["ro_uri"], safe="")
    for public in ("http://h.example/tahoe", "http://h.example/tahoe/"):
        made = TahoeStorage(server.url, cap, public)
        assert made.url(name) == f"http://h.example/tahoe/file/{read_cap}/@@named=/%C3%A4%20b.txt"
        with override_settings(TAHOE_URL_STYLE="named"):
            assert made.url(name) == f"http://h.example/tahoe/named/{read_cap}/%C3%A4%20b.txt"
        made.close()
    assert "%3A" in read_cap


def test_urls_let_nobody_write(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """A URL holds the capability to read that one file, also of a file that others may write."""
    writable = server.request("PUT", "uri?format=SDMF", b"mutable content").decode()
    server.request("PUT", server.path(cap, "mutable.txt") + "?t=uri", writable.encode())
    url = unquote(storage.url("mutable.txt"))
    assert "URI:SSK-RO:" in url
    assert writable not in url
    assert fetch(storage.url("mutable.txt")) == b"mutable content"
    assert cap not in url
    assert cap.split(":")[2] not in url


def test_directories_have_no_url(storage: TahoeStorage) -> None:
    """The URL of a directory would open all that is in it; a missing file has none either."""
    save(storage, "d/a.txt")
    for name in ("", "d/"):
        with pytest.raises(NoURL):
            storage.url(name)
    with pytest.raises(IsADirectory):
        storage.url("d")
    with pytest.raises(NotFound):
        storage.url("d/missing.txt")
    with pytest.raises(NotFound):
        storage.url("d/a.txt/below.txt")


# --------------------------------------------------------------------- reading


def test_a_compressed_name_changes_nothing(storage: TahoeStorage) -> None:
    """The gateway says of x.gz that it is an encoding; the bytes are those that were saved."""
    for content in (b"no gzip at all", b"no gzip at all" * 100):
        name = save(storage, "x.tar.gz", content)
        assert read(storage, name) == content


@pytest.mark.parametrize("size", [0, 1, 55, 56, 1000, 3_000_000])
def test_a_file_replaced_while_it_is_open(storage: TahoeStorage, size: int) -> None:
    """Small files are read from what came; others raise Changed instead of mixing two files."""
    content, other = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
    name = save(storage, "a.bin", content)
    file: Any = storage.open(name)
    assert file.read(size // 2) == content[: size // 2]
    with storage.open(name, "wb") as writer:
        writer.write(other)
    file.seek(0)
    if size <= caps.LITERAL:
        assert file.read() == content
    elif size < 64 * 1024:
        assert file.read() == content  # buffered
        with pytest.raises(Changed):
            storage._open_reader(name, offset=10, version=file.stat.version)
    else:
        with pytest.raises(Changed):
            file.read()
    file.close()
    assert read(storage, name) == other


def test_versions_do_not_open_the_file(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """The version, which a page may show, is the same from a listing, a stat and a stream."""
    for content in (b"small", b"large" * 100):
        name = save(storage, "v.bin", content)
        read_cap = server.describe(cap, name)[1]["ro_uri"]
        stat = storage.stat(name)
        assert stat.version
        assert stat.version not in read_cap
        (entry,) = (entry for entry in storage.scandir("") if entry.name == name)
        assert entry.stat == stat
        with storage.open(name) as file:
            assert file.stat.version == stat.version


def test_a_replaced_file_keeps_when_it_was_created(storage: TahoeStorage) -> None:
    """The times are those of the link: replacing moves the one, not the other."""
    name = save(storage, "a.txt")
    before = storage.stat(name)
    with storage.open(name, "wb") as file:
        file.write(b"other")
    after = storage.stat(name)
    assert before.created is not None
    assert before.modified is not None
    assert after.modified is not None
    assert after.created == before.created
    assert after.modified > before.modified


# ---------------------------------------------------------- what others have made


def test_names_that_no_name_can_be_are_not_listed(
    storage: TahoeStorage, server: Tahoe, cap: str
) -> None:
    """Another program may name a file ``..`` or ``a/b``; that is no way out of a directory."""
    for odd in ("..", ".", "a%2Fb", "back%5Cslash", "%00", "line%0Abreak"):
        server.request("PUT", f"{server.path(cap, 'd')}/{odd}", b"odd")
    assert len(server.describe(cap, "d")[1]["children"]) == 6
    assert storage.listdir("d") == ([], [])
    with pytest.raises(DirectoryNotEmpty):
        storage.delete("d")
    assert len(server.describe(cap, "d")[1]["children"]) == 6


def test_mutable_files_are_read_and_copied(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """A mutable file has no version; a copy of it is a file of its own, a move takes it along."""
    writable = server.request("PUT", "uri?format=SDMF", b"before" * 20)
    server.request("PUT", server.path(cap, "m.txt") + "?t=uri", writable)
    assert storage.stat("m.txt").version is None
    assert read(storage, "m.txt") == b"before" * 20
    storage.copy("m.txt", "copy.txt")
    storage.move("m.txt", "d/moved.txt")
    server.request("PUT", f"uri/{quote(writable.decode(), safe='')}", b"after")
    assert read(storage, "copy.txt") == b"before" * 20
    assert read(storage, "d/moved.txt") == b"after"
    assert not storage.exists("m.txt")


def test_a_child_of_unknown_kind_is_listed(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """What only a newer Tahoe-LAFS understands is listed, and neither read nor replaced."""
    children = {"future.txt": ["unknown", {"ro_uri": "ro.x-future-capability"}]}
    server.request("POST", server.path(cap) + "?t=set_children", json.dumps(children).encode())
    assert storage.listdir("") == ([], ["future.txt"])
    attempts: list[Callable[[], Any]] = [
        lambda: storage.exists("future.txt"),
        lambda: storage.open("future.txt"),
        lambda: storage.size("future.txt"),
        lambda: save(storage, "future.txt"),
    ]
    for attempt in attempts:
        with pytest.raises(StorageError):
            attempt()
    assert storage.listdir("") == ([], ["future.txt"])


def test_copies_are_links(storage: TahoeStorage, server: Tahoe, cap: str) -> None:
    """A copy costs no upload: it is the same immutable file under a second name."""
    name = save(storage, "a.bin", b"x" * 100_000)
    storage.copy(name, "deep/er/b.bin")
    first, second = (server.describe(cap, n)[1]["ro_uri"] for n in (name, "deep/er/b.bin"))
    assert first == second


@pytest.mark.parametrize(
    ("name", "target"), [(" a .txt ", " d / b "), ("d /a", "d /b"), ("a", "b "), ("x/a", "a ")]
)
def test_moving_keeps_spaces(storage: TahoeStorage, name: str, target: str) -> None:
    """Spaces at the ends of names stay, which the gateway's own ``relink`` takes away."""
    save(storage, name, b"content")
    assert storage.move(name, target) == target
    assert read(storage, target) == b"content"
    assert not storage.exists(name)


def test_a_failed_move_makes_no_directory(storage: TahoeStorage) -> None:
    """Moving from a directory that is missing leaves it missing, and the target's too."""
    with pytest.raises(NotFound):
        storage.move("missing/a.txt", "target/a.txt")
    assert storage.listdir("") == ([], [])


# ------------------------------------------------------------------ its parser


def described(data: bytes, step: int) -> Description:
    """A description of which ``step`` bytes come at a time."""
    return Description(io.BytesIO(data).read if step == 0 else _stepping(data, step))


def _stepping(data: bytes, step: int) -> Callable[[], bytes]:
    stream = io.BytesIO(data)
    return lambda: stream.read(step)


def test_a_child_without_end_is_not_read_for_ever() -> None:
    """Corrupt, after a mebibyte or so: no child is that long."""
    sent = [b'["dirnode", {"children": {"']

    def read() -> bytes:
        sent.append(b"x" * 65536)
        return sent[-2] if len(sent) < 100 else b""

    with pytest.raises(Corrupt):
        list(Description(read).children())
    assert len(sent) < 25


@pytest.mark.parametrize("step", [1, 2, 7, 64, 100_000])
def test_a_listing_is_read_in_any_pieces(step: int) -> None:
    """However the bytes of an answer are cut, the children and what is around them are the same."""
    children = {
        f'näme {n} \\" {{}}[]:,': ["filenode", {"size": n, "metadata": {}}] for n in range(30)
    }
    for indent in (None, 1):
        for around in ({"mutable": True, "n": 12}, {}):
            whole = {**around, "children": children, "rw_uri": "x", "count": 1234567}
            for ascii_only in (True, False):
                data = json.dumps(["dirnode", whole], indent=indent, ensure_ascii=ascii_only)
                found = described(data.encode(), step)
                others: dict[str, Any] = {}
                assert found.kind == "dirnode"
                listed = {name: [kind, told] for name, kind, told in found.children(others)}
                assert listed == children
                assert others == {**around, "rw_uri": "x", "count": 1234567}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[",
        b'["dirnode"',
        b'["dirnode", []]',
        b'["dirnode", {"children": {"a": ["filenode", {}]',
        b'["dirnode", {"children": {"a": ["filenode", {}]; "b": 1}}]',
        b'["dirnode", {"children": {"a"',
        b'["dirnode", {"children": {}}',
        b'["dirnode", {"children": {}}]["dirnode"]',
        b'["dirnode", {"children": {}}]\x80',
        b'{"error": "x"}',
    ],
)
def test_an_answer_that_is_no_listing_is_an_error(data: bytes) -> None:
    """An answer that breaks off, or is something else, is never taken for a short listing."""
    with pytest.raises(Corrupt):
        list(described(data, 3).children())
