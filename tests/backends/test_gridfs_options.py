"""Where GridFS's files are, and the client that goes there: options, settings, sharing, forks."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pymongo
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connections
from django.test import override_settings

from storages.backends.gridfs import GridFSStorage, clients
from storages.backends.gridfs.bucket import Bucket
from storages.backends.gridfs.options import database_in, options_in
from storages.checks import check_storages
from storages.errors import OptionError, StorageError, Unavailable
from storages.retry import NO_RETRY
from storages.testing.processes import run_processes
from tests.backends import gridfs_bucket
from tests.servers import beside, shared
from tests.servers.process import HOST
from tests.servers.secantus import Secantus

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("gridfs_django.py")
SECRET = "p@ss/w:rd%!"
QUOTED = "p%40ss%2Fw%3Ard%25%21"


name = gridfs_bucket.name


@pytest.fixture(autouse=True)
def others_closed() -> Iterator[None]:
    """No client of another test is left."""
    yield
    clients._close()


@contextmanager
def databases(**entries: Any) -> Iterator[None]:
    """Have these in DATABASES; Django warns of overriding the setting as a whole."""
    with mock.patch.dict(settings.DATABASES, entries):
        yield


def works(storage: GridFSStorage, database: str) -> None:
    """It saves a file, and that is in the database; afterwards its client is closed."""
    with storage:
        saved = storage.save("a.txt", ContentFile(b"content"))
        with storage.open(saved) as file:
            assert file.read() == b"content"
    with shared(Secantus).client() as client:
        assert client[database].fs.files.count_documents({"filename": saved}) == 1


def entry(name: str, **more: Any) -> dict[str, Any]:
    """An entry of DATABASES for the server of the tests."""
    return {"NAME": name, "HOST": HOST, "PORT": shared(Secantus).port, **more}


# ------------------------------------------------------------------ where


def test_the_documented_settings(name: str) -> None:
    """Those of 1.1.4, with an engine that is not installed: Django need not use the entry."""
    told = entry(
        name,
        ENGINE="django_mongodb_engine.mongodb",
        USER="",
        PASSWORD="",
        SUPPORTS_TRANSACTIONS=False,
        OPTIONS={"SAFE_INSERTS": True},
    )
    with databases(files=told), override_settings(GRIDFS_DATABASE="files"):
        works(GridFSStorage(), name)
    with databases(default=told):
        works(GridFSStorage(), name)


@pytest.mark.parametrize("engine", ["django.db.backends.dummy", "", None])
def test_a_plain_entry(name: str, engine: str | None) -> None:
    """An engine that does nothing keeps the entry legal; OPTIONS are MongoClient's."""
    options = {"serverSelectionTimeoutMS": 4321, "appname": "plain"}
    with databases(mongo={"ENGINE": engine, **entry(name, OPTIONS=options)}):
        storage = GridFSStorage(database="mongo", client_options={"maxPoolSize": 3})
        client = clients.database_of(storage).client
        assert client.options.server_selection_timeout == 4.321
        assert client.options.pool_options.max_pool_size == 3
        assert client.options.pool_options.connect_timeout == 5
        works(storage, name)


def test_an_entry_whose_host_is_a_connection_string(name: str) -> None:
    """As django_mongodb_backend's entries may have it."""
    uri = f"{shared(Secantus).uri}?connectTimeoutMS=1234"
    told = {"ENGINE": "django.db.backends.dummy", "NAME": name, "HOST": uri}
    with databases(mongo=told), override_settings(GRIDFS_DATABASE="mongo"):
        storage = GridFSStorage()
        assert clients.database_of(storage).client.options.pool_options.connect_timeout == 1.234
        works(storage, name)


def test_who_logs_in() -> None:
    """The old engine asked the files' own database for the user; MongoDB asks admin."""
    told = {"NAME": "media", "HOST": "mongo", "USER": "u", "PASSWORD": "p"}
    for engine, source in (("django_mongodb_engine", "media"), ("django.db.backends.dummy", None)):
        with databases(default={"ENGINE": engine, **told}):
            place = clients.place_of(GridFSStorage())
        assert (place.arguments["username"], place.arguments["password"]) == ("u", "p")
        assert place.arguments.get("authSource") == source


def test_a_connection_string(name: str) -> None:
    """The database is in it, or named beside it."""
    uri = shared(Secantus).uri
    works(GridFSStorage(uri=f"{uri}{name}"), name)
    with override_settings(GRIDFS_URI=uri, GRIDFS_DATABASE_NAME=name):
        works(GridFSStorage(), name)
    with override_settings(GRIDFS_URI=f"{uri}elsewhere"):
        works(GridFSStorage(database_name=name), name)


