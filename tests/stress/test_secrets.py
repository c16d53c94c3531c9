"""Every secret option of every backend, marked, where no server answers, or one that tells all.

The table below has a value for each; an option that is declared as a secret and is not in it fails
:func:`test_no_option_is_forgotten`.
"""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import override_settings

import storages.backends
from storages import checks
from storages.backends.cloudfiles import CloudFilesStorage
from storages.backends.couchdb import CouchDBStorage
from storages.backends.database import DatabaseStorage
from storages.backends.ftp import FTPStorage
from storages.backends.gridfs import GridFSStorage
from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.backends.ipfs.pinning import PinningService
from storages.backends.mogilefs import MogileFSStorage
from storages.backends.s3 import S3Storage
from storages.backends.sftp import SFTPStorage
from storages.backends.tahoe import TahoeStorage
from storages.base import BaseStorage
from storages.hooks import Hooks
from storages.options import options_of
from storages.retry import NO_RETRY
from storages.testing.secrets import try_everything, try_options
from storages.testing.shown import Heard, listening, marked
from tests.contract.keeping_mutants import TellsCauses, WithPassword
from tests.contract.test_mutants import outcome
from tests.servers import odbc
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.process import HOST

MARK = marked("the table")
#: Without what an HTTP header or a driver cannot take.
PLAIN = marked("the plain ones", "/@?:&=+")
QUOTED = quote(MARK, safe="")
#: A capability, which has a form.
CAP = "URI:DIR2:zqtellmenothingofthiszqaab:" + "zqnorofthatwhichiswrittenhere234567" + "q" * 17
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PLAIN}\n-----END RSA PRIVATE KEY-----\n"

Options = dict[str, Any]


@dataclass
class Row:
    """How to make a storage of a class for a server at a port, and its secrets."""

    kind: type[BaseStorage]
    #: Options without a secret.
    plain: Callable[[int], Options]
    #: For each option with a secret: it, and what must be given with it.
    secrets: Mapping[str, Callable[[int], Options]]
    #: Other options that may hold a secret, such as a password in an address.
    more: Mapping[str, Callable[[int], Options]] = field(default_factory=dict)
    http: bool = True
    #: Loggers of the client library that show secrets at DEBUG.
    talkative: tuple[str, ...] = ()
    in_urls: tuple[str, ...] = ()


def _always(**options: Any) -> Callable[[int], Options]:
    return lambda _: options


def _address(path: str = "", secret: str = QUOTED) -> Callable[[int], str]:
    return lambda port: f"http://user:{secret}@{HOST}:{port}{path}"


HTTP: dict[str, Callable[[int], Options]] = {
    "proxies": lambda port: {"proxies": {"http": _address()(port)}},
    "headers": _always(headers={"X-Key": PLAIN}),
}
FAST = {"connect_timeout": 0.5, "read_timeout": 0.5}

