"""Tahoe-LAFS: the acceptance cases TAH-1 to TAH-7, and names and logs beside them."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.test.utils import isolate_apps

from storages.backends.tahoe import TahoeStorage
from storages.errors import Unavailable
from storages.retry import Retry
from tests.backends import tahoe_directory
from tests.backends.tahoe_directory import CAP, assert_hidden, fetch, save
from tests.backends.tahoe_gateway import read
from tests.servers.process import free_port
from tests.servers.tahoe import Tahoe

# Fixtures, which pytest looks for in the module of the tests that take them.
server = tahoe_directory.server
cap = tahoe_directory.cap
storage = tahoe_directory.storage


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
