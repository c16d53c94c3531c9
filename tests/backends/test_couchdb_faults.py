"""What holds when CouchDB, or the way there, fails, and when others change the same file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storages.errors import AlreadyExists, Corrupt, StorageError, Timeout, Unavailable
from storages.retry import NO_RETRY
from tests.backends import couchdb_database
from tests.backends.couchdb_database import Storage, read, save
from tests.servers import shared
from tests.servers.pouchdb import PouchDB
from tests.servers.s3proxy import Asked, Fault, S3Proxy

# Fixtures, which pytest looks for in the module of the tests that take them.
database = couchdb_database.database
storage = couchdb_database.storage


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
