"""The option ``client``: a client of ipfs-toolkit between the storage and the node."""

from __future__ import annotations

import io
import os
import pickle
import re
import secrets
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.test import override_settings

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.backends.ipfs.cids import LEAF
from storages.errors import (
    Corrupt,
    NotFound,
    OptionError,
    PermissionDenied,
    StorageError,
    Timeout,
    Unavailable,
)
from storages.retry import deadline
from tests.servers import shared
from tests.servers.beside import ROOT, program
from tests.servers.js_ipfs import JsIPFS

HERE = "tests.backends.test_ipfs_toolkit"


class LibraryError(Exception):
    """The base of the library's errors."""


class CommunicationError(LibraryError):
    """As the library names it."""


class ErrorResponse(CommunicationError):  # noqa: N818 - likewise
    """What the node said."""


class StatusError(CommunicationError):
    """Another status than 200, without words of the node's."""


Late = type("TimeoutError", (CommunicationError,), {"__doc__": "Nothing came."})


class Client:
    """As much of the library's client as the storage uses, on the tests' node."""

    def __init__(self) -> None:
        self.node = shared(JsIPFS)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.fail: Callable[[str], None] = lambda _: None
        self.files = SimpleNamespace(stat=self._stat)
        self.pin = SimpleNamespace(ls=self._pins, rm=self._unpin)

    def add(self, file: Any, **more: Any) -> dict[str, Any]:
        """Add a file."""
        self._ask("add", more)
        content = b"".join(iter(lambda: file.read(8192), b""))
        return {"Hash": self.node.add(content, pin="true")}

    def cat(self, path: str, **more: Any) -> bytes:
        """Return a part of a file."""
        self._ask("cat", more)
        content = self._content(path)
        start = more["opts"]["offset"]
        return content[start : start + more["opts"]["length"]]

    def version(self, **more: Any) -> dict[str, str]:
        """Answer."""
        self._ask("version", more)
        return {"Version": "1"}

    def _content(self, path: str) -> bytes:
        url = f"{self.node.url}/api/v0/cat?arg={path}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as told:
            data: bytes = told.read()
        return data

    def _stat(self, path: str, **more: Any) -> Any:
        self._ask("files.stat", more)
        return self.node.ask("files/stat", arg=path)

    def _pins(self, cid: str, **more: Any) -> Any:
        self._ask("pin.ls", more)
        if cid not in self.node.pins():
            raise ErrorResponse(f"path '{cid}' is not pinned")
        return {"Keys": {cid: {"Type": more["type"]}}}

    def _unpin(self, cid: str, **more: Any) -> Any:
        self._ask("pin.rm", more)
        if cid not in self.node.pins():
            raise ErrorResponse("not pinned or pinned indirectly")
        return self.node.ask("pin/rm", arg=cid)

    def _ask(self, command: str, more: dict[str, Any]) -> None:
        self.asked.append((command, more))
        self.fail(command)


made = 0


def make_client() -> Client:
    """Make a client, and count."""
    global made  # noqa: PLW0603 - what a dotted path leads to has no other place
    made += 1
    return Client()


@pytest.fixture
def client() -> Client:
    """A client."""
    return Client()


@pytest.fixture
def storage(client: Client) -> Iterator[InterPlanetaryFileSystemStorage]:
    """A storage that uses it."""
    with InterPlanetaryFileSystemStorage(client=client, read_timeout=10) as storage:
        yield storage