ROWS = [
    Row(
        S3Storage,
        lambda port: {
            "bucket_name": "bucket",
            "endpoint_url": f"http://{HOST}:{port}",
            "region_name": "us-east-1",
            "access_key": "an-id",
            "secret_key": "a-key-of-it",
            **FAST,
        },
        {
            "access_key": _always(access_key=PLAIN),
            "secret_key": _always(secret_key=MARK),
            "security_token": _always(security_token=PLAIN),
            "cloudfront_key": _always(
                cloudfront_key=PEM, cloudfront_key_id="K1", custom_domain="cdn.example"
            ),
            "proxies": lambda port: {"proxies": {"http": _address()(port)}},
        },
        talkative=("botocore",),
        # A signed URL has the key's id, and the token of temporary keys.
        in_urls=("access_key", "security_token"),
    ),
    Row(
        FTPStorage,
        lambda port: {"location": f"ftp://user@{HOST}:{port}/d", "timeout": 0.5},
        {
            "location": lambda port: {"location": f"ftp://user:{QUOTED}@{HOST}:{port}/d"},
            "password": _always(password=MARK),
        },
        http=False,
    ),
    Row(
        SFTPStorage,
        lambda port: {
            "host": HOST,
            "params": _params(port),
            "known_host_file": "/dev/null",
            "connect_timeout": 0.5,
            "timeout": 0.5,
        },
        {
            "params": lambda port: {
                "params": {**_params(port), "password": MARK, "passphrase": PLAIN}
            },
            "private_key": _always(private_key=PEM),
        },
        http=False,
    ),
    Row(
        CloudFilesStorage,
        lambda port: {
            "username": "user",
            "api_key": "a-key-of-it",
            "container": "container",
            "auth_url": f"http://{HOST}:{port}/auth/v1.0",
            **FAST,
        },
        {
            **HTTP,
            "api_key": _always(api_key=PLAIN),
            "auth": lambda port: {"auth": (f"http://{HOST}:{port}/v1/AUTH_a", PLAIN)},
            "temp_url_key": _always(temp_url_key=MARK),
        },
        {
            "auth_url": lambda port: {"auth_url": _address("/auth/v1.0")(port)},
            "connection_kwargs": lambda port: {
                "connection_kwargs": {
                    "authurl": _address("/v1.0")(port),
                    "auth": (f"http://{HOST}:{port}/v1/AUTH_a", PLAIN),
                }
            },
            "version 2": lambda port: {"api_key": MARK, "auth_url": f"http://{HOST}:{port}/v2.0"},
            "version 3": lambda port: {"api_key": MARK, "auth_url": f"http://{HOST}:{port}/v3"},
        },
    ),
    Row(
        CouchDBStorage,
        lambda port: {"server": f"http://{HOST}:{port}", "database": "files", **FAST},
        {**HTTP, "password": _always(username="user", password=MARK)},
        {"server": lambda port: {"server": _address()(port)}},
    ),
    Row(
        InterPlanetaryFileSystemStorage,
        lambda port: {"api_url": f"http://{HOST}:{port}/api/v0", **FAST},
        {
            **HTTP,
            "password": _always(username="user", password=MARK),
            "token": _always(token=PLAIN),
            "pinning_service_token": lambda port: {
                "pinning_service_url": f"http://{HOST}:{port}/psa",
                "pinning_service_token": PLAIN,
            },
        },
        {"api_url": lambda port: {"api_url": _address("/api/v0")(port)}},
    ),
    Row(
        PinningService,
        lambda port: {"endpoint": f"http://{HOST}:{port}/psa", "token": "a-token", **FAST},
        {**HTTP, "token": _always(token=PLAIN)},
    ),
    Row(
        TahoeStorage,
        lambda port: {
            "tahoe_base_url": f"http://{HOST}:{port}/",
            "tahoe_base_cap": "URI:DIR2:" + "a" * 26 + ":" + "b" * 52,
            **FAST,
        },
        {**HTTP, "tahoe_base_cap": _always(tahoe_base_cap=CAP)},
    ),
    Row(
        MogileFSStorage,
        lambda port: {"domain": "domain", "trackers": [f"{HOST}:{port}"], "tracker_timeout": 0.5},
        HTTP,
        http=False,
    ),
    Row(
        GridFSStorage,
        lambda port: {
            "uri": f"mongodb://{HOST}:{port}/files",
            "timeout": 0.5,
            "connect_timeout": 0.05,
        },
        {
            "uri": lambda port: {"uri": f"mongodb://user:{QUOTED}@{HOST}:{port}/files"},
            "client_options": _always(client_options={"username": "user", "password": MARK}),
        },
        http=False,
    ),
    Row(
        DatabaseStorage,
        lambda port: {
            "db_table": "files",
            "fname_column": "name",
            "blob_column": "content",
            "size_column": "size",
            "base_url": "/files/",
            "driver": odbc.driver("psqlodbcw.so", package="odbc-postgresql"),
            "host": HOST,
            "port": port,
            "database": "files",
            "user": "user",
            "connect_timeout": 1.0,
        },
        {
            "connection_string": lambda port: {
                "connection_string": odbc.connection_string(
                    Driver=odbc.driver("psqlodbcw.so", package="odbc-postgresql"),
                    Servername=HOST,
                    Port=str(port),
                    Database="files",
                    UID="user",
                    PWD=MARK,
                )
            },
            "password": _always(password=MARK),
        },
        http=False,
    ),
]
SECRETS = (MARK, PLAIN, CAP)


