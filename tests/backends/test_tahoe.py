"""Tahoe-LAFS: the acceptance cases TAH-1 to TAH-7, options, URLs, names, listings."""

from __future__ import annotations

import io
import json
import logging
import pickle
import random
import traceback
import unicodedata
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.test.utils import isolate_apps

from storages.backends.tahoe import TahoeStorage, caps
from storages.backends.tahoe.listing import Description
from storages.errors import (
    Changed,
    Corrupt,
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    NoURL,
    OptionError,
    StorageError,
    Unavailable,
)
from storages.retry import Retry
from tests.servers import shared
from tests.servers.process import free_port
from tests.servers.tahoe import Tahoe

# Of a grid that is no more.
CAP = "URI:DIR2:mwkjyoegf6sinz4cpskrkcqqie:cnjvw4zg3hmvhl64brpbbhzhxtzn6ot7tahh6gbpadpnrvrkmmaa"
FILE = CAP.replace("DIR2", "CHK") + ":1:1:101"


@pytest.fixture
def server() -> Tahoe:
    """The gateway."""
    return shared(Tahoe)


@pytest.fixture
def cap(server: Tahoe) -> str:
    """A directory."""
    return server.new_directory()


@pytest.fixture
def storage(server: Tahoe, cap: str) -> Iterator[TahoeStorage]:
    """A storage of that directory."""
    with TahoeStorage(server.url, cap) as storage:
        yield storage


def save(storage: Storage, name: str, content: bytes = b"content") -> str:
    """Save a file."""
    return storage.save(name, ContentFile(content))


def read(storage: Storage, name: str) -> bytes:
    """Read a file."""
    with storage.open(name) as file:
        return bytes(file.read())


def fetch(url: str) -> bytes:
    """Get a URL as any client does."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        data: bytes = answer.read()
        return data


# ------------------------------------------------------------------ acceptance


@isolate_apps("tests")
def test_tah_1_the_documented_settings_and_a_deep_upload_to(server: Tahoe, cap: str) -> None:
    """TAH-1: the README's three settings and ``upload_to="a/b/c/"`` work as they stand there."""
    with override_settings(
        TAHOE_STORAGE_BASE_URL=server.url,
        TAHOE_STORAGE_BASE_CAP=cap,
        TAHOE_PUBLIC_BASE_URL=server.url,
    ):
        ts = TahoeStorage()

        class Whatever(models.Model):
            file = models.FileField(upload_to="a/b/c/", storage=ts)

            class Meta:
                app_label = "tests"

        whatever = Whatever()
        whatever.file.save("x.txt", ContentFile(b"content"), save=False)
        assert whatever.file.name == "a/b/c/x.txt"
        assert read(ts, "a/b/c/x.txt") == b"content"
        assert ts.listdir("a/b") == (["c"], [])
        assert fetch(whatever.file.url) == b"content"
        ts.close()


def test_tah_2_the_url_follows_the_content(storage: TahoeStorage) -> None:
    """TAH-2: after deleting and saving other content, URL, size and bytes are the new file's."""
    name = save(storage, "d/a.txt", b"one" * 100)
    before = storage.url(name)
    storage.delete(name)
    assert save(storage, "d/a.txt", b"other" * 100) == name
    assert storage.url(name) != before
    assert storage.size(name) == 500
    assert fetch(storage.url(name)) == b"other" * 100


def test_tah_3_unreachable_node(caplog: pytest.LogCaptureFixture) -> None:
    """TAH-3: nothing about a node that cannot be reached shows the capability."""
    caplog.set_level(logging.DEBUG)
    storage = TahoeStorage(f"http://127.0.0.1:{free_port()}/", CAP)
    storage.retry = Retry(attempts=2, backoff=0.01)
    attempts: list[Callable[[], Any]] = [
        lambda: storage.exists("a.txt"),
        lambda: storage.open("a.txt"),
        lambda: storage.url("a.txt"),
        lambda: save(storage, "d/a.txt"),
        lambda: storage.listdir(""),
        lambda: storage.delete("a.txt"),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable) as caught:
            attempt()
        shown = "".join(traceback.format_exception(caught.value))
        shown += repr(caught.value) + repr(pickle.loads(pickle.dumps(caught.value)).__dict__)
        assert "refused" in shown.lower()
        assert_hidden(CAP, shown)
    assert_hidden(CAP, caplog.text)
    assert "connectionpool" in caplog.text  # it had something to hide