def test_the_contract_with_the_library_itself() -> None:
    """The whole contract holds with ipfs-toolkit 0.5.32 between the storage and the node."""
    done = subprocess.run(
        [program("ipfs-toolkit", "python"), "-m", "tests.contract.ipfs_toolkit"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = re.search(r"Ran (\d+) tests", done.stderr)
    assert found is not None
    assert int(found[1]) > 200


def test_nothing_but_the_client_asks(client: Client) -> None:
    """No request of our own is made: the address that is set leads nowhere."""
    with InterPlanetaryFileSystemStorage("http://127.0.0.1:1", client=client) as storage:
        content = secrets.token_bytes(100)
        name = storage.save("a.txt", ContentFile(content))
        with storage.open(name) as file:
            assert file.read() == content
        assert storage.size(name) == 100
        assert storage.exists(name)
        assert storage.exists("")
        storage.delete(name)
        storage.delete(name)
        assert not storage.exists(name)
    commands = [command for command, _ in client.asked]
    expected = "add cat files.stat pin.ls version pin.rm pin.rm pin.ls"
    assert commands == expected.split()


def test_a_large_file_is_read_in_pieces(
    storage: InterPlanetaryFileSystemStorage, client: Client
) -> None:
    """The library holds what it has read in memory, so the storage asks for a little at a time."""
    content = secrets.token_bytes(5_000_000)
    name = storage.save("a.bin", ContentFile(content))
    client.asked.clear()
    with storage.open(name) as file:
        assert file.read(10) == content[:10]
        assert [command for command, _ in client.asked] == ["cat", "files.stat"]
        assert file.read() == content[10:]
        lengths = [more["opts"]["length"] for command, more in client.asked if command == "cat"]
        assert lengths[0] == LEAF + 1
        assert max(lengths) == 2 * 1024 * 1024
        client.asked.clear()
        file.seek(4_000_000)
        assert file.read(10) == content[4_000_000:4_000_010]
    assert [more["opts"].get("offset") for _, more in client.asked] == [None, 4_000_000]


def test_each_command_is_bounded(storage: InterPlanetaryFileSystemStorage, client: Client) -> None:
    """By the options' timeouts, by the deadline, and in the node itself."""
    name = storage.save("a.txt", ContentFile(b"content"))
    with deadline(4):
        storage.size(name)
    assert client.asked[0][1]["timeout"] == (5.0, 10.0)
    _, more = client.asked[-1]
    assert all(0 < seconds <= 4 for seconds in more["timeout"])
    assert 1 <= int(more["opts"]["timeout"].removesuffix("s")) <= 3
    assert more["offline"] is False


def test_what_is_added_keeps_its_name(
    storage: InterPlanetaryFileSystemStorage, client: Client
) -> None:
    """How content is cut and hashed is told the node, as it is without a client."""
    storage.save("a.txt", ContentFile(b"content"))
    _, more = client.asked[0]
    assert more["cid_version"] == 0
    assert more["raw_leaves"] is False
    assert more["chunker"] == "size-262144"
    assert more["opts"] == {"hash": "sha2-256", "progress": "false"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ErrorResponse("path 'x' is not pinned"), NotFound),
        (ErrorResponse("no such command"), StorageError),
        (Late("Read timed out"), Timeout),
        (CommunicationError("connection refused"), Unavailable),
    ],
)
def test_the_library_s_errors_are_ours(
    storage: InterPlanetaryFileSystemStorage,
    client: Client,
    error: Exception,
    kind: type[StorageError],
) -> None:
    """They are told by their names, for nothing of the library is imported."""
    name = storage.save("a.txt", ContentFile(b"content"))

    def fail(_: str) -> None:
        raise error

    client.fail = fail
    with pytest.raises(StorageError) as caught:
        storage.size(name)
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error


def test_a_status_is_one_of_our_errors(
    storage: InterPlanetaryFileSystemStorage, client: Client
) -> None:
    """403 is what a node with API.Authorizations answers: the client has to be given the token."""
    name = storage.save("a.txt", ContentFile(b"content"))

    def fail(_: str) -> None:
        cause = OSError("403")
        vars(cause)["response"] = SimpleNamespace(status_code=403)
        raise StatusError("403") from cause

    client.fail = fail
    with pytest.raises(PermissionDenied):
        storage.size(name)


def test_an_error_that_is_not_the_library_s_goes_through(
    storage: InterPlanetaryFileSystemStorage, client: Client
) -> None:
    """A mistake in the client is not the store's."""

    def fail(_: str) -> None:
        raise ZeroDivisionError

    client.fail = fail
    with pytest.raises(ZeroDivisionError):
        storage.save("a.txt", ContentFile(b"content"))


def test_what_the_content_raises_is_raised(storage: InterPlanetaryFileSystemStorage) -> None:
    """As it was, though the library read the content."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size:
                raise RuntimeError("broken")
            return b""

    with pytest.raises(RuntimeError, match="broken"):
        storage.save("a.txt", File(Broken(b"x" * 100)))


def test_more_than_was_asked_for_is_no_part(
    storage: InterPlanetaryFileSystemStorage, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that knows no ranges would give the wrong bytes: Corrupt."""
    content = secrets.token_bytes(LEAF + 100)
    name = storage.save("a.bin", ContentFile(content))
    monkeypatch.setattr(client, "cat", lambda _, **more: content)  # noqa: ARG005 - as cat
    with pytest.raises(Corrupt):
        storage.open(name)


def test_a_dotted_path_makes_a_client_in_each_process() -> None:
    """A function that it leads to is called when the client is needed first, and not again."""
    before = made
    with override_settings(IPFS_STORAGE_CLIENT=f"{HERE}.make_client"):
        storage = InterPlanetaryFileSystemStorage()
        assert made == before
        for _ in range(2):
            assert storage.exists("")
        assert made == before + 1
        assert pickle.loads(pickle.dumps(storage)).exists("")
        assert made == before + 2


def test_migrations_hold_no_client(client: Client) -> None:
    """A path says what to make; an object can hold a password, and cannot be written down."""
    assert InterPlanetaryFileSystemStorage(client=client).deconstruct()[2] == {}
    path = f"{HERE}.make_client"
    assert InterPlanetaryFileSystemStorage(client=path).deconstruct()[2] == {"client": path}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("no.such.module", r'"django-storages\[ipfs-toolkit\]"'),
        (f"{HERE}.HERE", r"is str, which has no add\(\)"),
        (object(), r"is object, which has no add\(\)"),
        (SimpleNamespace(add=print, cat=print, files=SimpleNamespace()), r"no files.stat\(\)"),
    ],
)
def test_what_is_no_client_is_refused(given: object, why: str) -> None:
    """When it is needed first, by its kind and not by its value."""
    storage = InterPlanetaryFileSystemStorage(client=given)
    with pytest.raises(OptionError, match=why):
        storage.exists("")