def _params(port: int) -> Options:
    return {"port": port, "username": "user", "allow_agent": False, "look_for_keys": False}


def _backends() -> Iterator[type[BaseStorage]]:
    """Yield every class of a backend that is whole."""
    for found in pkgutil.walk_packages(storages.backends.__path__, "storages.backends."):
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, type) and issubclass(value, BaseStorage):
                yield value


def _is_whole(kind: type[BaseStorage]) -> bool:
    return kind._stat is not Hooks._stat or kind is PinningService


#: Those that decide where a storage connects, or that count instead of others.
_ALONE = {"auth", "connection_string", "proxies", "token", "uri"}


def _together(row: Row) -> dict[str, Callable[[int], Options]]:
    """Return what may be given, by a name: most secrets of a class at once, the others alone."""
    first = [make for option, make in row.secrets.items() if option not in _ALONE]

    def make_all(port: int) -> Options:
        return {name: value for make in first for name, value in make(port).items()}

    alone = {option: make for option, make in row.secrets.items() if option in _ALONE}
    return {**({"most": make_all} if first else {}), **alone, **row.more}


CASES = [
    pytest.param(row, make, id=f"{row.kind.__name__}-{name}")
    for row in ROWS
    for name, make in _together(row).items()
]


def test_no_option_is_forgotten() -> None:
    """Each secret option of each class has a value in the table."""
    rows = {row.kind: row for row in ROWS}
    whole = {kind for kind in _backends() if _is_whole(kind)}
    assert set(rows) <= whole
    missing = []
    for kind in whole:
        known = {n for base in kind.__mro__ if base in rows for n in rows[base].secrets}
        secret = {name for name, option in options_of(kind).items() if option.secret}
        missing += [f"{kind.__name__}.{name}" for name in secret - known]
    assert missing == []


def test_every_value_is_marked() -> None:
    """Each value in the table has a marked secret in it."""
    for row in ROWS:
        for name, make in {**row.secrets, **row.more}.items():
            assert Heard([("value", repr(make(1)))]).leaks(SECRETS), name


@pytest.mark.parametrize(("kind", "found"), [(WithPassword, False), (TellsCauses, True)])
def test_tellers_are_found(kind: type[Any], found: bool) -> None:
    """The contract's case about what libraries tell fails for a storage that passes it on."""
    result = outcome(kind, "test_X33_library_that_tells")
    assert (result.testsRun, result.errors, result.skipped) == (1, [], [])
    assert bool(result.failures) == found


@contextmanager
def refusing_port() -> Iterator[int]:
    """Give a port of which it is sure that nobody listens there."""
    with closing(socket.socket()) as taken:
        taken.bind((HOST, 0))  # bound and not listening: nobody else gets it
        yield int(taken.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """Give a port at which connections are accepted, and nothing is said."""
    with closing(socket.create_server((HOST, 0))) as server:
        yield int(server.getsockname()[1])


def tell_all(request: Request) -> Reply:
    """Refuse, and tell what the client has sent, as a careless server does in its error page."""
    told = [f"{name}: {value}" for name, value in request.headers.items()]
    text = "\n".join([f"{request.method} {request.path}", *told, request.body.decode("latin-1")])
    return Reply(403, {"X-Told": told[-1][:200] if told else ""}, text.encode())


def told(row: Row, options: Options, attempt: Callable[[Any, Heard], object]) -> Heard:
    """Hear what a storage says, and is said of it, while it does something."""
    with listening() as heard, mock.patch.object(row.kind, "retry", NO_RETRY):
        storage = row.kind(**options)
        try:
            heard.add_storage(storage)
            heard.add_checks(storage.check("default"))
            attempt(storage, heard)
            heard.add("repr", repr(storage))
        finally:
            storage.close()
    return heard


def assert_unseen(row: Row, heard: Heard, secrets: tuple[str, ...] = SECRETS) -> None:
    """No secret is in what was heard."""
    if any(n in row.in_urls for n in row.secrets):
        heard.shown = [(place, text) for place, text in heard.shown if place != "url"]
    assert "\n".join(heard.leaks(secrets, row.talkative)) == ""


@pytest.mark.parametrize(("row", "make"), CASES)
def test_dead_server(row: Row, make: Callable[[int], Options]) -> None:
    """Nothing that is said shows a secret, when the connection is refused."""
    with refusing_port() as port:
        options = {**row.plain(port), **make(port)}
        heard = told(row, options, lambda s, h: try_everything(s, b"content", h))
    assert heard.errors
    assert_unseen(row, heard)


@pytest.mark.parametrize(("row", "make"), [case for case in CASES if case.values[0].http])  # type: ignore[union-attr]
def test_server_that_tells_all(row: Row, make: Callable[[int], Options]) -> None:
    """Not even when the server's refusal has all in it that the client has sent."""
    with ScriptedServer(handler=tell_all) as server:
        port = int(server.url.rpartition(":")[2])
        options = {**row.plain(port), **make(port)}
        heard = told(row, options, lambda s, h: try_everything(s, b"content", h))
    assert heard.errors
    assert_unseen(row, heard)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind.__name__)
