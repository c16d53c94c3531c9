"""Serving files: who gets none and why, and the file that is sent in place of a missing one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.http import HttpRequest
from django.test import Client, override_settings

from tests.serving_site import SMALL, body, get, operations, put, site
from tests.serving_storages import Broken


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


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages."""
    with site(tmp_path):
        yield


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
        STORAGES_SERVE_PERMISSION=f"tests.test_serving_refusals.{hook}",
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
