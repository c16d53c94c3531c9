"""What Kubo answers and js-ipfs does not, and what no node should answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.base import ContentFile

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.errors import Corrupt, NotFound, PermissionDenied, StorageError, Timeout, Unavailable
from storages.retry import Retry
from tests.servers.http import Reply, Request, ScriptedServer

CONTENT = b"hello world\n"
CID = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
#: Of more than a block, so that nothing tells its content.
LARGE = "QmdBmBCcXRRZLDTzH7QHraJmY9hkqnjfoVKN2WpCiM1PpB"
ADDED = {"Name": "file", "Hash": CID, "Size": "20"}


class Storage(InterPlanetaryFileSystemStorage):
    """Tries again soon."""

    retry = Retry(attempts=2, backoff=0.001)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def storage(server: ScriptedServer) -> Iterator[Storage]:
    """A storage for it."""
    with Storage(server.url) as made:
        yield made


def told(document: Any, status: int = 200, **headers: str) -> Reply:
    """An answer in JSON."""
    return Reply(status, headers, json.dumps(document).encode())


def failed(message: str) -> Reply:
    """How a node says that a command failed."""
    return told({"Message": message, "Code": 0, "Type": "error"}, 500)


def commands(server: ScriptedServer) -> list[str]:
    """The commands that came in."""
    return [urlsplit(request.path).path.removeprefix("/api/v0/") for request in server.requests]


def arguments(request: Request) -> dict[str, str]:
    """Its arguments."""
    return {name: value for name, (value,) in parse_qs(urlsplit(request.path).query).items()}


def read(storage: Storage, name: str = CID) -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


COSTS: dict[str, tuple[Callable[[Storage], Any], list[Reply], list[str]]] = {
    "save": (lambda s: s.save("a", ContentFile(CONTENT)), [told(ADDED)], ["add"]),
    "open and read": (read, [Reply(body=CONTENT)], ["cat"]),
    "size": (lambda s: s.size(CID), [told({"Type": "file", "Size": 12})], ["files/stat"]),
    "exists": (lambda s: s.exists(CID), [told({"Keys": {CID: {}}})], ["pin/ls"]),
    "exists, no CID": (lambda s: s.exists("a.txt"), [], []),
    "delete": (lambda s: s.delete(CID), [told({"Pins": [CID]})], ["pin/rm"]),
    "delete, no CID": (lambda s: s.delete("a.txt"), [], []),
    "url": (lambda s: s.url(CID), [], []),
}


@pytest.mark.parametrize("operation", COSTS)
def test_cost(storage: Storage, server: ScriptedServer, operation: str) -> None:
    """An operation costs so many requests, each a POST, and none to config (IPFS-6)."""
    call, replies, expected = COSTS[operation]
    server.script(*replies)
    call(storage)
    assert commands(server) == expected
    assert {request.method for request in server.requests} <= {"POST"}


def test_kubo_tells_the_length(storage: Storage, server: ScriptedServer) -> None:
    """With X-Content-Length, a file of many blocks is opened and read by one request."""
    content = b"x" * 600_000
    server.script(Reply(200, {"X-Content-Length": str(len(content))}, content))
    with storage.open(LARGE) as file:
        assert file.size == len(content)
        assert file.read() == content
    assert commands(server) == ["cat"]


def test_without_the_length_it_is_asked_for(storage: Storage, server: ScriptedServer) -> None:
    """Without it, a second request tells it; Kubo writes some numbers as strings."""
    content = b"x" * 600_000
    server.script(
        Reply(body=content, chunked=True), told({"Type": "file", "Size": "600000", "Blocks": 3})
    )
    assert read(storage, LARGE) == content
    assert commands(server) == ["cat", "files/stat"]


def test_a_body_that_ends_early(storage: Storage, server: ScriptedServer) -> None:
    """What was cut off inside a well-formed answer is fetched from where it ended."""
    content = bytes(range(250)) * 2400
    size = {"X-Content-Length": str(len(content))}
    server.script(Reply(200, size, content[:400_000], chunked=True))
    server.script(Reply(200, {"X-Content-Length": "200000"}, content[400_000:], chunked=True))
    assert read(storage, LARGE) == content
    assert arguments(server.last)["offset"] == "400000"


def test_a_body_that_always_ends_early(storage: Storage, server: ScriptedServer) -> None:
    """When it never goes on, that is an error, not a shorter file."""
    size = {"X-Content-Length": "600000"}
    server.handler = lambda request: Reply(
        200,
        size if "offset" not in request.path else {"X-Content-Length": "200000"},
        b"",
        chunked=True,
    )
    with pytest.raises(Unavailable):
        read(storage, LARGE)


@pytest.mark.parametrize("content", [b"hello w0rld\n", b"", b"hello"])
def test_other_content_is_not_read(
    storage: Storage, server: ScriptedServer, content: bytes
) -> None:
    """A small file whose bytes are not those that its name stands for is an error."""
    stat = told({"Type": "file", "Size": 12, "Blocks": 0})
    server.handler = lambda request: Reply(body=content) if "/cat" in request.path else stat
    with pytest.raises(Corrupt):
        read(storage)


def test_other_content_was_added(storage: Storage, server: ScriptedServer) -> None:
    """A small file that the node names otherwise than its content says is an error."""
    server.handler = lambda _: told(ADDED)
    with pytest.raises(Corrupt):
        storage.save("a", ContentFile(b"other content"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"Message": "out of luck", "Code": 0, "Type": "error"}\n', StorageError),
        (b'{"Name": "file", "Bytes": 12}\n{"Message": "no", "Type": "error"}\n', StorageError),
        (b"", StorageError),
        (b"no JSON", Corrupt),
        (b'{"Hash": "none"}', Corrupt),
        (b'{"Hash": 5}', StorageError),
    ],
)
def test_an_error_inside_a_good_answer(
    storage: Storage, server: ScriptedServer, body: bytes, kind: type[Exception]
) -> None:
    """Only an answer that has a CID at its end says that a file was added."""
    server.handler = lambda _: Reply(body=body)
    with pytest.raises(kind):
        storage.save("a", ContentFile(CONTENT))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("context deadline exceeded", Timeout),
        ("block was not found locally (offline): ipld: could not find " + CID, NotFound),
        ("ipld: could not find " + CID, NotFound),
        ('no link named "x" under ' + CID, NotFound),
        ("merkledag: not found", NotFound),
        ("something else", StorageError),
    ],
)
def test_kubo_s_words(
    storage: Storage, server: ScriptedServer, message: str, kind: type[Exception]
) -> None:
    """A node answers 500 to everything; its words tell what happened."""
    server.handler = lambda _: failed(message)
    for question in (storage.size, storage.open):
        with pytest.raises(StorageError) as caught:
            question(CID)
        assert type(caught.value) is kind
        assert CID in str(caught.value)


@pytest.mark.parametrize("said", ["not pinned or pinned indirectly", f"path '{CID}' is not pinned"])
def test_not_pinned(storage: Storage, server: ScriptedServer, said: str) -> None:
    """What is not pinned does not exist, and deleting it succeeds."""
    server.handler = lambda _: failed(said)
    assert not storage.exists(CID)
    storage.delete(CID)
    assert commands(server) == ["pin/ls", "pin/rm"]


def test_what_is_no_node(storage: Storage, server: ScriptedServer) -> None:
    """A server without the RPC, such as a gateway, is an error and not a store without files."""
    server.handler = lambda _: Reply(404, body=b"404 page not found")
    for question in (storage.exists, storage.delete, storage.size, storage.open):
        with pytest.raises(StorageError) as caught:
            question(CID)
        assert not isinstance(caught.value, NotFound)


def test_forbidden(storage: Storage, server: ScriptedServer) -> None:
    """A refusal says where Kubo decides about it."""
    server.handler = lambda _: Reply(403, body=b"403 - Forbidden")
    with pytest.raises(PermissionDenied, match=r"API\.Authorizations"):
        storage.exists(CID)


AUTHORIZED: dict[str, tuple[str, dict[str, Any], str]] = {
    "basic": (
        "",
        {"username": "u", "password": "hunter2"},
        "Basic " + base64.b64encode(b"u:hunter2").decode(),
    ),
    "bearer": ("", {"token": "hunter2"}, "Bearer hunter2"),
    "url": ("u:hunter2@", {}, "Basic " + base64.b64encode(b"u:hunter2").decode()),
}


@pytest.mark.parametrize("how", AUTHORIZED)
def test_authorization(server: ScriptedServer, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each way to let a request in is sent with it, and shown nowhere."""
    userinfo, options, header = AUTHORIZED[how]
    url = server.url.replace("//", f"//{userinfo}")
    server.handler = lambda _: Reply(401, body=header.encode() + b" hunter2")
    with Storage(url, **options) as storage, pytest.raises(PermissionDenied) as caught:
        storage.exists(CID)
    assert server.last.headers["authorization"] == header
    shown = [repr(storage), str(caught.value), repr(caught.value.__cause__), caplog.text]
    shown.append(str(storage.deconstruct()))
    secret = header.partition(" ")[2]
    assert [text for text in shown if "hunter2" in text or secret in text] == []


def test_timeouts_are_told_to_the_node(storage: Storage, server: ScriptedServer) -> None:
    """What may make the node look in the network is bounded there too; offline it does not look."""
    server.handler = lambda _: told({"Type": "file", "Size": 12})
    storage.size(CID)
    assert arguments(server.last)["timeout"] == "54s"
    assert "offline" not in arguments(server.last)
    with Storage(server.url, offline=True, read_timeout=10) as offline:
        offline.size(CID)
    assert arguments(server.last) == {"arg": f"/ipfs/{CID}", "timeout": "9s", "offline": "true"}
