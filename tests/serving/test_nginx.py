"""nginx before the site: it sends the files itself, from the disk or from S3."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests

from tests.servers.beside import ROOT
from tests.servers.nginx import Nginx
from tests.servers.process import HOST
from tests.servers.web import WebServer
from tests.serving.asking import ask
from tests.serving.project import KINDS, Site

CONTENT = random.Random(11).randbytes(900_000)
NAMES = [
    "plain.bin",
    "a b/100%.bin",
    "näch?ste#.bin",
    "%2e%2e.bin",
    "a+b&c=d;e.bin",
    "ü/'\"[x].bin",
]
PICTURE = "a picture.png"
DOCUMENTED = ROOT / "docs" / "serving.rst"
SITE = "location / {{ proxy_pass http://{host}:{port}; proxy_set_header Host $http_host; }}"


def configuration(site: Site, port: int) -> str:
    """What the documentation shows, for this site: its files, and no names to be resolved."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    blocks = re.findall(r"code-block:: nginx\n\n((?: {4}.*\n|\n)+)", text)
    assert len(blocks) == 2
    shown = "".join(blocks).replace("/srv/project/media/", f"{site.root}/protected/")
    shown = re.sub(r"resolver .*;", "", shown)
    assert str(site.root) in shown
    return SITE.format(host=HOST, port=port) + shown


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, site: Site) -> WebServer:
    """What stands behind nginx."""
    return site.server(request.param)


@pytest.fixture(scope="module")
def nginx(site: Site, server: WebServer) -> Iterator[Nginx]:
    """The proxy of each."""
    with Nginx(configuration(site, server.port)) as nginx:
        yield nginx


def link(nginx: Nginx, alias: str, name: str) -> str:
    """The URL that the site gives for a file."""
    status, _, body = ask(nginx, f"/link/{alias}/{quote(name)}")
    assert status == 200
    return body.decode()


@pytest.mark.parametrize("alias", ["accel", "accel-s3"])
@pytest.mark.parametrize("name", NAMES)
def test_nginx_sends_the_file(
    site: Site, server: WebServer, nginx: Nginx, alias: str, name: str
) -> None:
    """Whole and in parts, whatever its name; the site answers with no byte of it."""
    site.put_once(alias, name, CONTENT)
    url = link(nginx, alias, name)
    assert ask(nginx, url)[::2] == (200, CONTENT)
    status, told, body = ask(nginx, url, headers={"Range": "bytes=800000-"})
    assert (status, body) == (206, CONTENT[800_000:])
    assert told["Content-Range"] == f"bytes 800000-899999/{len(CONTENT)}"
    assert [each["body"] for each in server.requests()[-2:]] == [0, 0]


@pytest.mark.parametrize("alias", ["accel", "accel-s3"])
def test_what_the_site_says_of_the_file_arrives(site: Site, nginx: Nginx, alias: str) -> None:
    """Its type, its name, what browsers may do with it; and nothing of where it came from."""
    site.put_once(alias, PICTURE, CONTENT)
    status, told, _ = ask(nginx, link(nginx, alias, PICTURE))
    assert status == 200
    assert told.get_all("Content-Type") == ["image/png"]
    assert told.get_all("Content-Disposition") == [f'inline; filename="{PICTURE}"']
    assert told.get_all("X-Content-Type-Options") == ["nosniff"]
    assert "sandbox" in told["Content-Security-Policy"]
    assert len(told.get_all("Cache-Control") or []) == 1
    for name in ("X-Storages-Upstream", "X-Accel-Redirect"):
        assert told[name] is None


def test_what_the_store_says_of_the_file_does_not_arrive(site: Site, nginx: Nginx) -> None:
    """A stranger's page stays one that is stored, also if the store takes it for a page."""
    site.put_once("accel-s3", "page.html", b"<script>alert(1)</script>")
    bucket = json.loads(site.environment["SERVING_S3"])["bucket_name"]
    client = site.storage.client()
    try:
        client.copy_object(
            Bucket=bucket,
            Key="page.html",
            CopySource={"Bucket": bucket, "Key": "page.html"},
            ContentType="image/svg+xml",
            ContentDisposition="inline",
            MetadataDirective="REPLACE",
        )
    finally:
        client.close()
    status, told, _ = ask(nginx, link(nginx, "accel-s3", "page.html"))
    assert status == 200
    assert told.get_all("Content-Type") == ["text/html"]
    assert told.get_all("Content-Disposition") == ['attachment; filename="page.html"']
    assert told["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("alias", ["accel", "accel-s3"])
def test_head_and_conditions_are_answered(site: Site, nginx: Nginx, alias: str) -> None:
    """HEAD tells of the file; what a client knows already is not sent again."""
    site.put_once(alias, PICTURE, CONTENT)
    url = link(nginx, alias, PICTURE)
    status, told, body = ask(nginx, url, "HEAD")
    assert (status, told["Content-Length"], body) == (200, str(len(CONTENT)), b"")
    _, told, _ = ask(nginx, url)
    known = {"If-None-Match": told["ETag"]}
    assert ask(nginx, url, headers=known)[::2] == (304, b"")
    part = {"Range": "bytes=5-9", "If-Range": told["ETag"]}
    assert ask(nginx, url, headers=part)[::2] == (206, CONTENT[5:10])


def test_the_file_cannot_be_had_past_the_site(site: Site, nginx: Nginx) -> None:
    """Without a link the site refuses; the internal locations are for nobody outside."""
    site.put_once("accel", PICTURE, CONTENT)
    path = quote(PICTURE)
    assert ask(nginx, f"/files/accel/{path}")[0] == 403
    assert ask(nginx, link(nginx, "accel", PICTURE).replace("signature=", "signature=x"))[0] == 403
    assert ask(nginx, f"/protected/{path}")[0] == 404
    assert ask(nginx, "/upstream/")[0] == 404
    for name in ("..%2fdb.sqlite3", "%2e%2e/db.sqlite3", "../db.sqlite3"):
        assert ask(nginx, f"/files/accel/{name}")[0] == 404


@pytest.mark.parametrize("alias", ["accel", "accel-s3"])
def test_a_missing_file_is_not_found(nginx: Nginx, alias: str) -> None:
    """By nginx, or by the store that it asks: the site did not look."""
    assert ask(nginx, link(nginx, alias, "missing.bin"))[0] == 404


def test_the_site_may_send_clients_to_the_store(site: Site, nginx: Nginx) -> None:
    """302 to a signed URL of the store, which is not to be kept; the store answers to it."""
    site.put_once("redirect-s3", "elsewhere.png", CONTENT)
    status, told, body = ask(nginx, link(nginx, "redirect-s3", "elsewhere.png"))
    assert (status, body) == (302, b"")
    assert "no-store" in told["Cache-Control"]
    assert told["Location"].startswith(f"http://{HOST}:{site.s3.port}/")
    answer = requests.get(told["Location"], headers={"Range": "bytes=0-9"}, timeout=60)
    assert (answer.status_code, answer.content) == (206, CONTENT[:10])
