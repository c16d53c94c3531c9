"""How a token is got: from Swift, Rackspace's identity service, Keystone, or given."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage, accounts
from storages.errors import OptionError, PermissionDenied, StorageError, Unavailable
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Make, Wire, read
from tests.servers.http import Reply, Request, ScriptedServer
from tests.servers.process import free_port
from tests.servers.rackspace import KEY, PROJECT, USER, Rackspace
from tests.servers.swift import Swift

server = cloudfiles.server
container = cloudfiles.container
make = cloudfiles.make


@pytest.fixture
def rackspace(server: Swift) -> Iterator[Rackspace]:
    """The identity services."""
    with Rackspace(server) as rackspace:
        yield rackspace


def works(storage: CloudFilesStorage) -> bool:
    """Tell whether a file can be saved and read."""
    return read(storage, storage.save("a.txt", ContentFile(b"abc"))) == b"abc"


def test_version_1(make: Make) -> None:
    """Swift's own way: X-Auth-User and X-Auth-Key."""
    storage = make()
    assert storage.effective_auth_version == 1
    assert works(storage)


def test_version_2(make: Make, rackspace: Rackspace) -> None:
    """Rackspace's identity service: an API key, the user's default region, and a CDN."""
    storage = make(username=USER, api_key=KEY, auth_url=f"{rackspace.url}/v2.0/")
    assert storage.effective_auth_version == 2
    assert works(storage)
    assert rackspace.asked == [("POST", "/v2.0/tokens")]
    assert storage.connection.cdn_url == f"{rackspace.url}/cdn/AUTH_test"
    assert storage.connection.expires is not None


def test_version_3(make: Make, rackspace: Rackspace) -> None:
    """Keystone: a password, scoped to a project."""
    given = {"username": USER, "api_key": KEY, "auth_url": f"{rackspace.url}/v3"}
    storage = make(**given, project=PROJECT)
    assert storage.effective_auth_version == 3
    assert works(storage)
    assert rackspace.asked == [("POST", "/v3/auth/tokens")]
    assert storage.connection.cdn_url is None
    with pytest.raises(StorageError, match="CLOUDFILES_PROJECT"):
        make(**given).save("a.txt", ContentFile(b"abc"))


@pytest.mark.parametrize("version", ["v2.0", "v3"])
def test_regions_and_the_inner_network(make: Make, rackspace: Rackspace, version: str) -> None:
    """A region that is not there is refused by name; servicenet takes the inner address."""
    given: dict[str, Any] = {
        "username": USER,
        "api_key": KEY,
        "auth_url": f"{rackspace.url}/{version}",
        "project": PROJECT,
    }
    assert works(make(**given, region="DFW"))
    with pytest.raises(OptionError, match=r"CLOUDFILES_REGION.*DFW, ORD"):
        make(**given, region="LON").exists("a")
    inner = make(**given, servicenet=True)
    assert inner.connection.storage_url.startswith("http://localhost:")
    by_kwargs = make(**given, connection_kwargs={"servicenet": True})
    assert by_kwargs.connection == inner.connection


