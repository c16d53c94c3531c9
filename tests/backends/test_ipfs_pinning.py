"""The remote pinning service: asked to keep what was added, and to forget what was deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.base import ContentFile

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.errors import Corrupt, OptionError, PermissionDenied, StorageError
from tests.servers.http import Reply, ScriptedServer

CONTENT = b"hello world\n"
CID = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
NODE, SERVICE = "token-of-the-node", "token-of-the-service"


def told(document: Any, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(status, {}, json.dumps(document).encode())


@pytest.fixture
def node() -> Iterator[ScriptedServer]:
    """A node that does everything."""
    with ScriptedServer(handler=lambda _: told({"Hash": CID, "Name": "", "Size": "20"})) as running:
        yield running


@pytest.fixture
def service() -> Iterator[ScriptedServer]:
    """A service that answers as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def storage(
    node: ScriptedServer, service: ScriptedServer
) -> Iterator[InterPlanetaryFileSystemStorage]:
    """A storage that uses both."""
    with InterPlanetaryFileSystemStorage(
        node.url,
        token=NODE,
        headers={"X-Of-The-Node": NODE},
        pinning_service_url=f"{service.url}/psa/",
        pinning_service_token=SERVICE,
    ) as made:
        yield made


@pytest.mark.parametrize("status", ["queued", "pinning", "pinned"])
def test_saved_files_are_pinned(
    storage: InterPlanetaryFileSystemStorage,
    node: ScriptedServer,
    service: ScriptedServer,
    status: str,
) -> None:
    """What the node has added, the service is asked to keep, under the name that was asked for."""
    service.script(told({"requestid": "r1", "status": status, "pin": {"cid": CID}}, 202))
    assert storage.save("d/a.txt", ContentFile(CONTENT)) == CID
    (asked,) = service.requests
    assert (asked.method, asked.path) == ("POST", "/psa/pins")
    assert json.loads(asked.body) == {"cid": CID, "name": "d/a.txt"}
    assert len(node.requests) == 1


def test_each_gets_its_own_token(
    storage: InterPlanetaryFileSystemStorage, node: ScriptedServer, service: ScriptedServer
) -> None:
    """Neither learns what lets a request in at the other one."""
    service.script(told({"status": "queued"}, 202), told({"count": 0, "results": []}))
    storage.save("a.txt", ContentFile(CONTENT))
    storage.delete(CID)
    assert {r.headers["authorization"] for r in node.requests} == {f"Bearer {NODE}"}
    assert {r.headers["authorization"] for r in service.requests} == {f"Bearer {SERVICE}"}
    assert NODE not in str([request.headers for request in service.requests])
    assert SERVICE not in str([request.headers for request in node.requests])
    assert SERVICE not in repr(storage) + str(storage.deconstruct())


def test_a_pin_that_failed(
    storage: InterPlanetaryFileSystemStorage, service: ScriptedServer
) -> None:
    """A file that the service does not keep is an error."""
    service.script(told({"requestid": "r1", "status": "failed"}, 202))
    with pytest.raises(StorageError, match="failed"):
        storage.save("a.txt", ContentFile(CONTENT))


def test_a_refusal(storage: InterPlanetaryFileSystemStorage, service: ScriptedServer) -> None:
    """The service's words are told, its token is not."""
    said = {"error": {"reason": "UNAUTHORIZED", "details": f"{SERVICE} has expired"}}
    service.script(told(said, 401))
    with pytest.raises(PermissionDenied, match=r"UNAUTHORIZED: .* has expired") as caught:
        storage.save("a.txt", ContentFile(CONTENT))
    assert SERVICE not in str(caught.value) + repr(caught.value.__cause__)


def test_deleted_files_are_unpinned(
    storage: InterPlanetaryFileSystemStorage, node: ScriptedServer, service: ScriptedServer
) -> None:
    """Every request to keep the file is withdrawn, then the node's pin; a missing one is passed."""
    pins = [{"requestid": name, "pin": {"cid": CID}} for name in ("r1", "r/2")]
    service.script(told({"count": 2, "results": pins}), Reply(404), Reply(202))
    storage.delete(CID)
    first, *others = service.requests
    assert first.method == "GET"
    assert parse_qs(urlsplit(first.path).query) == {
        "cid": [CID],
        "status": ["queued,pinning,pinned,failed"],
        "limit": ["1000"],
    }
    assert [(r.method, r.path) for r in others] == [
        ("DELETE", "/psa/pins/r1"),
        ("DELETE", "/psa/pins/r%2F2"),
    ]
    assert [urlsplit(r.path).path for r in node.requests] == ["/api/v0/pin/rm"]


@pytest.mark.parametrize(
    "answer",
    [[], {"results": [5]}, {"results": [{"requestid": "r", "pin": {"cid": "another"}}]}, "x"],
)
def test_an_answer_of_another_protocol(
    storage: InterPlanetaryFileSystemStorage,
    node: ScriptedServer,
    service: ScriptedServer,
    answer: Any,
) -> None:
    """Nothing is deleted then, and the file is still there to be deleted again."""
    service.handler = lambda _: told(answer)
    with pytest.raises(Corrupt):
        storage.delete(CID)
    assert {request.method for request in service.requests} == {"GET"}
    assert node.requests == []


def test_a_wrong_address(
    storage: InterPlanetaryFileSystemStorage, node: ScriptedServer, service: ScriptedServer
) -> None:
    """A service that is not there is an error, not a file that has been deleted already."""
    service.handler = lambda _: Reply(404, body=b"no such page")
    with pytest.raises(StorageError, match="404"):
        storage.delete(CID)
    assert node.requests == []


def test_nothing_is_unpinned_unless_wanted(node: ScriptedServer, service: ScriptedServer) -> None:
    """With unpin_on_delete=False neither is asked."""
    with InterPlanetaryFileSystemStorage(
        node.url,
        unpin_on_delete=False,
        pinning_service_url=service.url,
        pinning_service_token=SERVICE,
    ) as storage:
        storage.delete(CID)
    assert node.requests == service.requests == []


def test_the_token_is_needed(service: ScriptedServer) -> None:
    """A service without its token is refused when the storage is made."""
    with pytest.raises(OptionError, match="IPFS_STORAGE_PINNING_SERVICE_TOKEN"):
        InterPlanetaryFileSystemStorage(pinning_service_url=service.url)