def test_what_works_is_logged_without_the_capability(
    storage: TahoeStorage, cap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of every request, which urllib3 keeps, shows no capability, of files neither."""
    caplog.set_level(logging.DEBUG)
    name = save(storage, "d/a.txt", b"content" * 10)
    url = storage.url(name)
    read(storage, name)
    storage.delete(name)
    storage.delete("d")
    assert "DELETE" in caplog.text
    assert_hidden(cap, caplog.text)
    assert "URI:DIR2" not in unquote(caplog.text)
    assert unquote(url).split("/")[4] not in unquote(caplog.text)


def test_tah_4_deconstructs_to_nothing(server: Tahoe, cap: str) -> None:
    """TAH-4: a storage made from settings takes nothing into a migration; a given cap neither."""
    with override_settings(TAHOE_STORAGE_BASE_URL=server.url, TAHOE_STORAGE_BASE_CAP=cap):
        path, args, kwargs = TahoeStorage().deconstruct()
        assert (path, args, kwargs) == ("storages.backends.tahoe.TahoeStorage", [], {})
        assert MigrationWriter.serialize(TahoeStorage())[0] == f"{path}()"
        given = TahoeStorage(server.url, cap, base_url="http://h.example")
        assert given.deconstruct()[2] == {
            "tahoe_base_url": server.url,
            "base_url": "http://h.example",
        }
        assert_hidden(cap, repr(given) + str(MigrationWriter.serialize(given)))


def test_tah_5_names_count(storage: TahoeStorage) -> None:
    """TAH-5: alternative names count from 1, before the extension, within ``max_length``."""
    names = [save(storage, "d/name.ext") for _ in range(3)]
    assert names == ["d/name.ext", "d/name_1.ext", "d/name_2.ext"]
    storage.delete("d/name_1.ext")
    assert save(storage, "d/name.ext") == "d/name_1.ext"
    assert storage.get_available_name("d/name.ext") == "d/name_3.ext"
    assert storage.get_available_name("d/free.ext") == "d/free.ext"
    assert storage.get_available_name("missing/free.ext") == "missing/free.ext"
    assert [save(storage, "no_extension") for _ in range(2)] == ["no_extension", "no_extension_1"]
    save(storage, "12345.txt")
    for expected in ("123_1.txt", "123_2.txt"):
        assert storage.save("12345.txt", ContentFile(b"x"), max_length=9) == expected
    assert storage.get_alternative_name("root", ".txt") == "root_1.txt"


def test_tah_5_many_of_one_name(server: Tahoe, cap: str, storage: TahoeStorage) -> None:
    """The next number is found in a listing, however many are taken."""
    names = ["n.txt", *(f"n_{number}.txt" for number in range(1, 120))]
    children = {name: ["filenode", {"ro_uri": "URI:LIT:pa"}] for name in names}
    server.request("POST", server.path(cap) + "?t=set_children", json.dumps(children).encode())
    assert save(storage, "n.txt") == "n_120.txt"


def test_tah_6_names_that_are_not_ascii(server: Tahoe, cap: str, storage: TahoeStorage) -> None:
    """TAH-6: names of any script work everywhere; composed and decomposed are one name."""
    for name in ("ünïcödé/naïve - 文件.txt", "emoji 🎉/ß", "a%2Fb/100% ?#&=+;.txt", "...dots/..x"):
        assert save(storage, name, name.encode()) == name
        assert read(storage, name) == name.encode()
        directory, _, base = name.rpartition("/")
        assert storage.listdir(directory) == ([], [base])
        assert fetch(storage.url(name)) == name.encode()
        assert directory in server.describe(cap)[1]["children"]
    composed, decomposed = (unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD"))
    assert save(storage, decomposed, b"1") == decomposed
    assert storage.exists(composed)
    assert save(storage, composed, b"2") == unicodedata.normalize("NFC", "é_1.txt")
    assert composed in storage.listdir("")[1]


def test_names_that_are_the_gateway_s_words(storage: TahoeStorage) -> None:
    """An error that quotes a name is not taken for what the name says."""
    for words in (
        "NotWriteableError",
        "Files have no children",
        "PUT to a directory",
        "its parent is a file",
        "a file was in the way",
        "No such child",
    ):
        assert not storage.exists(words)
        assert not storage.exists(f"{words}/{words}")
        assert save(storage, f"{words}/{words}") == f"{words}/{words}"
        assert save(storage, f"{words}/{words}") == f"{words}/{words}_1"
        assert not storage.exists(f"{words}/{words}/{words}")
        storage.delete(f"{words}/missing {words}")


def test_tah_7_is_no_file_system_storage(storage: TahoeStorage) -> None:
    """TAH-7: it is not taken for files on this machine; ``path`` says so."""
    assert FileSystemStorage not in type(storage).__mro__
    with pytest.raises(NotImplementedError):
        storage.path("a.txt")


# --------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "cap",
    [
        "",
        "secret-thing",
        FILE,
        FILE.replace("CHK", "DIR2-Verifier"),
        CAP.replace("DIR2", "DIR2-Verifier"),
        CAP.replace("DIR2", "SSK"),
        CAP[:-1],
        CAP + "/x",
        "URI:LIT:krugs4y",
    ],
)
def test_a_base_cap_that_is_no_directory_is_refused(cap: str) -> None:
    """What is no directory's capability is refused when the storage is made, and is not shown."""
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_CAP") as caught:
        TahoeStorage("http://localhost:3456/", cap)
    if cap:
        assert_hidden(cap, "".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize(
    "cap",
    [
        CAP,
        f" {CAP}\n",
        CAP.replace("DIR2", "DIR2-RO"),
        CAP.replace("DIR2", "DIR2-MDMF"),
        CAP.replace("DIR2", "DIR2-MDMF-RO") + ":3:131073",
        FILE.replace("CHK", "DIR2-CHK"),
        "URI:DIR2-LIT:ge3dumj2mewdcotyfqydulbshj5x2lbm",
    ],
)
def test_every_kind_of_directory_is_taken(cap: str) -> None:
    """Any capability of a directory will do; white space around it does not matter."""
    assert TahoeStorage("http://localhost:3456", cap).tahoe_base_cap == cap.strip()


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("tahoe_base_url", "localhost:3456", "http"),
        ("tahoe_base_url", "ftp://localhost/", "http"),
        ("tahoe_base_url", "http://", "host"),
        ("tahoe_base_url", "http://user:hush@localhost/", "password"),
        ("tahoe_base_url", f"http://localhost:3456/uri/{quote(CAP, safe='')}/", "capability"),
        ("tahoe_base_url", f"http://localhost:3456/uri/{CAP}", "capability"),
        ("base_url", f"http://localhost:3456/uri/{CAP}", "capability"),
        ("base_url", "http://localhost:3456/?x=1", "alone"),
        ("url_style", "other", "named"),
    ],
)
def test_options_are_judged(option: str, value: str, why: str) -> None:
    """An address or style that cannot work is refused, without showing what may be secret."""
    given = {"tahoe_base_url": "http://localhost:3456/", "tahoe_base_cap": CAP, option: value}
    with pytest.raises(OptionError, match=why) as caught:
        TahoeStorage(**given)
    shown = "".join(traceback.format_exception(caught.value))
    assert_hidden(CAP, shown)
    assert "hush" not in shown


def test_settings_are_required() -> None:
    """Without an address or a directory there is no storage."""
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_URL"):
        TahoeStorage()
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_CAP"):
        TahoeStorage("http://localhost:3456/")


def test_check_about_the_public_address() -> None:
    """W080: URLs that lead to the gateway which can write are worth a warning."""
    (message,) = TahoeStorage("http://localhost:3456/", CAP).check("default")
    assert message.id == "storages.W080"
    assert_hidden(CAP, str(message))
    assert not list(TahoeStorage("http://localhost:3456/", CAP, "http://h.example").check("x"))


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


def assert_hidden(cap: str, text: str) -> None:
    """Neither a capability nor its key is in ``text``, percent-encoded or not."""
    for form in {cap, quote(cap, safe=""), *(part for part in cap.split(":") if len(part) > 20)}:
        assert form not in text
