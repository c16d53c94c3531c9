"""Letting others send the bytes: which header says what, and that no name can say more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client, override_settings

from storages import signing
from storages.testing import MemoryStorage, recorded_operations
from storages.testing.names import ODD_NAMES

NAME = "d/ä ?#%;\"'.txt"
STORED = "/protected/d/%C3%A4%20%3F%23%25%3B%22%27.txt"


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site whose storages are of all kinds."""
    MemoryStorage(place="e").clear()
    cache.clear()
    ours = "tests.serving_storages"
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        MEDIA_ROOT=str(tmp_path / "media"),
        STORAGES={
            "default": {"BACKEND": "storages.testing.MemoryStorage"},
            "disk": {
                "BACKEND": "storages.local.LocalStorage",
                "OPTIONS": {"location": str(tmp_path / "disk")},
            },
            "e": {"BACKEND": f"{ours}.Elsewhere", "OPTIONS": {"place": "e"}},
            "plain": {"BACKEND": f"{ours}.Plain", "OPTIONS": {"place": "e"}},
            "media": {
                "BACKEND": "storages.testing.MemoryStorage",
                "OPTIONS": {"base_url": "/media/", "place": "e"},
            },
            "mogile": {
                "BACKEND": f"{ours}.Mogile",
                "OPTIONS": {"domain": "d", "trackers": ["t:1"]},
            },
        },
    ):
        for alias in ("disk", "e"):
            storages[alias].save(NAME, ContentFile(b"content"))
        yield


def served(alias: str, name: str = NAME, method: str = "get", **told: Any) -> Any:
    """Ask for a file of an alias that is served so."""
    with override_settings(STORAGES_SERVE={alias: told}):
        return getattr(Client(), method)(signing.link(alias, name))


def test_nginx_sends_from_its_disk() -> None:
    """X-Accel-Redirect names an internal location and the file, encoded; the store is not asked."""
    with recorded_operations() as found:
        response = served("disk", offload="x-accel-redirect", location="/protected")
    assert found == []
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["X-Accel-Redirect"] == STORED
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Content-Disposition"].startswith("inline; filename=")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in response.headers


@pytest.mark.parametrize("odd", ODD_NAMES.values(), ids=ODD_NAMES)
@pytest.mark.parametrize("method", ["x-accel-redirect", "x-sendfile"])
def test_names_say_nothing_else(odd: str, method: str) -> None:
    """Whatever a file is called: one header of ASCII, which decodes to that one file."""
    told = {"location": "/p/"} if method == "x-accel-redirect" else {}
    response = served("disk", odd, offload=method, **told)
    value = response.headers[method]
    assert value.isascii()
    assert value.isprintable()
    assert not set(value) & set(" ?#\"';")
    root = "/p/" if told else f"{storages['disk'].path('x')[:-1]}"
    assert unquote(value) == root + odd


@pytest.mark.parametrize("name", ["../x", "..%2fx", "a%0d%0aX-Evil: 1", "a//b"])
def test_names_that_try_to_escape(name: str) -> None:
    """They get no further than elsewhere."""
    told = {"access": "public", "offload": "x-accel-redirect", "location": "/p/"}
    with override_settings(STORAGES_SERVE={"disk": told}):
        response = Client().get(f"/files/disk/{name}")
    assert response.status_code == 404
    assert "X-Accel-Redirect" not in response.headers


def test_nginx_fetches_from_the_store() -> None:
    """The store's own URL goes in a header that nginx does not decode, as it is."""
    response = served("e", offload="x-accel-redirect", location="/upstream/", upstream=True)
    assert response.headers["X-Accel-Redirect"] == "/upstream/"
    url = response.headers["X-Storages-Upstream"]
    assert url == storages["e"].url(NAME)
    assert "%2B" in url


def test_a_web_server_sends_by_path() -> None:
    """X-Sendfile names the file on the disk, encoded: Apache and lighttpd decode it."""
    response = served("disk", offload="x-sendfile")
    assert unquote(response.headers["X-Sendfile"]) == storages["disk"].path(NAME)


def test_clients_are_sent_to_the_store() -> None:
    """302, which nobody may keep; a type that is not safe is given a name to be stored as."""
    response = served("e", offload="redirect")
    assert response.status_code == 302
    assert response.headers["Location"] == storages["e"].url(NAME)
    assert response.headers["Cache-Control"] == "private, no-store"
    stored = served("e", "x y.html", offload="redirect").headers["Location"]
    assert stored == "https://store.example/x%20y.html?signature=a/b%2B&as=x%20y.html"
    with override_settings(STORAGES_SERVE={"e": {"offload": "redirect"}}):
        url = signing.link("e", NAME, disposition="attachment", filename="ü.txt")
        assert Client().get(url).headers["Location"].endswith("&as=%C3%BC.txt")


def test_who_cannot_name_files_sends_only_what_is_shown() -> None:
    """What is to be stored, the view sends; others need no name, for the view's headers stand."""
    storages["plain"].save("x.html", ContentFile(b"<script>"))
    there = "https://store.example/x.html"
    here = served("plain", "x.html", offload="redirect")
    assert (here.status_code, here.content) == (200, b"<script>")
    assert here.headers["Content-Disposition"] == 'attachment; filename="x.html"'
    assert served("plain", NAME, offload="redirect").status_code == 302
    told: dict[str, Any] = {"offload": "x-accel-redirect", "location": "/u/", "upstream": True}
    assert served("plain", "x.html", **told).headers["X-Storages-Upstream"] == there
    perlbal = served("plain", "x.html", offload="x-reproxy-url")
    assert perlbal.headers["X-REPROXY-URL"] == there


