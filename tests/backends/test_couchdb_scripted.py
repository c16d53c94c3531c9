"""What CouchDB 3 does and pouchdb-server does not: ranges, compression, its own words."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.files.base import ContentFile

from storages.backends.couchdb import CouchDBStorage
from storages.backends.couchdb import storage as couchdb
from storages.errors import (
    Corrupt,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    TooLarge,
    Unavailable,
)
from storages.retry import NO_RETRY, Retry
from tests.servers.http import Reply, Request, ScriptedServer

CONTENT = b"line\n" * 100_000


class Storage(CouchDBStorage):
    """Tries again soon."""

    retry = Retry(backoff=0.001)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def storage(server: ScriptedServer) -> Iterator[Storage]:
    """A storage for it."""
    with Storage(server=f"{server.url}/couch", database="files") as made:
        yield made


def digest(content: bytes) -> str:
    """As CouchDB writes it."""
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def answer(document: Any, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def document(content: bytes = CONTENT, kind: str = "application/octet-stream") -> dict[str, Any]:
    """A document, in CouchDB's revision 3."""
    attachment = {
        "content_type": kind,
        "revpos": 3,
        "digest": f"md5-{digest(content)}",
        "length": len(CONTENT),
        "stub": True,
    }
    return {"_id": "a", "_rev": "3-abc", "size": 1, "_attachments": {"content": attachment}}


