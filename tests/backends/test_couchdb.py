"""What is peculiar to CouchDB, on pouchdb-server: documents, requests, listings, settings."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.backends.couchdb import CouchDBFile, CouchDBStorage
from storages.backends.couchdb import storage as couchdb
from storages.errors import AlreadyExists, NotFound, OptionError, StorageError, Unavailable
from tests.backends import couchdb_database
from tests.backends.couchdb_database import Storage, read, save
from tests.servers import shared
from tests.servers.pouchdb import PouchDB
from tests.servers.process import HOST, free_port

# Fixtures, which pytest looks for in the module of the tests that take them.
database = couchdb_database.database
storage = couchdb_database.storage


def request(storage: Storage, path: str, method: str = "GET", document: Any = None) -> Any:
    """What the server itself says of ``path`` in the database."""
    url = f"{storage._database_url}/{path}"
    body = None if document is None else json.dumps(document).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read())


# ----------------------------------------------------------------------------- documents


def test_what_a_document_holds(storage: Storage) -> None:
    """The name, the size and the type; the content is binary, so that CouchDB leaves it alone."""
    before = datetime.now(timezone.utc)
    save(storage, "a/b.txt", b"hello")
    document = request(storage, "a%2Fb.txt")
    assert document["_id"] == "a/b.txt"
    assert document["size"] == 5
    assert document["content_type"] == "text/plain"
    assert before <= datetime.fromisoformat(document["modified"]) <= datetime.now(timezone.utc)
    attachment = document["_attachments"]["content"]
    assert (attachment["content_type"], attachment["length"]) == ("application/octet-stream", 5)


@pytest.mark.parametrize("kind", ["text/plain", "image/png", "application/octet-stream"])
def test_files_of_the_old_release_are_read(storage: Storage, kind: str) -> None:
    """It made a document with the size, and put the content into it under its own type."""
    revision = request(storage, "a-b.txt", "PUT", {"size": 5})["rev"]
    with storage._stream(
        "PUT",
        f"{storage._database_url}/a-b.txt/content?rev={revision}",
        body=b"hello",
        headers={"Content-Type": kind},
    ):
        pass
    assert read(storage, "a-b.txt") == b"hello"
    assert storage.stat("a-b.txt").content_type == kind
    assert storage.listdir("") == ([], ["a-b.txt"])
    with pytest.raises(NotImplementedError):
        storage.get_modified_time("a-b.txt")
    with storage.open("a-b.txt", "wb") as file:
        file.write(b"new")
    assert read(storage, "a-b.txt") == b"new"
    storage.delete("a-b.txt")
    assert not storage.exists("a-b.txt")


@pytest.mark.parametrize("name", ["_DSC0001.jpg", "_d/x.txt", "_design/x", "_"])
def test_a_name_may_begin_with_an_underscore(storage: Storage, name: str) -> None:
    """Though a document's id may not: CouchDB keeps those for itself."""
    save(storage, name)
    save(storage, "other")
    assert read(storage, name) == b"content"
    assert storage.exists(name)
    walked = {f"{top}/{file}".strip("/") for top, _, files in storage.walk() for file in files}
    assert walked == {name, "other"}
    with urllib.request.urlopen(storage.url(name), timeout=60) as answer:
        assert answer.read() == b"content"
    storage.delete(name)
    assert storage.listdir("") == ([], ["other"])


def test_the_last_names_of_all_are_listed(storage: Storage) -> None:
    """A listing needs an end, and the end of Unicode is no name's: each of these is one."""
    last = ["\U0010fffd", "\U0010ffff", "\U0010ffffx", "\U0010ffff" * 60]
    for name in (*last, "\U0010ffff/x"):
        assert save(storage, name) == name
    assert [sorted(found) for found in storage.listdir("")] == [["\U0010ffff"], sorted(last)]
    walked = {f"{top}/{file}".strip("/") for top, _, files in storage.walk() for file in files}
    assert walked == {*last, "\U0010ffff/x"}