def test_a_database_object(name: str) -> None:
    """Pymongo's: its client is the caller's, and stays open."""
    with shared(Secantus).client() as client:
        storage = GridFSStorage(database=client[name])
        works(storage, name)
        assert storage.exists("a.txt")
        client.admin.command("ping")


def test_a_connection_of_its_shape(name: str) -> None:
    """Any engine whose connection has a ``database``: it is taken, and its client left open."""
    with shared(Secantus).client() as client:
        connection = SimpleNamespace(database=client[name], vendor="mongodb", connection=client)
        with (
            databases(mongo={"ENGINE": "an_engine", "NAME": name}),
            mock.patch.object(clients, "connections", {"mongo": connection}),
        ):
            storage = GridFSStorage(database="mongo")
            assert clients.database_of(storage) is connection.database
            works(storage, name)
        client.admin.command("ping")


def test_a_connection_without_a_database() -> None:
    """An engine for something else is told at the first use, when it is loaded."""
    with (
        databases(sql={"ENGINE": "an_engine", "NAME": "x"}),
        mock.patch.object(clients, "connections", {"sql": SimpleNamespace(vendor="sql")}),
        pytest.raises(OptionError, match="no MongoDB"),
    ):
        GridFSStorage(database="sql").exists("a.txt")


def test_mongodbs_own_backend_for_django(name: str) -> None:
    """In a project that has the real django_mongodb_backend: the client is Django's own.

    Models and files share it, a forked child makes another, and ``close`` leaves it open.
    """
    python = beside.program("django-mongodb", "python")
    done = subprocess.run(
        [python, str(PROGRAM), shared(Secantus).uri, name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    told = json.loads(done.stdout)
    assert told["backend"].startswith("5.2")
    assert told == {
        "backend": told["backend"],
        "client is Django's": True,
        "saved": "d/a.txt",
        "read": "content",
        "listed": [["d"], []],
        "in the child": "content",
        "child has another client": True,
        "still open": True,
        "checks": [],
    }


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ({}, {"database": "nowhere"}, "DATABASES has no 'nowhere'"),
        ({"GRIDFS_DATABASE": "default"}, {}, "no MongoDB: its ENGINE is 'django.db.backends"),
        ({}, {}, "no MongoDB: its ENGINE"),
        ({"GRIDFS_URI": "mongodb://h"}, {}, "Which database"),
        ({"GRIDFS_URI": "http://h/x"}, {}, "must begin with mongodb://"),
        ({"GRIDFS_URI": "mongodb://h/x", "GRIDFS_DATABASE": "default"}, {}, "only one"),
        ({}, {"uri": "mongodb://h/x", "database": "default"}, "only one"),
        ({}, {"database": ""}, "alias in DATABASES"),
        ({}, {"database": 7}, "alias in DATABASES"),
        ({}, {"uri": "mongodb://h/x", "collection": "a$b"}, "name of a collection"),
        ({}, {"uri": "mongodb://h/x", "chunk_size": 17_000_000}, "chunk_size"),
        ({}, {"uri": "mongodb://h/x", "timeout": 0}, "above 0"),
        ({}, {"uri": "mongodb://h/x", "client_options": {1: 2}}, "names for keys"),
        ({}, {"uri": "mongodb://h/x", "client_options": {"Host": "x"}}, "name the server"),
        ({}, {"url": "mongodb://h/x"}, "Did you mean 'uri'"),
        ({}, {"uri": "mongodb://h/x", "collection": "a..b"}, "name of a collection"),
        ({}, {"uri": "mongodb://h/x", "collection": "a."}, "name of a collection"),
        ({}, {"database": "nameless"}, "missing the NAME"),
        ({}, {"database": "unnumbered"}, "PORT in DATABASES"),
    ],
)
def test_what_cannot_work(more: dict[str, Any], options: dict[str, Any], message: str) -> None:
    """The constructor refuses it, and so does ``manage.py check``."""
    path = "storages.backends.mongodb.GridFSStorage"
    aliases = {"files": {"BACKEND": path, "OPTIONS": options}}
    unnumbered = {"ENGINE": "", "NAME": "x", "PORT": "p"}
    entries = databases(nameless={"ENGINE": ""}, unnumbered=unnumbered)
    with entries, override_settings(**more, STORAGES=aliases):
        with pytest.raises(OptionError, match=message):
            GridFSStorage(**options)
        assert [it.id for it in check_storages()] == ["storages.E003"]