def binary(request: Request) -> Reply:
    """CouchDB's answer for an attachment that it did not compress."""
    headers = {
        "ETag": f'"{digest(CONTENT)}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    if not request.range:
        return Reply(200, headers, CONTENT)
    headers["Content-Range"] = f"bytes {request.range}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return Reply(206, headers, CONTENT[request.range :])


def compressed(request: Request) -> Reply:
    """And for one that it did: decompressed while it is sent, whatever the range."""
    assert request.headers["accept-encoding"] == "identity"
    if not request.path.endswith("/content"):
        return answer(document(gzip.compress(CONTENT), "text/plain"))
    headers = {
        "ETag": f'"{digest(gzip.compress(CONTENT, mtime=0))}"',
        "Accept-Ranges": "none",
        "Content-Type": "text/plain",
    }
    return Reply(200, headers, CONTENT, chunked=True)


def test_ranges_are_used(storage: Storage, server: ScriptedServer) -> None:
    """A seek moves what comes after it, not what is before."""
    server.handler = binary
    with storage.open("a") as file:
        file.seek(400_001)
        assert file.read(9) == CONTENT[400_001:400_010]
    assert server.last.path == "/couch/files/a/content"
    assert server.last.headers["range"] == "bytes=400001-"
    assert len(server.requests) == 2


def test_what_was_compressed_is_read_whole(storage: Storage, server: ScriptedServer) -> None:
    """Its length is in the document, its digest is that of something else."""
    server.handler = compressed
    with storage.open("a") as file:
        assert file.size == len(CONTENT)
        assert file.read() == CONTENT
    assert [r.path for r in server.requests] == ["/couch/files/a/content", "/couch/files/a"]
    with storage.open("a") as file:
        file.seek(400_001)
        assert file.read(9) == CONTENT[400_001:400_010]
    assert storage.stat("a").checksum is None


def test_a_digest_that_is_none_is_passed_over(storage: Storage, server: ScriptedServer) -> None:
    """Some proxies put their own ETag there."""
    server.handler = lambda _: Reply(
        200, {"ETag": 'W/"x-gzip"', "Content-Type": "application/octet-stream"}, CONTENT
    )
    with storage.open("a") as file:
        assert file.read() == CONTENT


def test_how_a_document_is_written(storage: Storage, server: ScriptedServer) -> None:
    """With its attachment, the JSON and its digest first; then that is asked for, as stored."""
    server.script(answer({"ok": True, "id": "a/b", "rev": "1-x"}, 201), answer(document()))
    assert storage.save("a/b", ContentFile(CONTENT)) == "a/b"
    put, check = server.requests
    assert (put.method, put.path) == ("PUT", "/couch/files/a%2Fb")
    (boundary,) = re.findall(r'multipart/related; boundary="(\w+)"', put.headers["content-type"])
    before, head, content, end = put.body.split(f"--{boundary}".encode())
    assert (before, end) == (b"", b"--")
    written = json.loads(head.partition(b"\r\n\r\n")[2])
    assert written["_id"] == "a/b"
    assert "_rev" not in written
    assert written["_attachments"] == {
        "content": {
            "follows": True,
            "content_type": "application/octet-stream",
            "length": len(CONTENT),
            "digest": f"md5-{digest(CONTENT)}",
        }
    }
    assert content.partition(b"\r\n\r\n")[2] == CONTENT + b"\r\n"
    assert (check.method, check.path) == ("GET", "/couch/files/a%2Fb?rev=1-x")


def test_replacing_names_the_revision(storage: Storage, server: ScriptedServer) -> None:
    """And asks for it again when that is not the newest any more."""
    conflict = answer({"error": "conflict", "reason": "Document update conflict."}, 409)
    server.script(
        answer(document()),
        conflict,
        answer({**document(), "_rev": "4-new"}),
        answer({"ok": True, "rev": "5-x"}, 201),
        answer(document()),
    )
    with storage.open("a", "wb") as file:
        file.write(CONTENT)
    puts = [r.body for r in server.requests if r.method == "PUT"]
    assert [b'"_rev": "3-abc"' in puts[0], b'"_rev": "4-new"' in puts[1]] == [True, True]


def test_what_couchdb_refuses_as_damaged(storage: Storage, server: ScriptedServer) -> None:
    """Is sent again, and what was to be replaced stays: nothing is deleted."""
    damaged = {"error": "content_md5_mismatch", "reason": "Possible message corruption."}
    refusal = answer(damaged, 400)
    server.script(answer(document()), refusal, answer(document()), refusal)
    with pytest.raises(Corrupt), storage.open("a", "wb") as file:
        file.write(CONTENT)
    assert [r.method for r in server.requests] == ["GET", "PUT"] * 2
    server.script(refusal, answer({"ok": True, "rev": "1-x"}, 201), answer(document()))
    assert storage.save("a", ContentFile(CONTENT)) == "a"


def test_replacing_that_never_succeeds_is_given_up(
    storage: Storage, server: ScriptedServer
) -> None:
    """Our error, not a loop."""
    storage.retry = NO_RETRY
    server.handler = lambda request: (
        answer({"error": "conflict"}, 409) if request.method != "GET" else answer(document())
    )
    with pytest.raises(Unavailable, match="again and again"), storage.open("a", "wb"):
        pass
    with pytest.raises(Unavailable, match="again and again"):
        storage.delete("a")
    assert len(server.requests) == 80


def test_content_that_was_replaced_before_it_was_checked(
    storage: Storage, server: ScriptedServer
) -> None:
    """Has been written all the same: a compacted revision is no failure."""
    server.script(
        answer({"ok": True, "rev": "1-x"}, 201),
        answer({"error": "not_found", "reason": "missing"}, 404),
    )
    assert storage.save("a", ContentFile(CONTENT)) == "a"


def test_content_that_was_stored_in_part(storage: Storage, server: ScriptedServer) -> None:
    """Is deleted, by its revision, and sent once more."""
    short = document()
    short["_attachments"]["content"]["length"] -= 1
    stored = answer({"ok": True, "rev": "1-x"}, 201)
    server.script(stored, answer(short), answer({"ok": True}), stored, answer(short), Reply(200))
    with pytest.raises(Corrupt):
        storage.save("a", ContentFile(CONTENT))
    deletions = [r.path for r in server.requests if r.method == "DELETE"]
    assert deletions == ["/couch/files/a?rev=1-x"] * 2


def test_deleting_names_the_revision(storage: Storage, server: ScriptedServer) -> None:
    """Without one CouchDB refuses."""
    server.script(answer(document()), answer({"ok": True}))
    storage.delete("a")
    assert server.last.path == "/couch/files/a?rev=3-abc"


def test_deleting_many(
    storage: Storage, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only files; what is refused is refused by its own error, after the others were deleted."""
    monkeypatch.setattr(couchdb, "_PAGE", 4)

    def row(name: str, **more: Any) -> dict[str, Any]:
        return {"id": name, "key": name, "value": {"rev": "3-abc"}, "doc": document(), **more}

    server.script(
        answer(
            {
                "rows": [
                    row("a"),
                    {"key": "b", "error": "not_found"},
                    row("c", value={"rev": "2-x", "deleted": True}, doc=None),
                    row("d", doc={"_id": "d", "text": "no file"}),
                ]
            }
        ),
        answer([{"id": "a", "error": "forbidden", "reason": "not yours"}], 201),
        answer(document()),
        answer({"error": "forbidden", "reason": "not yours"}, 403),
        answer({"rows": [row("e")]}),
        answer([{"ok": True, "id": "e", "rev": "4-x"}], 201),
    )
    with pytest.raises(PermissionDenied, match="not yours"):
        storage.delete_many(["a", "b", "c", "d", "e"])
    deleted = [json.loads(r.body) for r in server.requests if r.path.endswith("_bulk_docs")]
    assert deleted == [
        {"docs": [{"_id": name, "_rev": "3-abc", "_deleted": True}]} for name in ("a", "e")
    ]


@pytest.mark.parametrize("written", ["yesterday", "2026-01-01T00:00:00", 5, None, ["x"]])
def test_a_time_that_somebody_else_wrote(
    storage: Storage, server: ScriptedServer, written: Any
) -> None:
    """Is passed over where it is none, or none that is certain."""
    server.script(answer({**document(), "modified": written}))
    assert storage.stat("a").modified is None


def test_a_listing_is_a_range_of_ids(storage: Storage, server: ScriptedServer) -> None:
    """In the order of UTF-8: from the slash to the letter after it."""
    rows = [{"id": "./_d/a", "doc": {}}, {"id": "./_d/b", "doc": document()}]
    server.script(answer({"rows": rows}))
    assert storage.listdir("_d") == ([], ["b"])
    url = urlsplit(server.last.path)
    query = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert unquote(url.path) == "/couch/files/_all_docs"
    assert json.loads(query["startkey"]) == "./_d/"
    assert json.loads(query["endkey"]) == "./_d0"
    assert query["inclusive_end"] == "false"


ERRORS = [
    (400, "x", StorageError),
    (401, "Name or password is incorrect.", PermissionDenied),
    (403, "You are not allowed to access this db.", PermissionDenied),
    (404, "missing", NotFound),
    (404, "deleted", NotFound),
    (404, "Document is missing attachment", NotFound),
    (404, "Database does not exist.", StorageError),
    (412, "x", StorageError),
    (413, "a", TooLarge),
    (413, "content", TooLarge),
    (500, "No DB shards could be opened.", Unavailable),
    (503, "Service unavailable", Unavailable),
    (507, "disk full", StorageFull),
]


@pytest.mark.parametrize(("status", "reason", "kind"), ERRORS)
def test_the_errors_of_couchdb(
    storage: Storage,
    server: ScriptedServer,
    status: int,
    reason: str,
    kind: type[StorageError],
) -> None:
    """Each is ours, with CouchDB's reason; only a missing document is a missing file."""
    server.handler = lambda _: answer({"error": "short", "reason": reason}, status)
    for work in (storage.size, storage.open, lambda name: storage.save(name, ContentFile(b"x"))):
        with pytest.raises(StorageError) as caught:
            work("a")
        assert type(caught.value) is kind
        assert reason in str(caught.value) or "no database" in str(caught.value)
        assert caught.value.__cause__ is not None
    if kind is not NotFound:
        with pytest.raises(kind):
            storage.exists("a")


@pytest.mark.parametrize("inside", [True, False])
def test_a_password_that_the_server_repeats(server: ScriptedServer, *, inside: bool) -> None:
    """Is not shown, wherever it was given."""
    server.handler = lambda _: answer({"error": "x", "reason": "wrong: hunter2"}, 403)
    given: dict[str, Any] = {"server": server.url, "username": "me", "password": "hunter2"}
    if inside:
        given = {"server": server.url.replace("http://", "http://me:hunter2@")}
    with Storage(database="files", **given) as storage:
        with pytest.raises(PermissionDenied, match=r"wrong: \*\*\*") as caught:
            storage.open("a")
        assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_who_logs_in(server: ScriptedServer) -> None:
    """By the options, or by the server's URL."""
    server.handler = binary
    url = server.url.replace("http://", "http://us%40er:pw@")
    for given in (
        {"server": url},
        {"server": server.url, "username": "us@er", "password": "pw"},
    ):
        with Storage(database="files", **given) as storage, storage.open("a"):
            pass
        assert server.last.headers["authorization"] == "Basic dXNAZXI6cHc="
        assert server.last.path == "/files/a/content"
