"""URLs of Cloud Files: the CDN's, signed ones, plain ones; fetched where that is possible."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import urls
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Make, making
from tests.servers.rackspace import KEY, USER, Published, Rackspace
from tests.servers.swift import Swift

SIGNING_KEY = "a-key-of-the-container"


server = cloudfiles.server


@pytest.fixture
def container(server: Swift) -> str:
    """A new container, which knows a key."""
    return server.new_container(X_Container_Meta_Temp_URL_Key=SIGNING_KEY)


@pytest.fixture
def make(container: str) -> Iterator[Make]:
    """Makes storages of the new container, with an ``a b/c.txt``."""
    with making(container) as make:
        make().save("a b/c.txt", ContentFile(b"abc"))
        yield make


@pytest.fixture
def rackspace(server: Swift) -> Iterator[Rackspace]:
    """An account with a CDN."""
    urls.forget_edges()
    with Rackspace(server) as rackspace:
        yield rackspace


@pytest.fixture
def make_rackspace(make: Make, rackspace: Rackspace) -> Make:
    """Makes storages of that account."""
    return lambda **more: make(username=USER, api_key=KEY, auth_url=f"{rackspace.url}/v2.0", **more)


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes, Any]:
    """Return what a plain client gets."""
    try:
        request = urllib.request.Request(url, data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


# ---------------------------------------------------------------------- TempURL


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_a_signed_url_opens_the_file(make: Make, digest: str) -> None:
    """Anybody can read the file with it, by GET and HEAD; without it nobody can."""
    storage = make(temp_url_key=SIGNING_KEY, temp_url_digest=digest)
    url = storage.url("a b/c.txt")
    status, body, headers = fetch(url)
    assert (status, body) == (200, b"abc")
    assert headers["Content-Disposition"] == "inline"
    assert fetch(url, "HEAD")[0] == 200
    assert fetch(url.partition("?")[0])[0] == 401


def test_a_signed_url_opens_nothing_else(make: Make) -> None:
    """Another name, another method, another time and a changed signature are refused."""
    storage = make(temp_url_key=SIGNING_KEY)
    storage.save("other.txt", ContentFile(b"other"))
    url = storage.url("a b/c.txt")
    until = parse_qs(urlsplit(url).query)["temp_url_expires"][0]
    assert fetch(url.replace("a%20b/c.txt", "other.txt"))[0] == 401
    assert fetch(url, "PUT", b"x")[0] == 401
    assert fetch(url, "DELETE")[0] == 401
    assert fetch(url.replace(until, str(int(until) + 1)))[0] == 401
    assert fetch(make(temp_url_key="another key").url("a b/c.txt"))[0] == 401


def test_a_signed_url_expires(make: Make) -> None:
    """It is refused when its time is over."""
    storage = make(temp_url_key=SIGNING_KEY)
    url = storage.url("a b/c.txt", expire=2)
    assert fetch(url)[0] == 200
    until = time.monotonic() + 30
    while fetch(url)[0] != 401:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_signed_url_is_the_same_for_a_while(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within its window url() gives one URL, which lives at least three quarters of its life."""
    storage = make(temp_url_key=SIGNING_KEY, temp_url_expire=1000)
    storage.url("a")
    start = 1_800_000_000 // 250 * 250
    found = []
    for moment in (start, start + 249, start + 250):
        monkeypatch.setattr(time, "time", lambda moment=moment: float(moment))
        found.append(storage.url("a"))
    monkeypatch.undo()
    assert found[0] == found[1] != found[2]
    assert parse_qs(urlsplit(found[1]).query)["temp_url_expires"] == [str(start + 1000)]
    never = make(temp_url_key=SIGNING_KEY, temp_url_window=0)
    ends = [int(parse_qs(urlsplit(never.url("a")).query)["temp_url_expires"][0]) - time.time()]
    assert 3590 < ends[0] <= 3600


def test_a_download_has_a_name(make: Make) -> None:
    """With download_as browsers store the file under that name."""
    storage = make(temp_url_key=SIGNING_KEY)
    _, body, headers = fetch(storage.url("a b/c.txt", download_as='ü "x".pdf'))
    assert body == b"abc"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "%C3%BC%20%22x%22.pdf" in headers["Content-Disposition"]


def test_a_disposition_of_the_file_counts(make: Make) -> None:
    """What the file was stored with is not overruled."""
    disposition = 'attachment; filename="mine.txt"'
    storage = make(temp_url_key=SIGNING_KEY, object_headers={"Content-Disposition": disposition})
    name = storage.save("d.txt", ContentFile(b"abc"))
    assert fetch(storage.url(name))[2]["Content-Disposition"] == disposition


def test_a_url_to_upload_to(make: Make) -> None:
    """http_method signs for another method: anybody may PUT the file."""
    storage = make(temp_url_key=SIGNING_KEY)
    assert fetch(storage.url("new.txt", http_method="PUT"), "PUT", b"theirs")[0] == 201
    assert storage.size("new.txt") == 6