def test_what_is_nearer_counts() -> None:
    """An argument counts before a class attribute, that before a setting."""

    class Reports(GridFSStorage):
        uri = "mongodb://of-the-class/reports"

    with databases(m={"ENGINE": "", "NAME": "n"}):
        with override_settings(GRIDFS_URI="mongodb://h/x"):
            assert clients.place_of(GridFSStorage(database="m")).database == "n"
        with override_settings(GRIDFS_DATABASE="m"):
            assert clients.place_of(GridFSStorage(uri="mongodb://h/x")).database == "x"
            assert clients.place_of(Reports()).database == "reports"
            assert clients.place_of(Reports(database="m")).database == "n"


def test_a_client_that_cannot_be_made() -> None:
    """What MongoDB's client does not take is an OptionError, at the first use."""
    for more in (
        {"uri": "mongodb://user:a:b@h/x"},
        {"uri": "mongodb://user:a:b@h:99999/x"},
        {"uri": "mongodb://user:a:b@[::1/x"},
        {"database_name": "x.y"},
        {"client_options": {"noSuchOption": 1}},
        {"client_options": {"maxPoolSize": "many"}},
    ):
        storage = GridFSStorage(**{"uri": "mongodb://h/x", **more})
        with pytest.raises(OptionError, match="client cannot be made") as caught:
            storage.exists("a.txt")
        assert "a:b" not in str(caught.value)


@pytest.mark.parametrize("password", ["p/Zs", "p/Zs:t", "p?Zs", "p@Zs", "p@Z/s", "p@Z?s", "1/Zs"])
@pytest.mark.parametrize("rest", ["h/x", "h:1/x?tls=true&appname=me%40x"])
def test_a_password_that_is_not_quoted(password: str, rest: str) -> None:
    """It is refused before anything is made of it: half of it would be a host or a database."""
    uri = f"mongodb://user:{password}@{rest}"
    options: dict[str, Any]
    for options in ({"uri": uri, "database_name": "x"}, {"database": "mongo"}):
        with (
            databases(mongo={"ENGINE": "", "NAME": "x", "HOST": uri}),
            pytest.raises(OptionError, match="percent-encoded") as caught,
        ):
            GridFSStorage(**options)
        error: BaseException | None = caught.value
        while error is not None:
            assert "Z" not in str(error)
            error = error.__context__


def test_the_checks() -> None:
    """Certificates that are not verified are worth a warning; others are not."""
    path = "storages.backends.gridfs.GridFSStorage"
    found = {}
    for name, options in {
        "insecure": {"uri": "mongodb://h/x?tls=true&tlsInsecure=true"},
        "invalid": {
            "uri": "mongodb://h/x",
            "client_options": {"tls": True, "tlsAllowInvalidCertificates": True},
        },
        "verified": {"uri": "mongodb://h/x?tls=true&tlsInsecure=false"},
    }.items():
        with override_settings(STORAGES={name: {"BACKEND": path, "OPTIONS": options}}):
            found[name] = [it.id for it in check_storages()]
    assert found == {"insecure": ["storages.W021"], "invalid": ["storages.W021"], "verified": []}


# ------------------------------------------------------------------ secrets


@pytest.mark.parametrize("password", [QUOTED, "plain-secret", "pl#ain-sec#ret"])
@pytest.mark.parametrize("name", ["password", "PassWord"])
def test_passwords_are_shown_nowhere(password: str, name: str) -> None:
    """Not by repr, deconstruct or errors, quoted or not; the rest of the string is."""
    uri = f"mongodb://user:{password}@127.0.0.1:1/media?tls=true&tlsCertificateKeyFilePassword=key-pass"
    storage = GridFSStorage(uri=uri, connect_timeout=0.05, client_options={name: "other-pass"})
    storage.retry = NO_RETRY
    with storage, pytest.raises(StorageError) as caught:
        storage.exists("a.txt")
    shown = [repr(storage), str(storage.deconstruct()), str(caught.value), repr(caught.value)]
    shown += [str(caught.value.__cause__), repr(clients.place_of(storage))]
    for text in shown:
        for secret in (password, SECRET, "key-pass", "other-pass"):
            assert secret not in text
    assert "mongodb://127.0.0.1:1/media?tls=true" in shown[0]


def test_options_of_a_connection_string() -> None:
    """They are found whatever their case is, and behind several hosts."""
    uri = "mongodb://a:1,b:2,c:3/media?ConnectTimeoutMS=5&tls=true"
    assert options_in(uri) == {"connecttimeoutms": "5", "tls": "true"}
    uri = "mongodb://user:p#w@[::1]:1/med%20ia?ConnectTimeoutMS=5;appname=me%40x;password=hidden"
    assert options_in(uri) == {"connecttimeoutms": "5", "appname": "me@x", "password": "hidden"}
    assert database_in(uri) == "med ia"
    shown = "mongodb://[::1]:1/med%20ia?ConnectTimeoutMS=5&appname=me%40x"
    assert repr(GridFSStorage(uri=uri)) == f"GridFSStorage(uri={shown!r})"