def test_what_is_no_file_is_not_there(storage: Storage) -> None:
    """Documents without content, of other programs, and the database's own: but names they take."""
    request(storage, "note", "PUT", {"text": "x"})
    request(storage, "_design/views", "PUT", {"views": {}})
    assert storage.listdir("") == ([], [])
    assert not storage.exists("note")
    with pytest.raises(NotFound):
        storage.size("note")
    with pytest.raises(NotFound):
        storage.open("note")
    storage.delete("note")
    storage.delete_many(["note"])
    assert save(storage, "note") != "note"
    with pytest.raises(AlreadyExists, match="no file"), storage.open("note", "wb") as file:
        file.write(b"x")
    assert request(storage, "note")["text"] == "x"


def test_a_deleted_name_is_free(storage: Storage) -> None:
    """Its document is still there, as deleted."""
    for content in (b"one", b"two"):
        assert save(storage, "a.txt", content) == "a.txt"
        assert read(storage, "a.txt") == content
        storage.delete("a.txt")


# ------------------------------------------------------------------------------ requests


def test_requests_per_operation(storage: Storage) -> None:
    """What the documentation says."""

    def asked(work: Any) -> int:
        storage.asked.clear()
        work()
        return storage.asked["all"]

    assert asked(lambda: save(storage, "d/a")) == 2
    assert asked(lambda: read(storage, "d/a")) == 1
    assert asked(lambda: storage.size("d/a")) == 1
    assert asked(lambda: storage.exists("d/a")) == 1
    assert asked(lambda: storage.exists("nothing")) == 2
    assert asked(lambda: storage.listdir("d")) == 1
    assert asked(lambda: storage.url("d/a")) == 0
    assert asked(lambda: storage.open("d/a", "wb").close()) == 3
    assert asked(lambda: storage.delete("d/a")) == 2
    for number in range(20):
        save(storage, f"many/{number}")
    names = [f"many/{number}" for number in range(20)]
    assert asked(lambda: storage.delete_many([*names, "many/none"])) == 2
    assert not storage.exists("many")
    assert asked(lambda: storage.delete_many(["many/none"])) == 1


