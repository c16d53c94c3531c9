"""Serving files: what clients get, what it costs the store, and what they do not get."""

from __future__ import annotations

import gc
import io
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.util import FileWrapper

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished
from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware
from django.test import Client, RequestFactory, override_settings

from storages import signing
from storages.errors import Changed, Corrupt
from storages.serving.bodies import BLOCK
from storages.testing import MemoryStorage, recorded_operations
from tests.serving_storages import Broken, Counted

SMALL = bytes(range(256))
LARGE = b"".join(n.to_bytes(4, "big") for n in range(200_000))
BROKEN = {
    name: {"BACKEND": "tests.serving_storages.Broken", "OPTIONS": {"error": name}}
    for name in (
        "NotFound",
        "IsADirectory",
        "NotADirectory",
        "PermissionDenied",
        "Unavailable",
        "Timeout",
        "Changed",
        "Corrupt",
        "StorageError",
    )
}


def allowed(request: HttpRequest, alias: str, name: str) -> bool:
    """Allow those who say the name of the file."""
    return request.headers.get("X-Password") == f"{alias}:{name}"


async def allowed_later(request: HttpRequest, alias: str, name: str) -> bool:
    """Be asked by an async project."""
    return allowed(request, alias, name)


def decorated(request: HttpRequest, alias: str, name: str) -> Awaitable[bool]:
    """Look like a function that is not async, as some decorators make them."""
    return allowed_later(request, alias, name)


class Guard:
    """Look like no function at all."""

    async def __call__(self, request: HttpRequest, alias: str, name: str) -> bool:
        """Be async all the same."""
        return allowed(request, alias, name)


guard = Guard()


def in_capitals(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Be a middleware that changes what is streamed."""

    def middleware(request: HttpRequest) -> Any:
        response = get_response(request)
        response.streaming_content = (part.upper() for part in response.streaming_content)
        return response

    return middleware


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages."""
    Counted.forget()
    for place in ("", "counted", "strict"):
        MemoryStorage(place=place).clear()
    memory = "storages.testing.MemoryStorage"
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        MEDIA_ROOT=str(tmp_path / "media"),
        STORAGES={
            "default": {"BACKEND": memory},
            "memory": {"BACKEND": memory},
            "counted": {
                "BACKEND": "tests.serving_storages.Counted",
                "OPTIONS": {"place": "counted"},
            },
            "strict": {"BACKEND": "tests.serving_storages.Strict", "OPTIONS": {"place": "strict"}},
            "disk": {
                "BACKEND": "storages.local.LocalStorage",
                "OPTIONS": {"location": str(tmp_path / "disk")},
            },
            "busy": {
                "BACKEND": "tests.serving_storages.Broken",
                "OPTIONS": {"error": "Unavailable", "retry_after": 1.5},
            },
            "django": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            **BROKEN,
        },
        STORAGES_SERVE={
            alias: {"access": "public"}
            for alias in ("memory", "counted", "strict", "disk", "busy", "django", *BROKEN)
        },
    ):
        yield
    gc.collect()
    assert Counted.opened == []


def put(alias: str, name: str, content: bytes = SMALL) -> str:
    """Store a file, in place of what is there; return the path at which it is served."""
    storage: Any = storages[alias]
    storage.delete(name)
    storage.save(name, ContentFile(content))
    return f"/files/{alias}/{quote(name)}"


def get(path: str, **headers: str) -> Any:
    """GET, with headers by names that Python takes."""
    return Client().get(
        path,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},  # type: ignore[arg-type]
    )


def body(response: Any) -> bytes:
    """All bytes of a response, which is closed then."""
    content: bytes = response.getvalue()
    response.close()
    return content


@contextmanager
def operations(*expected: str) -> Iterator[None]:
    """Assert what storages are asked in the block."""
    with recorded_operations() as found:
        yield
    assert [event.operation for event in found] == list(expected)


# ------------------------------------------------------------------------- whole files


