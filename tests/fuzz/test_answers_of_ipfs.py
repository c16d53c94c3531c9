"""IPFS: what nodes and pinning services answer."""

from __future__ import annotations

import json
from typing import Any

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.retry import NO_RETRY
from tests.fuzz.making import fuzz
from tests.fuzz.service import CONTENT, Service, Wrong, everything, wrong_answers
from tests.servers.http import Reply, Request

CID = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
OTHER = "QmdBmBCcXRRZLDTzH7QHraJmY9hkqnjfoVKN2WpCiM1PpB"
DOCUMENTS: dict[str, Any] = {
    "add": {"Name": "file", "Hash": CID, "Size": "20"},
    "files/stat": {"Hash": CID, "Size": 12, "CumulativeSize": 20, "Blocks": 0, "Type": "file"},
    "pin/ls": {"Keys": {CID: {"Type": "recursive"}}},
    "pin/rm": {"Pins": [CID]},
    "version": {"Version": "0.29.0"},
    "POST pins": {"requestid": "1", "status": "queued", "pin": {"cid": CID}, "delegates": []},
    "GET pins": {
        "count": 1,
        "results": [{"requestid": "1", "status": "pinned", "pin": {"cid": CID}}],
    },
    "DELETE pins": {},
}
RIGHT = {
    **{kind: Reply(200, {}, json.dumps(body).encode()) for kind, body in DOCUMENTS.items()},
    "cat": Reply(200, {"X-Content-Length": "12"}, CONTENT),
}
HEADERS = {
    "X-Content-Length": ("12", "0"),
    "Content-Length": ("12",),
    "Content-Type": ("text/plain",),
}


def kind_of(request: Request) -> str:
    """What is asked for."""
    path = request.path.partition("?")[0]
    if path.startswith("/service/pins"):
        return f"{request.method} pins"
    return path.removeprefix("/api/v0/")


class Storage(InterPlanetaryFileSystemStorage):
    """Asks once, and does not wait for what does not come."""

    retry = NO_RETRY


def test_answers() -> None:
    """Each is understood, or is an error of ours."""
    with Service(RIGHT, kind_of) as service, Storage(service.url) as plain:
        options = {
            "pinning_service_url": f"{service.url}/service",
            "pinning_service_token": "secret",
        }
        with Storage(service.url, **options) as pinning:

            def check(wrong: Wrong) -> None:
                with service.saying(wrong):
                    for storage in (plain, pinning):
                        everything(storage, CID, f"{CID}/d")
                    everything(plain, OTHER)

            fuzz(wrong_answers(RIGHT, DOCUMENTS, HEADERS), check, quick=25)
        assert service.met > 20