def test_clients_are_sent_to_another_path() -> None:
    """A redirect may lead to this host; what fetches files itself needs to know the host."""
    assert served("media", "x.txt", offload="redirect").headers["Location"] == "/media/x.txt"
    for told in ({"offload": "x-reproxy-url"}, {"offload": "x-accel-redirect", "upstream": True}):
        more = {"location": "/u/"} if "upstream" in told else {}
        assert served("media", NAME, **told, **more).status_code == 502


def test_perlbal_gets_all_copies() -> None:
    """And the size that they have to have."""
    with recorded_operations() as found:
        response = served("mogile", "two.gif", offload="x-reproxy-url")
    assert [event.operation for event in found] == ["get_paths"]
    assert response.headers["X-REPROXY-URL"] == (
        "http://10.0.0.1:7500/dev1/0/000/7.fid http://10.0.0.2:7500/dev2/0/000/7.fid"
    )
    assert response.headers["X-REPROXY-EXPECTED-SIZE"] == "9"
    assert response.headers["Content-Type"] == "image/gif"
    assert response.content == b""
    assert served("mogile", "no.gif", offload="x-reproxy-url").status_code == 404
    assert served("mogile", "none.gif", offload="x-reproxy-url").status_code == 503


def test_perlbal_gets_the_url_of_other_stores() -> None:
    """Any URL of http or https will do."""
    response = served("e", offload="x-reproxy-url")
    assert response.headers["X-REPROXY-URL"] == storages["e"].url(NAME)
    assert response.headers["X-REPROXY-EXPECTED-SIZE"] == "7"


@pytest.mark.parametrize(
    "told",
    [
        {"offload": "redirect"},
        {"offload": "x-reproxy-url"},
        {"offload": "x-accel-redirect", "location": "/u/", "upstream": True},
    ],
)
def test_head_is_answered_here(told: dict[str, Any]) -> None:
    """A signed URL is for GET; one operation."""
    with recorded_operations() as found:
        response = served("e", method="head", **told)
    assert [event.operation for event in found] == ["stat"]
    assert response.status_code == 200
    assert response.headers["Content-Length"] == "7"


def test_a_fallback_takes_an_operation(tmp_path: Path) -> None:
    """Whether it is needed has to be asked; without one, the web server tells what is missing."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "no.gif").write_bytes(b"GIF")
    told = {"offload": "x-accel-redirect", "location": "/p/", "fallback": "no.gif"}
    with recorded_operations() as found:
        assert "X-Accel-Redirect" in served("disk", **told).headers
    assert [event.operation for event in found] == ["stat"]
    assert served("disk", "missing.gif", **told).content == b"GIF"


def test_who_has_no_url_sends_nobody_away() -> None:
    """502, and the log says what to change."""
    assert served("default", "x.txt", offload="redirect").status_code == 502
    told: dict[str, Any] = {"offload": "x-accel-redirect", "location": "/u/", "upstream": True}
    assert served("default", "x.txt", **told).status_code == 502


def test_no_permission_no_header() -> None:
    """Nothing of where a file is reaches those who may not have it."""
    told = {"offload": "x-accel-redirect", "location": "/p/"}
    with override_settings(STORAGES_SERVE={"disk": told}):
        response = Client().get("/files/disk/x.txt")
    assert response.status_code == 403
    assert "X-Accel-Redirect" not in response.headers


# ---------------------------------------------------------------- the view of 1.1.4


def test_the_view_for_mogilefs() -> None:
    """Without Perlbal it sends the file; HEAD and parts are as everywhere."""
    response = Client().get("/mogile/two.gif")
    assert (response.status_code, response.content) == (200, b"from node")
    assert response.headers["Content-Type"] == "image/gif"
    assert Client().get("/mogile/two.gif", headers={"Range": "bytes=5-"}).content == b"node"
    assert Client().head("/mogile/two.gif").headers["Content-Length"] == "9"
    assert Client().get("/mogile/no.gif").status_code == 404
    assert Client().get("/mogile/").status_code == 404
    assert Client().get("/mogile/../x").status_code == 404
    assert Client().post("/mogile/two.gif").status_code == 405


def test_the_view_for_mogilefs_with_perlbal() -> None:
    """It names the copies, remembers them for a while, and sends an empty file by itself."""
    with override_settings(SERVE_WITH_PERLBAL=True):
        with recorded_operations() as found:
            first = Client().get("/mogile/two.gif")
            second = Client().get("/mogile/two.gif")
        assert [event.operation for event in found] == ["get_paths"]
        assert first.headers["X-REPROXY-URL"] == second.headers["X-REPROXY-URL"]
        assert first.headers["X-REPROXY-URL"].count("http://") == 2
        assert first.headers["X-REPROXY-EXPECTED-SIZE"] == "9"
        assert Client().get("/mogile/no.gif").status_code == 404
        assert Client().get("/mogile/none.gif").status_code == 503
        empty = Client().get("/mogile/empty.gif")
        assert (empty.status_code, empty.content) == (200, b"")
        assert "X-REPROXY-URL" not in empty.headers
        headed = Client().head("/mogile/two.gif")
        assert headed.headers["Content-Length"] == "9"
        assert "X-REPROXY-URL" not in headed.headers