@pytest.mark.parametrize("alias", ["memory", "counted", "disk"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_the_whole_file(alias: str, content: bytes) -> None:
    """One operation; the length, the type and the validators are the store's."""
    path = put(alias, "d/ü.png", content)
    with operations("open_read"):
        response = get(path)
        assert body(response) == content
    stat = storages[alias].stat("d/ü.png")  # type: ignore[attr-defined]
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["ETag"] == f'"{stat.version}"'
    assert response.headers["Last-Modified"].endswith(" GMT")
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "public, no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Disposition"].startswith("inline; ")


@pytest.mark.parametrize("alias", ["memory", "disk"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_head_says_what_get_does(alias: str, content: bytes) -> None:
    """The same header fields, by one operation that opens nothing; ranges are for GET only."""
    path = put(alias, "h.bin", content)
    expected = get(path)
    body(expected)
    with operations("stat"):
        response = Client().head(path, headers={"Range": "bytes=1-2"})
    assert response.status_code == 200
    assert response.content == b""
    assert dict(response.headers) == dict(expected.headers)


def test_a_large_file_comes_in_blocks() -> None:
    """So many bytes are in memory, however large the file is."""
    response = get(put("counted", "b.bin", LARGE * 4))
    blocks = [len(block) for block in response]
    response.close()
    assert sum(blocks) == len(LARGE) * 4
    assert max(blocks) == BLOCK


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(method: str) -> None:
    """405 for them, and nothing is asked of the store."""
    path = put("memory", "m.txt")
    with operations():
        response = getattr(Client(), method)(path)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


# --------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100000-", 100_000, 800_000),
        ("bytes=799999-9999999", 799_999, 800_000),
        ("bytes=0-", 0, 800_000),
    ],
)
@pytest.mark.parametrize("alias", ["memory", "strict", "disk"])
def test_a_part(alias: str, asked: str, start: int, end: int) -> None:
    """One operation, which begins where the part does."""
    path = put(alias, "p.bin", LARGE)
    with operations("open_read"):
        response = get(path, range=asked)
        assert body(response) == LARGE[start:end]
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/800000"
    assert response.headers["Content-Length"] == str(end - start)


def test_a_part_is_read_from_where_it_begins() -> None:
    """Of a large file a few bytes are moved, not all that stand before them, nor all after."""
    path = put("counted", "p.bin", LARGE)
    response = get(path, range="bytes=700000-700009")
    assert body(response) == LARGE[700_000:700_010]
    assert sum(Counted.bytes_read) == 10


@pytest.mark.parametrize(
    ("alias", "asked", "cost"),
    [
        ("disk", "bytes=-10", ["open_read"]),
        ("memory", "bytes=-800000", ["open_read"]),
        ("memory", "bytes=-10", ["open_read", "open_read"]),
    ],
)
def test_the_end_of_a_file(alias: str, asked: str, cost: list[str]) -> None:
    """Where it begins is known when the file is open: a store that cannot seek is asked twice."""
    path = put(alias, "e.bin", LARGE)
    with operations(*cost):
        response = get(path, range=asked)
        assert body(response) == LARGE[int(asked.partition("=")[2]) :]
    assert response.status_code == 206


@pytest.mark.parametrize(
    ("alias", "cost"),
    [("memory", ["open_read"]), ("disk", ["open_read"]), ("strict", ["open_read", "open_read"])],
)
@pytest.mark.parametrize("asked", ["bytes=800000-", "bytes=800000-900000"])
def test_a_part_beyond_the_end(alias: str, cost: list[str], asked: str) -> None:
    """416, with the length; also where the store refuses to open there."""
    path = put(alias, "n.bin", LARGE)
    with operations(*cost):
        response = get(path, range=asked)
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */800000"
    assert response.content == b""
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("asked", ["bytes=-0", "bytes=0-", "bytes=-5"])
def test_a_part_of_nothing(asked: str) -> None:
    """An empty file has no byte 0; its end can be asked for, and is all of it."""
    response = get(put("memory", "0.bin", b""), range=asked)
    assert response.status_code == (200 if asked == "bytes=-5" else 416)
    assert body(response) == b""


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=1-2", "bytes=a", "bytes=0-799999,0-799999"])
def test_what_is_no_range_gets_the_file(asked: str) -> None:
    """200, as if the header were not there."""
    response = get(put("memory", "r.bin", LARGE), range=asked)
    assert response.status_code == 200
    assert body(response) == LARGE


@pytest.mark.parametrize("alias", ["memory", "disk"])
@pytest.mark.parametrize("step", [10, 300_000])
def test_several_parts(alias: str, step: int) -> None:
    """multipart/byteranges, of a truthful length, that the standard library can read."""
    path = put(alias, "s.bin", LARGE)
    response = get(path, range=f"bytes=5-8,{step}-{step + 9},-3")
    content = body(response)
    assert response.status_code == 206
    assert response.headers["Content-Length"] == str(len(content))
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message: Any = BytesParser(policy=HTTP).parsebytes(head + content)
    parts = message.get_payload()
    assert message.defects == []
    assert [
        (part["Content-Range"], part.get_payload(decode=True), part["Content-Type"])
        for part in parts
    ] == [
        (f"bytes {start}-{end - 1}/800000", LARGE[start:end], "application/octet-stream")
        for start, end in [(5, 9), (step, step + 10), (799_997, 800_000)]
    ]


# ---------------------------------------------------------------------- conditions


@pytest.mark.parametrize("alias", ["counted", "disk"])
def test_a_file_that_the_client_has(alias: str) -> None:
    """304 without a body, by ETag or date; one operation, whose reader is closed unread."""
    path = put(alias, "c.bin", LARGE)
    first = get(path)
    body(first)
    Counted.bytes_read.clear()
    for condition in (
        {"if_none_match": first.headers["ETag"]},
        {"if_modified_since": first.headers["Last-Modified"]},
        {"if_none_match": first.headers["ETag"], "range": "bytes=5-9"},
    ):
        with operations("open_read"):
            response = get(path, **condition)
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["ETag"] == first.headers["ETag"]
        assert response.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert "Content-Type" not in response.headers
    assert Counted.bytes_read == []
    assert Counted.opened == []
    with operations("stat"):
        headed = Client().head(path, headers={"If-None-Match": first.headers["ETag"]})
    assert headed.status_code == 304


@pytest.mark.parametrize("alias", ["memory", "disk"])
def test_a_file_that_the_client_insists_on(alias: str) -> None:
    """412 when it is another one, 200 when it is that one."""
    path = put(alias, "i.bin")
    response = get(path)
    etag = response.headers["ETag"]
    body(response)
    assert get(path, if_match=etag).status_code == 200
    assert get(path, if_match='"another"').status_code == 412
    assert get(path, if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT").status_code == 412


@pytest.mark.parametrize("alias", ["memory", "disk"])
def test_a_download_that_is_resumed(alias: str) -> None:
    """The rest of the same version, by one operation; of another one everything, from its start."""
    path = put(alias, "d.bin", LARGE)
    first = get(path)
    body(first)
    for validator in ("ETag", "Last-Modified"):
        with operations("open_read"):
            response = get(path, range="bytes=300000-", if_range=first.headers[validator])
            assert body(response) == LARGE[300_000:]
        assert response.status_code == 206
    put(alias, "d.bin", LARGE[::-1])
    response = get(path, range="bytes=300000-", if_range=first.headers["ETag"])
    assert response.status_code == 200
    assert body(response) == LARGE[::-1]
    assert "Content-Range" not in response.headers


def test_a_resumed_download_of_a_shorter_file() -> None:
    """A new version that ends before the place where the client stands is sent from its start."""
    path = put("strict", "d.bin", LARGE)
    etag = get(path).headers["ETag"]
    put("strict", "d.bin", SMALL)
    response = get(path, range="bytes=300000-", if_range=etag)
    assert (response.status_code, body(response)) == (200, SMALL)


# ----------------------------------------------------------- what happens meanwhile


def test_a_file_that_is_replaced_meanwhile() -> None:
    """A reader that breaks off goes on in the same version, or raises: never in another one."""
    path = put("counted", "x.bin", LARGE)
    storage: Any = storages["counted"]
    storage.breaks_after = 100_000
    response = get(path)
    blocks = iter(response)
    received = next(blocks)
    put("counted", "x.bin", LARGE[::-1])
    rest: list[bytes] = []
    with pytest.raises(Changed):
        rest.extend(blocks)
    received += b"".join(rest)
    assert received == LARGE[: len(received)]
    assert len(received) < 100_000
    response.close()
    assert Counted.opened == []


def test_a_store_that_breaks_off_is_asked_again() -> None:
    """From where it stood, as long as it comes on at all."""
    path = put("counted", "y.bin", LARGE)
    storage: Any = storages["counted"]
    storage.breaks_after = 100_000
    response = get(path)
    assert body(response) == LARGE


def test_a_file_that_ends_early_is_not_a_whole_one() -> None:
    """The client sees that bytes are missing: the body ends with an error, not in silence."""
    path = put("memory", "z.bin", LARGE)
    response = get(path)
    storage: Any = storages["memory"]
    blocks = iter(response)
    next(blocks)
    file = storage._files["z.bin"]
    vars(file)["content"] = LARGE[:BLOCK]
    with pytest.raises(Corrupt):
        list(blocks)
    response.close()


def test_a_client_that_goes_away() -> None:
    """The reader is given back when the server closes the response, or forgets it."""
    path = put("counted", "g.bin", LARGE)
    response = get(path)
    next(iter(response))
    assert len(Counted.opened) == 1
    response.close()
    assert Counted.opened == []
    forgotten = get(path)
    assert len(Counted.opened) == 1
    del forgotten
    gc.collect()
    assert Counted.opened == []


# -------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "name",
    [
        "..%2fsettings.py",
        "%2e%2e/settings.py",
        "a/../../x",
        "a//b",
        "/etc/passwd",
        "%2fetc/passwd",
        "a%00b",
        "a%0d%0ab",
        "..%5cx",
        "a/",
        ".",
        ".storages-0123456789abcdef.tmp",
    ],
)
@pytest.mark.parametrize("alias", ["disk", "memory", "default"])
def test_names_that_try_to_escape(alias: str, name: str) -> None:
    """404, before anything is asked of the store, also where a signature is needed."""
    with operations():
        response = get(f"/files/{alias}/{name}")
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("NotFound", 404),
        ("IsADirectory", 404),
        ("NotADirectory", 404),
        ("PermissionDenied", 403),
        ("Unavailable", 503),
        ("Timeout", 503),
        ("Changed", 503),
        ("Corrupt", 502),
        ("StorageError", 502),
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_errors_of_the_store(
    kind: str, status: int, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has its status; the client sees nothing of what the store said, the log does."""
    with caplog.at_level(logging.WARNING, "storages"):
        response = getattr(Client(), method)(f"/files/{kind}/a.txt")
    assert response.status_code == status
    assert b"secret" not in response.content
    if status != 404:
        assert "secret client trace" in caplog.text
    if status >= 500:
        assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.get("Retry-After") == ("5" if status == 503 else None)


def test_a_store_says_when_to_ask_again() -> None:
    """Its own Retry-After goes on, in whole seconds."""
    assert issubclass(type(storages["busy"]), Broken)
    assert get("/files/busy/a.txt").headers["Retry-After"] == "2"


def test_a_directory_is_no_file() -> None:
    """404, not the listing, nor an error."""
    put("disk", "dir/file.txt")
    assert get("/files/disk/dir").status_code == 404
    assert Client().head("/files/disk/dir").status_code == 404


def test_an_alias_that_is_none() -> None:
    """404, whatever is set for it."""
    assert get("/files/nobody/a.txt").status_code == 404


def test_a_storage_of_somebody_else() -> None:
    """The project is told, not the client that there is no file."""
    from django.core.exceptions import ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured, match="none of this package's"):
        get("/files/django/a.txt")


@pytest.mark.parametrize("asked", [{"range": "bytes=999999-"}, {"if_match": '"another"'}])
@pytest.mark.parametrize("alias", ["memory", "disk"])
def test_a_refusal_is_not_kept(alias: str, asked: dict[str, str]) -> None:
    """A cache that did would give one client's 412 or 416 to others, who asked for the file."""
    path = put(alias, "k.bin")
    told = {alias: {"access": "public", "cache_control": "public, max-age=3600"}}
    with override_settings(STORAGES_SERVE=told):
        refused = get(path, **asked)
        same = get(path, if_none_match=get(path).headers["ETag"])
    assert refused.status_code in {412, 416}
    assert refused.headers["Cache-Control"] == "no-store"
    assert (same.status_code, same.headers["Cache-Control"]) == (304, "public, max-age=3600")


def test_no_retry_after_is_endless() -> None:
    """A store may say what it likes; the header is a number of seconds."""
    endless = {
        "BACKEND": "tests.serving_storages.Broken",
        "OPTIONS": {"error": "Unavailable", "retry_after": float("inf")},
    }
    with override_settings(STORAGES={"busy": endless}):
        response = get("/files/busy/a.txt")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "86400")


# -------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "attachment"),
        ("a.svg", "attachment"),
        ("a.xml", "attachment"),
        ("a.js", "attachment"),
        ("a.pdf", "attachment"),
        ("a.unknown", "attachment"),
        ("a", "attachment"),
        ("a.txt", "inline"),
        ("a.png", "inline"),
        ("a.mp4", "inline"),
        ("a.mp3", "inline"),
    ],
)
def test_what_browsers_may_show(name: str, kind: str) -> None:
    """What could run is downloaded, whatever its name."""
    response = get(put("memory", name))
    assert response.headers["Content-Disposition"] == f'{kind}; filename="{name}"'


