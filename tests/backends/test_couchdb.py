"""What is peculiar to CouchDB, on pouchdb-server; faults through a proxy."""

from __future__ import annotations

import json
import os
import threading
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.backends.couchdb import CouchDBFile, CouchDBStorage
from storages.backends.couchdb import storage as couchdb
from storages.errors import (
    AlreadyExists,
    Corrupt,
    NotFound,
    OptionError,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.retry import NO_RETRY, Retry
from tests.servers import shared
from tests.servers.pouchdb import PouchDB
from tests.servers.process import HOST, free_port
from tests.servers.s3proxy import Asked, Fault, S3Proxy


class Storage(CouchDBStorage):
    """Tries again soon, and counts what it asks."""

    retry = Retry(backoff=0.001)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.asked: Counter[str] = Counter()

    def _ask(self, method: str, url: str, **more: Any) -> Any:
        self.asked[method] += 1
        return super()._ask(method, url, **more)

    def _stream(self, method: str, url: str, **more: Any) -> Any:
        self.asked["all"] += 1
        return super()._stream(method, url, **more)


@pytest.fixture
def database() -> str:
    """A new database."""
    return shared(PouchDB).new_database()


@pytest.fixture
def storage(database: str) -> Iterator[Storage]:
    """A storage for it."""
    with Storage(server=shared(PouchDB).url, database=database) as made:
        yield made


@pytest.fixture
def proxy() -> Iterator[S3Proxy]:
    """A proxy before the server: it knows enough of HTTP for this one, too."""
    with S3Proxy(shared(PouchDB).port) as running:
        yield running


@pytest.fixture
def proxied(proxy: S3Proxy, database: str) -> Iterator[Storage]:
    """A storage behind the proxy."""
    with Storage(server=proxy.endpoint, database=database) as made:
        yield made


def request(storage: Storage, path: str, method: str = "GET", document: Any = None) -> Any:
    """What the server itself says of ``path`` in the database."""
    url = f"{storage._database_url}/{path}"
    body = None if document is None else json.dumps(document).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read())


def save(storage: Storage, name: str, content: bytes = b"content") -> str:
    """Save a file."""
    return storage.save(name, ContentFile(content))


def read(storage: Storage, name: str) -> bytes:
    """Read it."""
    with storage.open(name) as file:
        content: bytes = file.read()
        return content


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


# -------------------------------------------------------------------------------- faults


def on(method: str, *faults: Fault) -> Any:
    """Let the next requests of ``method`` meet ``faults``."""
    waiting = list(faults)

    def rule(asked: Asked) -> Fault | None:
        return waiting.pop(0) if asked.method == method and waiting else None

    return rule


def always(method: str, fault: Fault) -> Any:
    """Let all of them meet it."""
    return lambda asked: fault if asked.method == method else None


@pytest.mark.parametrize("overwrite", [False, True])
def test_content_damaged_on_its_way_up_is_sent_again(
    proxied: Storage, proxy: S3Proxy, *, overwrite: bool
) -> None:
    """PouchDB compares nothing; its digest tells."""
    content = os.urandom(100_000)
    if overwrite:
        save(proxied, "a", b"old")
    proxy.rule = on("PUT", Fault(flip_up=50_000))
    if overwrite:
        with proxied.open("a", "wb") as file:
            file.write(content)
    else:
        assert save(proxied, "a", content) == "a"
    assert len(proxy.faults) == 1
    assert read(proxied, "a") == content
    assert proxied.listdir("") == ([], ["a"])


def test_content_that_is_always_damaged_is_not_kept(proxied: Storage, proxy: S3Proxy) -> None:
    """Corrupt, and nothing left."""
    proxy.rule = always("PUT", Fault(flip_up=50_000))
    with pytest.raises(Corrupt):
        save(proxied, "a", os.urandom(100_000))
    assert len(proxy.faults) == 2
    assert proxied.listdir("") == ([], [])


def test_content_damaged_on_its_way_down(proxied: Storage, proxy: S3Proxy) -> None:
    """Corrupt, before the last bytes are handed out."""
    save(proxied, "a", os.urandom(300_000))
    proxy.rule = on("GET", Fault(flip=150_000))
    with pytest.raises(Corrupt):
        read(proxied, "a")
    assert len(proxy.faults) == 1


def test_an_upload_whose_answer_is_lost(proxied: Storage, proxy: S3Proxy) -> None:
    """Is one file, under its own name."""
    proxy.rule = on("PUT", Fault(lose=True))
    assert save(proxied, "a") == "a"
    assert len(proxy.faults) == 1
    assert proxied.listdir("") == ([], ["a"])