def test_servicenet_of_version_1(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host gets the prefix snet-, also when only the environment says so."""
    assert make(servicenet=True).connection.storage_url.startswith("http://snet-127.0.0.1:")
    monkeypatch.setenv("RACKSPACE_SERVICENET", "1")
    assert make().connection.storage_url.startswith("http://snet-")
    assert make(servicenet=False).connection.storage_url.startswith("http://127.0.0.1:")


def test_a_token_that_is_there(make: Make, server: Swift) -> None:
    """(storage URL, token) and (storage URL, CDN URL, token) need neither user nor key."""
    url, token = server.credentials()
    nobody = {"username": None, "api_key": None, "auth_url": None}
    assert works(make(**nobody, auth=(url, token)))
    three = make(**nobody, connection_kwargs={"auth": (url, "http://cdn.example", token)})
    assert three.connection == accounts.Account(url, token, "http://cdn.example")
    assert works(three)
    assert token not in repr(three) + repr(three.deconstruct())
    server.forget_tokens()
    with pytest.raises(PermissionDenied) as caught:
        make(**nobody, auth=(url, token)).exists("a.txt")
    assert token not in str(caught.value)


def test_an_object_that_authenticates(make: Make, server: Swift) -> None:
    """An object with authenticate() is asked, and again when its token has expired."""

    class Authentication:
        asked = 0

        def authenticate(self) -> tuple[str, str | None, str]:
            self.asked += 1
            url, token = server.credentials()
            return url, None, token

    theirs = Authentication()
    storage = make(username=None, api_key=None, connection_kwargs={"auth": theirs})
    assert works(storage)
    assert theirs.asked == 1
    server.forget_tokens()
    assert works(storage)
    assert theirs.asked == 2


def test_nonsense_as_auth(make: Make) -> None:
    """Anything else is refused, and not shown."""
    with pytest.raises(ImproperlyConfigured, match="auth must be"):
        make(auth=42).exists("a")


@pytest.mark.parametrize("version", ["auth/v1.0", "v2.0", "v3"])
def test_wrong_credentials(make: Make, rackspace: Rackspace, server: Swift, version: str) -> None:
    """They are PermissionDenied, naming the settings; the key is not shown."""
    base = f"http://127.0.0.1:{server.port}" if version == "auth/v1.0" else rackspace.url
    storage = make(api_key="wrong-and-secret", auth_url=f"{base}/{version}")
    with pytest.raises(PermissionDenied, match="CLOUDFILES_API_KEY") as caught:
        storage.exists("a.txt")
    assert "wrong-and-secret" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_wrong_address(make: Make, server: Swift) -> None:
    """404 where tokens should be is no missing file; a page that is no such service says so."""
    storage = make(auth_url=f"http://127.0.0.1:{server.port}/nonsense/v1.0")
    with pytest.raises(StorageError, match="CLOUDFILES_AUTH_URL") as caught:
        storage.exists("a.txt")
    assert not isinstance(caught.value, FileNotFoundError)
    storage = make(auth_url=f"http://127.0.0.1:{server.port}/healthcheck")
    with pytest.raises(StorageError, match="CLOUDFILES_AUTH_URL"):
        storage.exists("a.txt")
    storage = make(auth_url=f"http://127.0.0.1:{free_port()}/auth/v1.0")
    with pytest.raises(Unavailable):
        storage.exists("a.txt")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"access": {}}', b"<html>", b'{"token": 1}'])
@pytest.mark.parametrize("version", ["v2.0", "v3"])
def test_an_identity_service_that_talks_nonsense(make: Make, version: str, body: bytes) -> None:
    """An answer that is not what was documented is our error, whatever it is."""
    with ScriptedServer(handler=lambda _: Reply(200, body=body)) as identity:
        storage = make(auth_url=f"{identity.url}/{version}")
        with pytest.raises(StorageError):
            storage.exists("a.txt")
        assert identity.requests


def test_threads_get_one_token(make: Make, server: Swift) -> None:
    """Twelve threads that begin at once ask for one token."""
    with Wire(server.port) as wire:
        storage = make(auth_url=wire.auth_url)
        gate = threading.Barrier(12)
        found: list[bool] = []

        def ask() -> None:
            gate.wait(30)
            found.append(storage.exists("a.txt"))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [False] * 12
        assert [each.path for each in wire.requests].count("/auth/v1.0") == 1


def test_a_token_is_asked_for_once_more_and_not_again(make: Make) -> None:
    """A server that refuses every token is asked twice, and then believed."""

    def answer(request: Request) -> Reply:
        if request.path == "/auth":
            number = len([each for each in swift.requests if each.path == "/auth"])
            token = {"X-Auth-Token": f"token-{number}", "X-Storage-Url": f"{swift.url}/v1/a"}
            return Reply(200, headers=token)
        return Reply(401)

    with ScriptedServer() as swift:
        swift.handler = answer
        storage = make(auth_url=f"{swift.url}/auth")
        with pytest.raises(PermissionDenied):
            storage.save("a.txt", ContentFile(b"abc"))
        tokens = [r.headers["x-auth-token"] for r in swift.requests if r.path != "/auth"]
        assert tokens == ["token-1", "token-2"]


def test_objects_that_come_and_go() -> None:
    """No storage is given the account of an object that is gone, whose id another has now."""

    class Authentication:
        def __init__(self, url: str) -> None:
            self.url = url

        def authenticate(self) -> tuple[str, str]:
            return self.url, "token"

    for number in range(50):
        url = f"http://swift.example/v1/{number}"
        storage = CloudFilesStorage(container="files", auth=Authentication(url))
        assert storage.connection.storage_url == url
        del storage
        gc.collect()