def test_the_type_is_the_stores_own() -> None:
    """What was uploaded as HTML is no picture because of its name, and is downloaded."""
    content = ContentFile(b"<script>")
    content.content_type = "text/html"  # type: ignore[attr-defined]
    storages["memory"].save("picture.png", content)
    response = get("/files/memory/picture.png")
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["Content-Disposition"].startswith("attachment")


def test_each_alias_has_its_own_headers() -> None:
    """What may be shown, how long it may be kept and what it may do are options."""
    path = put("memory", "a.pdf")
    told = {
        "access": "public",
        "inline_types": ["Application/PDF"],
        "cache_control": "max-age=60, immutable",
        "content_security_policy": "default-src 'none'",
    }
    with override_settings(STORAGES_SERVE={"memory": told}):
        response = get(path)
    assert response.headers["Content-Disposition"] == 'inline; filename="a.pdf"'
    assert response.headers["Cache-Control"] == "max-age=60, immutable"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"


class Compressing(GZipMiddleware):
    """A project's own."""


@pytest.mark.parametrize("asked", ["", "bytes=0-299999"])
@pytest.mark.parametrize(
    "gzip", ["django.middleware.gzip.GZipMiddleware", "tests.test_serving.Compressing"]
)
def test_djangos_middleware_leaves_files_as_they_are(gzip: str, asked: str) -> None:
    """Compressed, a part would be a part of something else."""
    path = put("memory", "t.txt", LARGE)
    middleware = [
        "django.middleware.security.SecurityMiddleware",
        gzip,
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    with override_settings(MIDDLEWARE=middleware, ALLOWED_HOSTS=["testserver"]):
        response = get(path, accept_encoding="gzip", **({"range": asked} if asked else {}))
        content = body(response)
    assert content == (LARGE[:300_000] if asked else LARGE)
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("max-age=60", "private, max-age=60"),
        ('max-age=60, x="private"', 'private, max-age=60, x="private"'),
        ("Private, max-age=60", "Private, max-age=60"),
        ("no-store", "no-store"),
        ("public, max-age=60", "public, max-age=60"),
    ],
)
@pytest.mark.parametrize("access", ["signed", "public"])
def test_private_files_are_for_browsers_to_keep(access: str, told: str, kept: str) -> None:
    """A proxy that keeps them would give them to others, unless the project says so itself."""
    put("memory", "a.txt")
    place = {"access": access, "cache_control": told}
    with override_settings(STORAGES_SERVE={"memory": place}):
        response = get(signing.link("memory", "a.txt"))
    assert response.headers["Cache-Control"] == (told if access == "public" else kept)