def test_silent_server(row: Row) -> None:
    """Nor when the server does not answer in time."""
    with silent_port() as port:
        options = {**row.plain(port), **next(iter(_together(row).values()))(port)}

        def ask(storage: Any, heard: Heard) -> None:
            try:
                storage._guarded("stat", "name", lambda: storage._stat("name"))
            except Exception as error:  # noqa: BLE001 - each is looked at
                heard.add_error(error)

        heard = told(row, options, ask)
    assert heard.errors
    assert_unseen(row, heard)


@pytest.mark.parametrize(("row", "make"), CASES)
def test_settings(row: Row, make: Callable[[int], Options]) -> None:
    """What settings say is neither in pickles nor in a storage's attributes."""
    given = make(1)
    plain = {name: value for name, value in row.plain(1).items() if name not in given}
    declared = options_of(row.kind)
    names = {name: declared[name].settings for name in given}
    if not all(names.values()):
        assert row.kind is PinningService, "an option without a setting"
        return  # its storage makes it, of its own options
    settings = {names[name][0]: value for name, value in given.items()}
    with override_settings(**settings), listening() as heard:
        storage = row.kind(**plain)
        heard.add_storage(storage)
        heard.add("pickle", pickle.dumps(storage).decode("latin-1"))
        heard.add("vars()", repr(vars(storage)))
        copy = pickle.loads(pickle.dumps(storage))
        for name, value in given.items():
            assert getattr(copy, name) == getattr(storage, name), name
            assert getattr(storage, name) is not None, value
    assert_unseen(row, heard)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind.__name__)
def test_wrong_options(row: Row) -> None:
    """What is said to values that cannot be, and to names that nearly exist, shows none."""
    with listening() as heard:
        try_options(row.kind, row.plain(1), MARK, heard)
    assert heard.errors
    assert_unseen(row, heard)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind.__name__)
def test_commands(row: Row) -> None:
    """``check`` and ``syncstatic`` show none on the terminal, and none in what they raise."""
    with ExitStack() as stack:
        port = stack.enter_context(refusing_port())
        source = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (source / "style.css").write_text("p {}")
        options = {**row.plain(port), **next(iter(_together(row).values()))(port)}
        backend = f"{row.kind.__module__}.{row.kind.__qualname__}"
        entry = {"BACKEND": backend, "OPTIONS": options}
        configured = {"default": entry, "staticfiles": entry}
        heard = stack.enter_context(listening())
        stack.enter_context(mock.patch.object(row.kind, "retry", NO_RETRY))
        stack.enter_context(
            override_settings(STORAGES=configured, STATICFILES_DIRS=[source], STATIC_ROOT=None)
        )
        heard.add_checks(checks.check_storages())
        for command in (["check"], ["syncstatic", "--noinput"]):
            try:
                call_command(*command)
            except Exception as error:  # noqa: BLE001 - each is looked at
                heard.add("command", str(error), repr(error), repr(error.__cause__))
    assert any(place == "command" for place, _ in heard.shown)
    assert_unseen(row, heard)
