"""Perlbal before the site: it fetches the files that the site names from MogileFS's nodes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests

from tests.servers.mogile import MogileFS
from tests.servers.perlbal import Perlbal, reproxying
from tests.servers.process import shared
from tests.servers.web import WebServer
from tests.serving.asking import ask
from tests.serving.project import KINDS, PROJECT, Site

CONTENT = random.Random(13).randbytes(700_000)
NAMES = ["plain.bin", "a b/100%.bin", "nä?h#.bin", "a+b&c=d;e.bin"]


@pytest.fixture(scope="module")
def cluster() -> MogileFS:
    """The trackers and three nodes."""
    return shared(MogileFS)


@pytest.fixture(scope="module")
def domain(cluster: MogileFS) -> str:
    """Where the files are, each twice."""
    return cluster.new_domain()


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, site: Site, cluster: MogileFS, domain: str
) -> Iterator[WebServer]:
    """What stands behind Perlbal."""
    options = {
        "domain": domain,
        "trackers": cluster.addresses,
        "mogile_class": "two",
        "serve_with_perlbal": True,
    }
    told = {**site.environment, "SERVING_MOGILEFS": json.dumps(options)}
    with KINDS[request.param](PROJECT, **told) as server:
        yield server


@pytest.fixture(scope="module")
def perlbal(server: WebServer) -> Iterator[Perlbal]:
    """The proxy of each."""
    with Perlbal(reproxying(server.port)) as perlbal:
        yield perlbal


def put(server: WebServer, cluster: MogileFS, name: str) -> str:
    """Store a file, on two nodes; return its name."""
    answer = requests.put(f"{server.url}/put/mogile/{quote(name)}", data=CONTENT, timeout=60)
    answer.raise_for_status()
    cluster.settle()
    return answer.text


@pytest.mark.parametrize("path", ["/files/mogile/", "/mogilefs/"])
@pytest.mark.parametrize("name", NAMES)
def test_perlbal_fetches_from_the_nodes(
    server: WebServer, perlbal: Perlbal, cluster: MogileFS, path: str, name: str
) -> None:
    """By either view: the client gets the file, the site sent none of it, the header is gone."""
    stored = quote(put(server, cluster, name))
    status, told, body = ask(perlbal, path + stored)
    assert (status, body) == (200, CONTENT)
    assert told["Content-Type"] == "application/octet-stream"
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["X-REPROXY-URL"] is None
    assert server.requests()[-1]["body"] == 0
    status, told, body = ask(perlbal, path + stored, "HEAD")
    assert (status, told["Content-Length"], body) == (200, str(len(CONTENT)), b"")


def test_perlbal_takes_another_copy(
    server: WebServer, perlbal: Perlbal, cluster: MogileFS, domain: str
) -> None:
    """All copies are named: with one of them lost, on whichever node, the file still comes."""
    name = put(server, cluster, "copies.bin")
    copies = cluster.replicas(domain, name)
    assert len(copies) == 2
    for copy in copies.values():
        away = copy.with_suffix(".away")
        copy.rename(away)
        try:
            assert ask(perlbal, f"/files/mogile/{name}")[::2] == (200, CONTENT)
        finally:
            away.rename(copy)


def test_a_missing_file_is_not_found(perlbal: Perlbal) -> None:
    """The site says so."""
    for path in ("/files/mogile/", "/mogilefs/"):
        assert ask(perlbal, f"{path}missing.bin")[0] == 404


def test_a_file_that_is_gone_while_its_places_are_remembered(
    server: WebServer, perlbal: Perlbal, cluster: MogileFS, domain: str
) -> None:
    """The view of 1.1.4 remembers them for a minute: 503 when trackers have deleted the bytes."""
    name = put(server, cluster, "deleted.bin")
    assert ask(perlbal, f"/mogilefs/{name}")[::2] == (200, CONTENT)
    cluster.ask("delete", domain=domain, key=name)
    cluster.settle()
    assert ask(perlbal, f"/mogilefs/{name}")[0] == 503
    assert ask(perlbal, f"/files/mogile/{name}")[0] == 404


@pytest.mark.parametrize(
    ("wanted", "first"), [("bytes=600000-", 600_000), ("bytes=-100", 699_900), ("bytes=0-", 0)]
)
def test_parts_come_from_the_site(
    server: WebServer, perlbal: Perlbal, cluster: MogileFS, wanted: str, first: int
) -> None:
    """A node that is Perlbal too takes the last bytes for the first: it is not asked."""
    url = "/files/mogile/" + put(server, cluster, "parts.bin")
    status, told, body = ask(perlbal, url, headers={"Range": wanted})
    assert (status, body) == (206, CONTENT[first:])
    assert told["Content-Range"] == f"bytes {first}-699999/{len(CONTENT)}"
    newer = {"Range": wanted, "If-Range": '"another version"'}
    assert ask(perlbal, url, headers=newer)[::2] == (200, CONTENT)
    assert ask(perlbal, url, headers={"Range": "bytes=700000-"})[0] == 416


def test_perlbal_cannot_fetch_what_is_signed_for_a_host(
    site: Site, server: WebServer, perlbal: Perlbal
) -> None:
    """It tells the store the client's Host, for which the URL of S3 was not signed."""
    site.put_once("reproxy-s3", "perlbal.bin", CONTENT)
    path = "/files/reproxy-s3/perlbal.bin"
    assert ask(perlbal, path)[0] == 503
    assert ask(server, path)[1]["X-REPROXY-URL"].startswith(f"http://127.0.0.1:{site.s3.port}/")