def test_what_a_reader_calls_its_file_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a file on this disk is read past its reader; not what some reader decrypts."""
    path = put("memory", "f.bin", LARGE)
    storage: Any = storages["memory"]
    begin = storage._open_reader

    def begun(*args: Any, **given: Any) -> Any:
        reader = begin(*args, **given)
        vars(reader)["file"] = io.BytesIO(b"?" * len(LARGE))
        return reader

    monkeypatch.setattr(storage, "_open_reader", begun)
    assert body(get(path)) == LARGE


# ---------------------------------------------------------------------------- access


def test_private_is_the_default() -> None:
    """Without a signature 403, whether there is such a file or not, and the store is not asked."""
    put("default", "secret.txt")
    with operations():
        statuses = {get(f"/files/default/{name}").status_code for name in ("secret.txt", "no.txt")}
    assert statuses == {403}
    with override_settings(STORAGES_SERVE={}):
        assert get(put("memory", "a.txt")).status_code == 403


@pytest.mark.parametrize("hook", ["allowed", "allowed_later", "decorated", "guard"])
@pytest.mark.parametrize("told", [None, {}, {"access": "permission"}])
def test_permission(hook: str, told: dict[str, str] | None) -> None:
    """The function is asked with the name that the store gets; the path needs no signature."""
    put("memory", "d/p.txt")
    with override_settings(
        STORAGES_SERVE={"memory": told} if told is not None else {},
        STORAGES_SERVE_PERMISSION=f"tests.test_serving.{hook}",
    ):
        url = storages["memory"].url("d/p.txt")
        assert url == "/files/memory/d/p.txt"
        with operations():
            assert get(url).status_code == 403
            assert get(url, x_password="memory:d").status_code == 403
        assert get(url, x_password="memory:d/p.txt").content == SMALL
        # The same file by another spelling of its name is asked for by its name.
        assert get("/files/memory/d%5Cp.txt", x_password="memory:d/p.txt").content == SMALL
        assert get("/files/memory/d%5Cp.txt", x_password="memory:d\\p.txt").status_code == 403


def test_permission_of_one_alias() -> None:
    """A function of its own, for one storage."""
    put("memory", "p.txt")
    with override_settings(STORAGES_SERVE={"memory": {"permission": allowed}}):
        assert get("/files/memory/p.txt").status_code == 403
        response = get("/files/memory/p.txt", x_password="memory:p.txt")
    assert response.content == SMALL
    assert response.headers["Cache-Control"] == "private, no-cache"


# -------------------------------------------------------------------------- fallback


@pytest.mark.parametrize("absolute", [False, True])
def test_a_fallback(absolute: bool, tmp_path: Path) -> None:
    """A file of this machine is sent for one that is not there, of its own type and version."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "none.gif").write_bytes(b"GIF89a")
    told = str(tmp_path / "media" / "none.gif") if absolute else "none.gif"
    with override_settings(STORAGES_SERVE={"memory": {"access": "public", "fallback": told}}):
        response = get("/files/memory/missing.png")
        assert body(response) == b"GIF89a"
        assert body(get(put("memory", "there.png"))) == SMALL
        (tmp_path / "media" / "none.gif").unlink()
        assert get("/files/memory/missing.png").status_code == 404
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Content-Disposition"] == 'inline; filename="none.gif"'