def test_what_needs_a_signature_needs_a_key(make: Make) -> None:
    """Without a key there is no URL that expires, and none for a negative time."""
    with pytest.raises(ValueError, match="CLOUDFILES_TEMP_URL_KEY"):
        make().url("a", expire=10)
    with pytest.raises(ValueError, match="-1"):
        make(temp_url_key=SIGNING_KEY).url("a", expire=-1)


def test_the_key_is_never_shown(make: Make) -> None:
    """The key is in no URL, repr or migration."""
    storage = make(temp_url_key=SIGNING_KEY)
    shown = storage.url("a") + repr(storage) + repr(storage.deconstruct())
    assert SIGNING_KEY not in shown


# -------------------------------------------------------------------- plain URLs


def test_no_cdn(make: Make, server: Swift, container: str) -> None:
    """CF-5: an account without a CDN is no error: base_url counts, else where Swift has it."""
    account, _ = server.credentials()
    assert make().url("a b/c.txt") == f"{account}/{container}/a%20b/c.txt"
    assert make(public=True).url("a") == f"{account}/{container}/a"
    base = make(base_url="https://m.example/files")
    assert base.url("a b/c.txt") == "https://m.example/files/a%20b/c.txt"


def test_quoting(make: Make) -> None:
    """CF-6: names are quoted, whatever they hold; they lead nowhere else."""
    base = make(base_url="https://m.example/")
    assert base.url("a/b c.txt") == "https://m.example/a/b%20c.txt"
    storage = make(temp_url_key=SIGNING_KEY)
    assert "/%3Fq%23%25.txt?temp_url_sig=" in storage.url("?q#%.txt")
    for name in ("../x", "/x", "a/../../x"):
        with pytest.raises(SuspiciousFileOperation):
            storage.url(name)


# -------------------------------------------------------------------------- CDN


def test_a_container_on_the_cdn(make_rackspace: Make, rackspace: Rackspace, container: str) -> None:
    """Its files have the CDN's URLs, which anybody can fetch; the CDN is asked once."""
    rackspace.cdn[container] = Published(enabled=True, ttl=900)
    storage = make_rackspace()
    url = storage.url("a b/c.txt")
    assert url.startswith(f"{rackspace.url}/edge/")
    assert url.endswith("/a%20b/c.txt")
    assert fetch(url)[:2] == (200, b"abc")
    rackspace.asked.clear()
    assert make_rackspace().url("a b/c.txt") == url
    assert rackspace.asked == []
    # What must be signed is not the CDN's to answer.
    assert "temp_url_sig" in make_rackspace(temp_url_key=SIGNING_KEY).url("a", expire=9)


def test_ssl(make_rackspace: Make, rackspace: Rackspace, container: str) -> None:
    """CF-4: with CLOUDFILES_SSL the CDN's https address is taken."""
    rackspace.cdn[container] = Published(enabled=True, ttl=900)
    assert make_rackspace(ssl=True).url("a").startswith("https://127.0.0.1:")
    assert make_rackspace(ssl=False).url("a").startswith("http://127.0.0.1:")


def test_a_container_is_not_made_public_by_itself(
    make_rackspace: Make, rackspace: Rackspace, container: str, server: Swift
) -> None:
    """1.1.4 did that at the first access. Now the CDN is only asked, and not told."""
    storage = make_rackspace()
    assert storage.url("a").startswith(server.credentials()[0])
    assert {method for method, path in rackspace.asked if path.startswith("/cdn")} == {"HEAD"}
    assert rackspace.cdn == {}
    signed = make_rackspace(temp_url_key=SIGNING_KEY)
    assert fetch(signed.url("a b/c.txt"))[:2] == (200, b"abc")
    rackspace.cdn[container] = Published(enabled=False, ttl=900)
    urls.forget_edges()
    assert "/edge/" not in make_rackspace().url("a")


def test_public(make_rackspace: Make, rackspace: Rackspace, container: str) -> None:
    """CLOUDFILES_PUBLIC makes the container public, with a TTL that the CDN takes."""
    kwargs = {"cdn_log_retention": True}
    storage = make_rackspace(public=True, connection_kwargs=kwargs)
    assert fetch(storage.url("a b/c.txt"))[:2] == (200, b"abc")
    # 600 seconds, the default, is less than the CDN takes.
    assert rackspace.cdn == {container: Published(enabled=True, ttl=900, log=True)}
    make_rackspace(public=True, ttl=7200).url("a")
    assert rackspace.cdn[container].ttl == 7200
    rackspace.cdn[container].enabled = False
    urls.forget_edges()
    make_rackspace(public=True, ttl=7200).url("a")
    assert rackspace.cdn[container].enabled


def test_a_child_of_a_fork_asks_the_cdn(
    make_rackspace: Make, rackspace: Rackspace, container: str
) -> None:
    """A thread of the parent that asked it at the fork does not hold up the child."""
    rackspace.cdn[container] = Published(enabled=True, ttl=900)
    storage = make_rackspace()
    with urls._asking:
        child = os.fork()
        if not child:
            try:
                signal.alarm(60)
                os._exit(0 if storage.url("a.txt").startswith("http") else 2)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
