"""CouchDB: documents, listings and what it says to writers."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from storages.backends.couchdb import CouchDBStorage
from storages.retry import NO_RETRY
from tests.fuzz.making import fuzz
from tests.fuzz.service import CONTENT, Service, Wrong, everything, wrong_answers
from tests.servers.http import Reply, Request

DIGEST = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()


def document(name: str) -> dict[str, Any]:
    """A file's document."""
    content = {
        "content_type": "application/octet-stream",
        "revpos": 1,
        "digest": f"md5-{DIGEST}",
        "length": len(CONTENT),
        "stub": True,
    }
    return {
        "_id": name,
        "_rev": "1-abc",
        "size": len(CONTENT),
        "content_type": "text/plain",
        "modified": "2024-02-29T12:34:56.123456+00:00",
        "_attachments": {"content": content},
    }


def rows(*names: str) -> dict[str, Any]:
    """What _all_docs says."""
    return {
        "total_rows": 3,
        "offset": 0,
        "rows": [
            {"id": name, "key": name, "value": {"rev": "1-abc"}, "doc": document(name)}
            for name in names
        ],
    }


DOCUMENTS: dict[str, Any] = {
    "document": document("a"),
    "listing": rows("_design/x", "a", "d/b", "d/e/f"),
    "rows": rows("a", "b"),
    "bulk": [{"ok": True, "id": "a", "rev": "2-x"}, {"id": "b", "error": "conflict"}],
    "put": {"ok": True, "id": "new.txt", "rev": "1-abc"},
    "deleted": {"ok": True, "id": "a", "rev": "2-x"},
}
RIGHT = {
    **{kind: Reply(200, {}, json.dumps(body).encode()) for kind, body in DOCUMENTS.items()},
    "content": Reply(
        200, {"ETag": f'"{DIGEST}"', "Content-Type": "application/octet-stream"}, CONTENT
    ),
}


def kind_of(request: Request) -> str:
    """What is asked for."""
    path = request.path.partition("?")[0]
    if path.endswith("/content"):
        return "content"
    if path.endswith("/_all_docs"):
        return "listing" if request.method == "GET" else "rows"
    if path.endswith("/_bulk_docs"):
        return "bulk"
    return {"PUT": "put", "DELETE": "deleted"}.get(request.method, "document")


class Storage(CouchDBStorage):
    """Asks once."""

    retry = NO_RETRY


def test_answers() -> None:
    """Each is understood, or is an error of ours."""
    with Service(RIGHT, kind_of) as service, Storage(server=service.url, database="x") as storage:

        def check(wrong: Wrong) -> None:
            with service.saying(wrong):
                everything(storage)

        known = [
            Wrong("document", json.dumps({**document("a"), "content_type": True}).encode()),
            Wrong("document", json.dumps({**document("a"), "_rev": None}).encode()),
            Wrong("listing", b"[" * 100_000),
            Wrong("listing", b'{"rows": [{"id": 1}]}'),
            Wrong("listing", json.dumps(rows("..", "../x", "/y")).encode()),
        ]
        fuzz(wrong_answers(RIGHT, DOCUMENTS), check, quick=60, known=known)
        assert service.met > 20