@pytest.mark.parametrize("missing", [True, False])
def test_a_fallback_is_asked_for_again(missing: bool, tmp_path: Path) -> None:
    """However long files may be kept: the file that is missing may come."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "none.gif").write_bytes(b"GIF89a")
    told = {"access": "public", "fallback": "none.gif", "cache_control": "max-age=9, immutable"}
    path = put("memory", "k.png")
    with override_settings(STORAGES_SERVE={"memory": told}):
        response = get("/files/memory/missing.png" if missing else path)
    kept = "public, no-cache" if missing else "max-age=9, immutable"
    assert response.headers["Cache-Control"] == kept
    body(response)


# ------------------------------------------------------------------------------ WSGI


def environ(path: str, **more: Any) -> dict[str, Any]:
    """What a WSGI server gives, with a way to send files by itself."""
    return {**RequestFactory().get(path).environ, **more}


class Sent(FileWrapper):
    """Notes what a server could send by its descriptor."""

    def __init__(self, file: Any, block: int) -> None:
        super().__init__(file, block)
        self.file, self.block = file, block


def test_a_server_may_send_a_file_by_itself() -> None:
    """A whole file on this disk goes to ``wsgi.file_wrapper``, with a descriptor, at its start.

    What the server closes in the end is the response, and with it the file.
    """
    path = put("disk", "w.bin", LARGE)
    finished: list[object] = []
    result: Any = WSGIHandler()(environ(path, **{"wsgi.file_wrapper": Sent}), lambda *_: None)
    assert isinstance(result, Sent)
    file: Any = result.file
    descriptor = file.fileno()
    assert os.path.samestat(os.fstat(descriptor), Path(storages["disk"].path("w.bin")).stat())
    assert file.tell() == 0
    assert result.block == BLOCK
    assert b"".join(result) == LARGE
    request_finished.connect(lambda **_: finished.append(1), weak=False, dispatch_uid="test")
    try:
        result.close()
    finally:
        request_finished.disconnect(dispatch_uid="test")
    assert finished == [1]
    with pytest.raises(ValueError, match="closed file"):
        file.fileno()


def test_a_server_sends_as_much_as_was_announced() -> None:
    """Of a file that grows its old length; of one that was cut less, and then it fails."""
    path = put("disk", "w.bin", LARGE)
    file = Path(storages["disk"].path("w.bin"))
    given = {"wsgi.file_wrapper": Sent}
    longer: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    with file.open("ab") as other:
        other.write(b"more")
    assert b"".join(longer) == LARGE
    longer.close()
    shorter: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    os.truncate(file, 100_000)
    with pytest.raises(Corrupt):
        list(shorter)
    shorter.close()


@pytest.mark.parametrize("left", [0, 100_000])
@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_server_that_sends_a_file_by_itself_notices_its_end(left: int, meanwhile: bool) -> None:
    """``socket.sendfile`` does not: it would go on with the next answer on the same connection."""
    path = put("disk", "w.bin", LARGE)
    result: Any = WSGIHandler()(environ(path, **{"wsgi.file_wrapper": Sent}), lambda *_: None)
    name = storages["disk"].path("w.bin")
    if not meanwhile:
        os.truncate(name, left)
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        theirs.settimeout(20)

        def taken() -> int:
            count = len(theirs.recv(1))
            os.truncate(name, left)
            while block := theirs.recv(BLOCK):
                count += len(block)
            return count

        counted = pool.submit(taken)
        try:
            with pytest.raises(Corrupt):
                ours.sendfile(result.file, offset=0, count=len(LARGE))
        finally:
            ours.close()
        assert counted.result() < len(LARGE)
    result.close()


@pytest.mark.parametrize("given", [{"wsgi.file_wrapper": Sent}, {}])
def test_a_middleware_may_change_what_is_streamed(given: dict[str, Any]) -> None:
    """What a server then sends is that, not the file."""
    path = put("disk", "w.txt", b"small" * BLOCK)
    with override_settings(MIDDLEWARE=["tests.test_serving.in_capitals"]):
        result: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    assert b"".join(result) == b"SMALL" * BLOCK
    result.close()


@pytest.mark.parametrize(
    ("alias", "content", "asked"),
    [("disk", LARGE, "bytes=1-"), ("disk", SMALL, ""), ("disk", b"", ""), ("memory", LARGE, "")],
)
def test_a_server_sends_no_part_by_itself(alias: str, content: bytes, asked: str) -> None:
    """Some servers take the file's length from the file."""
    path = put(alias, "w.bin", content)
    given: dict[str, Any] = {"wsgi.file_wrapper": Sent, **({"HTTP_RANGE": asked} if asked else {})}
    result: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    assert not isinstance(result, Sent)
    assert b"".join(result) == (content[1:] if asked else content)
    result.close()