def test_an_upload_that_never_gets_through(proxied: Storage, proxy: S3Proxy) -> None:
    """Our error, and nothing left; what was there stays."""
    proxy.rule = always("PUT", Fault(refuse=True))
    with pytest.raises(Unavailable):
        save(proxied, "a", bytes(1_000_000))
    assert len(proxy.faults) == 3
    proxy.rule = lambda _: None
    assert proxied.listdir("") == ([], [])
    save(proxied, "a", b"old")
    proxy.rule = always("PUT", Fault(refuse=True))
    with pytest.raises(Unavailable), proxied.open("a", "wb") as file:
        file.write(b"new")
    assert read(proxied, "a") == b"old"


def test_a_download_that_breaks_off_goes_on(proxied: Storage, proxy: S3Proxy) -> None:
    """PouchDB knows no ranges, so what was read already is passed over."""
    content = os.urandom(1_000_000)
    save(proxied, "a", content)
    proxy.rule = on("GET", Fault(cut=500_000))
    assert read(proxied, "a") == content
    assert len(proxy.faults) == 1


def test_a_version_that_was_replaced_is_not_spliced_in(storage: Storage) -> None:
    """The old bytes or an error."""
    save(storage, "a", b"a" * 1_000_000)
    with storage.open("a") as file:
        first = file.read(10)
        with storage.open("a", "wb") as other:
            other.write(b"b" * 1_000_000)
        file.seek(900_000)
        with pytest.raises(StorageError, match="changed"):
            file.read(10)
    assert first == b"a" * 10


def test_a_busy_server_is_tried_again(proxied: Storage, proxy: S3Proxy) -> None:
    """After the time that it asked for."""
    save(proxied, "a")
    proxy.rule = on("GET", Fault(status=503, headers={"Retry-After": "0"}), Fault(status=429))
    assert read(proxied, "a") == b"content"
    assert len(proxy.faults) == 2


def test_many_replace_one_file(storage: Storage) -> None:
    """Each of them gets through; the file is one of theirs as a whole."""
    contents = [bytes([number]) * 50_000 for number in range(6)]
    save(storage, "a")
    errors: list[BaseException] = []

    def replace(content: bytes) -> None:
        try:
            with storage.open("a", "wb") as file:
                file.write(content)
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=replace, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert read(storage, "a") in contents


def test_a_file_replaced_while_it_is_deleted(proxied: Storage, proxy: S3Proxy) -> None:
    """The revision is asked for again: delete means the file of that name."""
    works: list[Callable[[], None]] = [
        lambda: proxied.delete("a"),
        lambda: proxied.delete_many(["a"]),
    ]
    for work in works:
        save(proxied, "a")
        done = threading.Event()

        def replace(asked: Asked, done: threading.Event = done) -> None:
            if asked.method == "DELETE" or asked.path.endswith("_bulk_docs"):
                proxy.rule = lambda _: None
                with (
                    Storage(server=shared(PouchDB).url, database=proxied.database) as other,
                    other.open("a", "wb") as file,
                ):
                    file.write(b"new")
                done.set()

        proxy.rule = replace
        work()
        assert done.is_set()
        assert not proxied.exists("a")


def test_somebody_creates_the_file_that_is_to_be_replaced(proxied: Storage, proxy: S3Proxy) -> None:
    """The write begins anew, over that one."""

    def create(asked: Asked) -> None:
        if asked.method == "PUT":
            proxy.rule = lambda _: None
            with Storage(server=shared(PouchDB).url, database=proxied.database) as other:
                save(other, "a", b"theirs")

    proxy.rule = create
    with proxied.open("a", "wb") as file:
        file.write(b"ours")
    assert read(proxied, "a") == b"ours"
    with pytest.raises(AlreadyExists), proxied.open("a", "xb") as file:
        file.write(b"x")


def test_the_server_restarts(storage: Storage) -> None:
    """Killed between calls and begun again: the next call works, and nothing is lost."""
    server = shared(PouchDB)
    save(storage, "a", b"kept")
    server.kill()
    with pytest.raises(Unavailable):
        storage.exists("a")
    server.start()
    assert read(storage, "a") == b"kept"


def test_a_server_that_hangs(storage: Storage) -> None:
    """Timeout, in the time that it may take."""
    server = shared(PouchDB)
    with Storage(server=storage.server, database=storage.database, read_timeout=0.5) as hasty:
        hasty.retry = NO_RETRY
        server.pause()
        try:
            with pytest.raises(Timeout):
                hasty.exists("a")
        finally:
            server.resume()
        assert not hasty.exists("a")