# ------------------------------------------------------------------ clients


def test_equal_storages_share_a_client(name: str) -> None:
    """Whatever database and bucket they have; it is closed with the last that uses it."""
    uri = shared(Secantus).uri
    one = GridFSStorage(uri=uri, database_name=name)
    two = GridFSStorage(uri=uri, database_name=f"{name}-2", collection="other")
    other = GridFSStorage(uri=uri, database_name=name, connect_timeout=4.0)
    client = clients.database_of(one).client
    assert clients.database_of(two).client is client
    assert clients.database_of(other).client is not client
    one.close()
    client.admin.command("ping")
    two.close()
    with pytest.raises(pymongo.errors.InvalidOperation):
        client.admin.command("ping")
    assert not one.exists("a.txt")
    one.close()
    other.close()


def test_forgotten_storages_keep_few_clients(name: str) -> None:
    """A storage made for every request meets the client of the one before."""
    uri = shared(Secantus).uri
    made = {id(clients.database_of(GridFSStorage(uri=uri, database_name=name)).client)}
    made |= {id(clients.database_of(GridFSStorage(uri=uri, database_name=name)).client)}
    assert len(made) == 1
    for number in range(12):
        clients.database_of(
            GridFSStorage(uri=uri, database_name=name, connect_timeout=5.0 + number)
        )
    assert len(clients._entries) <= 9


def test_a_client_that_another_thread_has_closed(name: str) -> None:
    """What was about to use it goes on with a new one."""
    storage = GridFSStorage(uri=shared(Secantus).uri, database_name=name)
    storage.save("a.txt", ContentFile(b"x"))
    newest = Bucket.newest
    calls: list[str] = []

    def closed_first(self: Bucket, key: str) -> Any:
        if not calls:
            calls.append(key)
            thread = threading.Thread(target=storage.close)
            thread.start()
            thread.join()
        return newest(self, key)

    with mock.patch.object(Bucket, "newest", closed_first):
        assert storage.size("a.txt") == 1
    assert calls == ["a.txt"]
    storage.close()


def test_other_settings_mean_another_client(name: str) -> None:
    """A storage that exists follows ``override_settings``."""
    storage = GridFSStorage(uri=shared(Secantus).uri, database_name=name)
    before = clients.database_of(storage).client
    with override_settings(GRIDFS_CONNECT_TIMEOUT=1.5):
        assert clients.database_of(storage).client is not before
    assert clients.database_of(storage).client is before
    storage.close()


def client_of(_gate: Any, storage: GridFSStorage) -> int:
    """Return the identity of the client that a process uses, after having used it."""
    assert storage.exists("a.txt")
    return id(clients.database_of(storage).client)


def test_a_child_has_a_client_of_its_own(name: str) -> None:
    """The parent's is left alone, and goes on working."""
    storage = GridFSStorage(uri=shared(Secantus).uri, database_name=name)
    storage.save("a.txt", ContentFile(b"x"))
    mine = client_of(None, storage)
    (theirs,) = run_processes("fork", client_of, [(storage,)])
    assert theirs != mine
    assert client_of(None, storage) == mine
    storage.close()


def test_pickled_storages_leave_their_connections(name: str) -> None:
    """And find the same files."""
    storage = GridFSStorage(uri=shared(Secantus).uri, database_name=name)
    storage.save("a.txt", ContentFile(b"x"))
    again = pickle.loads(pickle.dumps(storage))
    assert again.exists("a.txt")
    storage.close()
    assert again.exists("a.txt")
    again.close()


def test_writes_are_always_acknowledged(name: str) -> None:
    """A connection string that asks for no answers gets some: else no name would be refused."""
    for query, expected in (("", "majority"), ("?w=0", "majority"), ("?w=1", 1)):
        with GridFSStorage(uri=f"{shared(Secantus).uri}{query}", database_name=name) as storage:
            assert storage._bucket._files.write_concern.document["w"] == expected
            assert storage._bucket._chunks.write_concern.document["w"] == expected
            first, second = (storage.save("a.txt", ContentFile(b"x")) for _ in range(2))
            assert first != second


def test_a_server_that_is_not_there() -> None:
    """Unavailable, in the time that ``connect_timeout`` allows."""
    storage = GridFSStorage(uri="mongodb://127.0.0.1:1/x", connect_timeout=0.2)
    with storage, pytest.raises(Unavailable, match="refused") as caught:
        storage.exists("a.txt")
    assert "Topology" not in str(caught.value)
    assert not list(connections["default"].queries)
