"""Swift: listings, manifests, tokens, and what bulk deletion says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storages.backends.cloudfiles import CloudFilesStorage, accounts, deleting, requests
from storages.retry import NO_RETRY
from tests.fuzz.making import changed_json, fuzz, json_text, mutated, ours
from tests.fuzz.service import CONTENT, HEADERS, Service, Wrong, everything, wrong_answers
from tests.servers.http import Reply, Request, ScriptedServer

MD5 = hashlib.md5(CONTENT).hexdigest()


def listed(name: str, size: int = 12, kind: str = "text/plain") -> dict[str, Any]:
    """An object, as a listing has it."""
    moment = "2024-02-29T12:34:56.123456"
    return {"name": name, "bytes": size, "hash": MD5, "content_type": kind, "last_modified": moment}


BELOW = [listed("d/b"), {"subdir": "d/f/"}, listed("d/e", 0, "application/directory")]
SEGMENTS = [listed("a/1700000000.000000-0123456789abcdef/00000000")]
LISTING = [
    listed("a"),
    {**listed("b"), "slo_etag": f'"{MD5}"'},
    {"subdir": "d/"},
    listed("d/e", 0, "application/directory"),
    listed("z/1700000000.000000-0123456789abcdef/00000000"),
]
OBJECT = {
    "ETag": MD5,
    "X-Timestamp": "1700000000.12345",
    "Content-Type": "text/plain",
    "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
}
LARGE = {**OBJECT, "X-Static-Large-Object": "True", "X-Object-Meta-Segment-Size": "1048576"}
DOCUMENTS: dict[str, Any] = {
    "info": {"swift": {"max_file_size": 5368709122}, "slo": {}, "bulk_delete": {}},
    "listing": LISTING,
    "listing below": BELOW,
    "segments": SEGMENTS,
    "manifest": [{"name": "/x_segments/a/1/0", "bytes": 12, "hash": MD5}],
    "bulk": {
        "Response Status": "200 OK",
        "Response Body": "",
        "Number Deleted": 1,
        "Number Not Found": 1,
        "Errors": [["/x/b", "409 Conflict"]],
    },
}
RIGHT = {
    **{kind: Reply(200, {}, json.dumps(body).encode()) for kind, body in DOCUMENTS.items()},
    "head": Reply(200, OBJECT, CONTENT),
    "large": Reply(200, LARGE, CONTENT),
    "get": Reply(200, OBJECT, CONTENT),
    "put": Reply(201, {"ETag": MD5}),
    "deleted": Reply(204),
    "end": Reply(200, {}, b"[]"),
}
MORE: Mapping[str, tuple[str, ...]] = {
    **HEADERS,
    "ETag": (MD5, f'"{MD5}"'),
    "X-Timestamp": ("1700000000.12345", "1e308", "nan", "inf"),
    "X-Object-Manifest": ("x_segments/a/", "x/a", "%00"),
    "X-Static-Large-Object": ("True",),
    "X-Object-Meta-Segment-Size": ("1048576", "1"),
}


def kind_of(request: Request) -> str:  # noqa: PLR0911 - one for each kind
    """What is asked for."""
    path, _, query = request.path.partition("?")
    if path == "/info":
        return "info"
    if request.method == "POST":
        return "bulk"
    if request.method == "PUT":
        return "put"
    if request.method == "DELETE":
        return "deleted"
    if request.method == "HEAD":
        return "large" if path.endswith("/large") else "head"
    if "multipart-manifest" in query:
        return "manifest"
    if path.count("/") > 2:
        return "get"
    if "segments" in path:
        return "segments"
    if "marker=" in query and "limit=1&" not in query:
        return "end"
    return "listing below" if "prefix=d" in query else "listing"


class Storage(CloudFilesStorage):
    """Asks once."""

    retry = NO_RETRY


def forget() -> None:
    """Forget what servers have told."""
    accounts._accounts.clear()
    requests._infos.clear()
    deleting._without.clear()


def test_answers() -> None:
    """Each is understood, or is an error of ours."""
    with Service(RIGHT, kind_of) as service:
        auth = (f"{service.url}/account", "token")
        with Storage(auth=auth, container="x", segment_size=1024 * 1024) as storage:

            def check(wrong: Wrong) -> None:
                forget()
                with service.saying(wrong):
                    everything(storage)
                    ours(lambda: storage._makes_large(6 * 1024 * 1024))
                    ours(lambda: storage.delete("large"))
                    ours(lambda: storage.copy("large", "other", overwrite=True))

            known = [Wrong("bulk", b'{"Errors": [["/x/b", null]]}')]
            fuzz(wrong_answers(RIGHT, DOCUMENTS, MORE), check, quick=60, known=known, share=0.6)
        assert service.met > 20
    forget()


ENDPOINT = {"region": "R", "publicURL": "http://h/v1/a", "internalURL": "http://i/v1/a"}
VERSION_2 = {
    "access": {
        "token": {"id": "t", "expires": "2124-02-29T12:34:56Z"},
        "user": {"RAX-AUTH:defaultRegion": "R"},
        "serviceCatalog": [
            {"type": "object-store", "endpoints": [ENDPOINT]},
            {"type": "rax:object-cdn", "endpoints": [ENDPOINT]},
        ],
    }
}
VERSION_3 = {
    "token": {
        "expires_at": "2124-02-29T12:34:56.000000Z",
        "catalog": [
            {
                "type": "object-store",
                "endpoints": [
                    {"interface": "public", "region_id": "R", "region": "R", "url": "http://h/v1/a"}
                ],
            }
        ],
    }
}


def test_tokens() -> None:
    """What identity services answer gives an account, or an error of ours."""
    reply = Reply(200)
    with ScriptedServer(handler=lambda _: reply) as identity:

        def check(drawn: tuple[int, bytes, str]) -> None:
            nonlocal reply
            version, body, header = drawn
            forget()
            identity._threads[:] = [thread for thread in identity._threads if thread.is_alive()]
            line = "".join(c for c in header if " " <= c <= "~")
            names = ("X-Subject-Token", "X-Auth-Token", "X-Storage-Url", "X-Auth-Token-Expires")
            reply = Reply(200, dict.fromkeys(names, line), body, close=True)
            given = {"username": "u", "api_key": "secret", "container": "x", "project": "p"}
            for more in ({}, {"region": "R"}):
                with Storage(
                    auth_url=identity.url, auth_version=version, **given, **more
                ) as storage:
                    found = ours(lambda storage=storage: storage.connection, ValueError)  # type: ignore[misc]
                    if found is not None:
                        assert isinstance(found.token, str)
                        assert found.token
                        assert isinstance(found.storage_url, str)
                    forget()

        from hypothesis import strategies as st

        drawn = st.tuples(
            st.sampled_from([1, 2, 3]),
            json_text(VERSION_2, VERSION_3),
            mutated(["http://h/v1/a", "99"]),
        )
        nothing = {"access": {**VERSION_2["access"], "token": {"id": None}}}
        known = [(2, json.dumps(nothing).encode(), ""), (3, json.dumps(VERSION_3).encode(), "")]
        fuzz(drawn, check, quick=60, known=known, share=0.3)


def test_entries_of_listings() -> None:
    """An entry is told, or it is an error of ours."""
    from storages.backends.cloudfiles import reading
    from storages.told import understood

    def check(value: Any) -> None:
        def told() -> None:
            with understood():
                for entry in value:
                    stat = reading.listed(entry)
                    assert stat is None or stat.size > 0

        ours(told)

    fuzz(changed_json(LISTING), check, quick=200, share=0.1)