@pytest.mark.parametrize("page", [2, 3, 5, 1000])
def test_listing_in_pages(storage: Storage, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """Nothing is left out or told twice, wherever a page ends."""
    names = [f"{top}{n}" for top in ("", "d/", "d/e/", "_u/", "d0/", "d-/", "é/") for n in range(4)]
    for name in names:
        save(storage, name)
    monkeypatch.setattr(couchdb, "_PAGE", page)
    listed = [f"{top}/{file}".strip("/") for top, _, files in storage.walk() for file in files]
    assert sorted(listed) == sorted(names)
    assert storage.listdir("d") == (["e"], ["0", "1", "2", "3"])


def test_a_large_directory_is_passed_over(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its names are not read to list what it is in."""
    for number in range(40):
        save(storage, f"d/large/{number}")
    save(storage, "d/z")
    monkeypatch.setattr(couchdb, "_PAGE", 4)
    storage.asked.clear()
    assert storage.listdir("d") == (["large"], ["z"])
    assert storage.asked["all"] == 2


def test_a_file_deleted_at_the_end_of_a_page(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does not hide the one after it."""
    for name in "abcdef":
        save(storage, name)
    monkeypatch.setattr(couchdb, "_PAGE", 3)
    entries = storage.scandir("")
    listed = [next(entries).name for _ in range(3)]
    storage.delete("c")
    assert listed + [entry.name for entry in entries] == list("abcdef")


def test_a_listing_tells_sizes_and_times(storage: Storage) -> None:
    """As stat does, without a request for each."""
    save(storage, "a.txt", b"12345")
    (entry,) = storage.scandir("")
    assert entry.stat == storage.stat("a.txt")
    assert entry.stat is not None
    assert entry.stat.size == 5


# ----------------------------------------------------------------------- configuration


def test_the_documented_settings(database: str) -> None:
    """``COUCHDB_STORAGE_OPTIONS``; an argument goes over it now (in 1.1.4 it was the reverse)."""
    server = shared(PouchDB).url
    with override_settings(COUCHDB_STORAGE_OPTIONS={"server": server, "database": database}):
        with CouchDBStorage() as storage:
            name = storage.save("a.txt", ContentFile(b"x"))
            assert storage.url(name) == f"{server}/{database}/a.txt/content"
            with storage.open(name) as file:
                assert isinstance(file, CouchDBFile)
            assert storage.deconstruct() == ("storages.backends.couchdb.CouchDBStorage", [], {})
        assert CouchDBStorage(database="other").database == "other"
    with override_settings(
        COUCHDB_DEFAULT_SERVER=server, COUCHDB_STORAGE_OPTIONS={"database": database}
    ):
        assert CouchDBStorage().server == server
    assert CouchDBStorage(database="x").server == "http://couchdb.local:5984"


def test_wrong_settings_are_told() -> None:
    """What is missing, unknown, or no URL: by its name, not by its value."""
    with pytest.raises(OptionError, match=r"COUCHDB_STORAGE_OPTIONS\['database'\]"):
        CouchDBStorage()
    with (
        override_settings(COUCHDB_STORAGE_OPTIONS={"databse": "x"}),
        pytest.raises(OptionError, match="COUCHDB_STORAGE_OPTIONS has no option 'databse'"),
    ):
        CouchDBStorage()
    with (
        override_settings(COUCHDB_STORAGE_OPTIONS=["database"]),
        pytest.raises(OptionError, match="must be a dict, not list"),
    ):
        CouchDBStorage()
    with pytest.raises(OptionError, match="http://") as caught:
        CouchDBStorage(server="user:hunter2@host", database="x")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(OptionError, match="no option 'host'"):
        CouchDBStorage(host="x", database="x")


def test_names_are_quoted_in_urls() -> None:
    """Those of databases, too; an own base_url goes over the server."""
    storage = CouchDBStorage(server="http://h:1/couch/", database="a/b")
    assert storage.url("d/é?#%.txt") == ("http://h:1/couch/a%2Fb/d%2F%C3%A9%3F%23%25.txt/content")
    storage = CouchDBStorage(server="http://h:1", database="x", base_url="https://files.example/")
    assert storage.url("a b") == "https://files.example/a%20b/content"


def test_a_password_is_shown_nowhere() -> None:
    """Whether it is an option or in the server's URL."""
    port = free_port()
    inside = CouchDBStorage(server=f"http://user:hun%74er2@{HOST}:{port}", database="x")
    option = CouchDBStorage(
        server=f"http://{HOST}:{port}", database="x", username="user", password="hunter2"
    )
    for storage in (inside, option):
        with storage, pytest.raises(Unavailable) as caught:
            storage.exists("a")
        shown = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {storage!r}"
        shown += f"{storage.deconstruct()} {storage.url('a')}"
        assert "hunter2" not in urllib.parse.unquote(shown)
        assert storage._authorization() == {"Authorization": "Basic dXNlcjpodW50ZXIy"}


def test_a_missing_database_is_no_missing_file(storage: Storage) -> None:
    """Nothing is said about files then."""
    with Storage(server=storage.server, database="none") as other:
        for work in (
            lambda: other.exists("a"),
            lambda: other.size("a"),
            lambda: other.open("a"),
            lambda: other.listdir(""),
            lambda: save(other, "a"),
            lambda: other.delete("a"),
            lambda: other.delete_many(["a"]),
        ):
            with pytest.raises(StorageError, match="no database 'none'") as caught:
                work()
            assert not isinstance(caught.value, NotFound)
            assert caught.value.__cause__ is not None
