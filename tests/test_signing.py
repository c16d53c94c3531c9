"""Links to private files: what they open, for how long, and what is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from storages import signing
from storages.errors import NoURL
from storages.testing import MemoryStorage, recorded_operations

NAME = "d/ä b.txt"


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with private storages, and a file in each."""
    memory = "storages.testing.MemoryStorage"
    for place in ("", "a", "b"):
        MemoryStorage(place=place).clear()
    with override_settings(
        ROOT_URLCONF="tests.urls_serving",
        SECRET_KEY="the key",
        STORAGES={
            "default": {"BACKEND": memory},
            "a": {"BACKEND": memory, "OPTIONS": {"place": "a"}},
            "b": {"BACKEND": memory, "OPTIONS": {"place": "b"}},
            "public": {"BACKEND": memory, "OPTIONS": {"place": "b", "base_url": "/media/"}},
            "disk": {
                "BACKEND": "storages.local.LocalStorage",
                "OPTIONS": {"location": str(tmp_path), "base_url": "/disk/"},
            },
        },
    ):
        for alias in ("default", "a", "b"):
            storages[alias].save(NAME, ContentFile(alias.encode()))
            storages[alias].save("other.txt", ContentFile(b"other"))
        yield


def changed(url: str, **query: str | None) -> str:
    """The URL with other parameters; None takes one away."""
    path, _, text = url.partition("?")
    merged = {**dict(parse_qsl(text)), **query}
    return f"{path}?{urlencode({name: value for name, value in merged.items() if value})}"


def status(url: str, method: str = "get") -> int:
    """What a request is answered with."""
    code: int = getattr(Client(), method)(url).status_code
    return code


def test_a_link_opens_its_file() -> None:
    """One operation of the store, for GET and for HEAD; the browser alone may keep it."""
    url = signing.link("a", NAME)
    with recorded_operations() as found:
        response = Client().get(url)
    assert (response.status_code, response.content) == (200, b"a")
    assert [event.operation for event in found] == ["open_read"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert status(url, "head") == 200


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_was_changed_is_refused(method: str) -> None:
    """Each part of a link is signed; with 403, and the store is not asked."""
    url = signing.link("a", NAME, disposition="attachment", filename="x.txt")
    assert status(url, method) == 200
    expires = int(parse_qs(urlsplit(url).query)["expires"][0])
    signature = parse_qs(urlsplit(url).query)["signature"][0]
    tampered = [
        changed(url, expires=str(expires + 1)),
        changed(url, expires="0" + str(expires)[1:]),
        changed(url, expires=None),
        changed(url, expires="never"),
        changed(url, expires="9" * 4000),
        changed(url, expires=str(expires) + " "),
        changed(url, expires="\u0661"),
        changed(url, disposition=None),
        changed(url, disposition="inline"),
        changed(url, filename="y.txt"),
        changed(url, filename=None),
        changed(url, signature=None),
        changed(url, signature=signature[:-1]),
        changed(url, signature=signature.swapcase()),
        changed(url, signature="ä:x"),
        changed(url, signature=signature + ":" + signature),
        url.replace("/a/", "/b/"),
        url.replace("/d/", "/e/"),
        url.replace(".txt?", ".txt/x?"),
        url.replace("%20b.txt", "%20b.tx"),
        url.replace(urlsplit(url).path, "/files/a/other.txt"),
    ]
    with recorded_operations() as found:
        assert [status(each, method) for each in tampered] == [403] * len(tampered)
    assert found == []


def test_what_is_not_ours_does_not_matter() -> None:
    """Parameters that others add to links are passed over."""
    assert status(changed(signing.link("a", NAME), utm_source="mail")) == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_link_is_for_reading(method: str) -> None:
    """Other methods are refused, whatever is signed."""
    assert status(signing.link("a", NAME), method) == 405


def test_a_link_for_head_does_not_give_the_file() -> None:
    """It tells of the file only."""
    url = signing.link("a", NAME, method="HEAD")
    assert status(url, "head") == 200
    assert status(url) == 403


def test_a_link_expires() -> None:
    """At the moment that it names, and not before."""
    with mock.patch("time.time", return_value=1_000_000.0):
        url = signing.link("a", NAME, expire=100)
    expires = int(parse_qs(urlsplit(url).query)["expires"][0])
    assert 1_000_075 <= expires <= 1_000_100
    with mock.patch("storages.signing.time.time", return_value=expires - 0.1):
        assert status(url) == 200
    with mock.patch("storages.signing.time.time", return_value=float(expires)):
        assert status(url) == 403


@given(st.integers(1, 10**6), st.none() | st.integers(0, 10**6), st.integers(10**9, 2 * 10**9))
def test_how_long_a_link_lives(life: int, window: int | None, now: int) -> None:
    """At most as long as was said, and at least three quarters of that."""
    told = {"a": {"window": window}} if window is not None else {}
    with (
        override_settings(STORAGES_SERVE=told, ROOT_URLCONF="tests.urls_serving"),
        mock.patch("time.time", return_value=float(now)),
    ):
        url = signing.link("a", NAME, expire=life)
    lives = int(parse_qs(urlsplit(url).query)["expires"][0]) - now
    assert 0.75 * life <= lives <= life


def test_a_link_stays_the_same_for_a_while() -> None:
    """So that browsers can keep what it leads to: a quarter of its life, or what is set."""
    links = set()
    for second in range(1_000_000, 1_003_600, 60):
        with mock.patch("time.time", return_value=float(second)):
            links.add(signing.link("a", NAME))
    assert 4 <= len(links) <= 5
    with override_settings(STORAGES_SERVE={"a": {"window": 0, "expire": 60}}):
        with mock.patch("time.time", return_value=1_000_000.0):
            first = signing.link("a", NAME)
        with mock.patch("time.time", return_value=1_000_001.0):
            assert signing.link("a", NAME) != first
        assert parse_qs(urlsplit(first).query)["expires"] == ["1000060"]


def test_keys_can_be_changed() -> None:
    """Links of an old key open files as long as it is among SECRET_KEY_FALLBACKS."""
    url = signing.link("a", NAME)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["x", "the key"]):
        assert status(url) == 200
        assert signing.link("a", NAME) != url
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert status(url) == 403


def test_a_signature_of_something_else_is_none() -> None:
    """Django's other signers use the same key for other things."""
    from django.core.signing import Signer

    url = signing.link("a", NAME)
    expires = parse_qs(urlsplit(url).query)["expires"][0]
    value = signing.Link(int(expires)).signed("a", NAME, "GET")
    for salt in ("django.core.signing.Signer", "django.contrib.sessions", ""):
        assert status(changed(url, signature=Signer(salt=salt).signature(value))) == 403


def test_what_a_link_says_of_the_name() -> None:
    """To be stored, under another name; what it is called cannot leave the header."""
    url = signing.link("a", NAME, disposition="attachment", filename='Bericht "ü"\r\n.txt')
    shown = Client().get(url).headers["Content-Disposition"]
    assert shown.startswith('attachment; filename="Bericht ')
    assert "filename*=UTF-8''Bericht%20%22%C3%BC%22__.txt" in shown
    inline = Client().get(signing.link("a", NAME, filename="x.txt")).headers
    assert inline["Content-Disposition"] == 'inline; filename="x.txt"'


def test_a_link_cannot_make_a_page_of_a_file() -> None:
    """``inline`` is obeyed for types that are safe, and does nothing for others."""
    storages["a"].save("x.html", ContentFile(b"<script>"))
    url = signing.link("a", "x.html", disposition="inline", filename="x.png")
    headers = Client().get(url).headers
    assert headers["Content-Disposition"] == 'attachment; filename="x.png"'
    assert headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    "wrong",
    [
        {"alias": "nobody"},
        {"expire": 0},
        {"expire": -5},
        {"expire": timedelta(milliseconds=1)},
        {"expire": float("inf")},
        {"expire": float("nan")},
        {"expire": 10**15},
        {"method": "POST"},
        {"disposition": "form-data"},
    ],
)
def test_links_that_make_no_sense(wrong: dict[str, Any]) -> None:
    """They are refused where they are made."""
    given = {"alias": "a", "name": NAME, **wrong}
    with pytest.raises(ValueError, match=r"STORAGES|expire|link"):
        signing.link(**given)


@pytest.mark.parametrize("name", ["../x", "/x", "", "a//b", "a\nb", "a/"])
def test_names_that_are_none_are_not_signed(name: str) -> None:
    """Nobody gets a link that leads elsewhere."""
    with pytest.raises(SuspiciousFileOperation):
        signing.link("a", name)


# ------------------------------------------------------------------------------- url()


def test_a_storage_without_urls_gives_links() -> None:
    """Also by the default storage's proxy, by copies and in other processes; nothing is asked."""
    storage = storages["a"]
    url = signing.link("a", NAME)
    with recorded_operations() as found:
        assert storage.url(NAME) == url
        assert copy.copy(storage).url(NAME) == url
        assert pickle.loads(pickle.dumps(storage)).url(NAME) == url
        assert MemoryStorage(place="a").url(NAME) == url
        assert default_storage.url(NAME) == signing.link("default", NAME)
    assert found == []
    assert Client().get(storage.url(NAME)).content == b"a"


def test_odd_names_have_links() -> None:
    """Whatever can be stored can be linked to."""
    from storages.testing.names import ODD_NAMES

    for number, odd in enumerate(ODD_NAMES.values()):
        name = storages["a"].save(f"{number}/{odd}", ContentFile(b"%d" % number))
        url = storages["a"].url(name)
        assert url.isascii()
        assert Client().get(url).content == b"%d" % number, url


def test_a_storage_that_is_not_in_storages_has_no_links() -> None:
    """It has no alias by which the view would find it; nor has one that was changed since."""
    with pytest.raises(NoURL):
        MemoryStorage(place="c").url(NAME)
    moved = MemoryStorage(place="a")
    moved.place = "c"
    with pytest.raises(NoURL):
        moved.url(NAME)


class Tenant(MemoryStorage):
    """A project's own storage, which keeps what makes it another where nobody sees it."""

    def __init__(self, tenant: str = "", **given: Any) -> None:
        super().__init__(**given)
        self._tenant = tenant


def test_a_storage_that_differs_in_private_has_no_links_of_another() -> None:
    """A subclass may take arguments that are no options."""
    anna = {"BACKEND": f"{__name__}.Tenant", "OPTIONS": {"tenant": "anna"}}
    with override_settings(STORAGES={"anna": anna}):
        url = signing.link("anna", NAME)
        assert storages["anna"].url(NAME) == url
        assert Tenant(tenant="anna").url(NAME) == url
        assert pickle.loads(pickle.dumps(storages["anna"])).url(NAME) == url
        with pytest.raises(NoURL):
            Tenant(tenant="bert").url(NAME)


def test_a_broken_alias_does_not_stop_the_others() -> None:
    """One that cannot be made is none of theirs."""
    from django.conf import settings

    broken = {"BACKEND": "storages.testing.MemoryStorage", "OPTIONS": {"plaec": "x"}}
    with override_settings(STORAGES={"broken": broken, **settings.STORAGES}):
        assert storages["a"].url(NAME) == signing.link("a", NAME)


class Picky(MemoryStorage):
    """A project's own storage, which fails in its own way."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.place == "elsewhere":
            raise LookupError("There is no such place.")


def test_an_alias_that_fails_in_its_own_way_does_not_stop_the_others() -> None:
    """Whatever its constructor raises is raised to those who use it."""
    kind = f"{__name__}.Picky"
    places = {"broken": "elsewhere", "whole": "here"}
    told = {alias: {"BACKEND": kind, "OPTIONS": {"place": at}} for alias, at in places.items()}
    with override_settings(STORAGES=told):
        with pytest.raises(LookupError):
            storages["broken"]
        assert storages["whole"].url(NAME) == signing.link("whole", NAME)


def test_without_the_urlconf_there_are_no_links() -> None:
    """As before: the file is not accessible via a URL."""
    with override_settings(ROOT_URLCONF="django.contrib.auth.urls"):
        with pytest.raises(NoURL, match="not accessible via a URL"):
            storages["a"].url(NAME)
        with pytest.raises(NoURL, match=r"storages\.urls"):
            signing.link("a", NAME)


def test_without_any_urlconf_there_are_no_links() -> None:
    """A project without URLs is one, too."""
    with override_settings():
        from django.conf import settings

        del settings.ROOT_URLCONF  # type: ignore[misc] # that of the tests has none
        with pytest.raises(NoURL, match="not accessible via a URL"):
            storages["a"].url(NAME)


@pytest.mark.parametrize("name", ["", "d/"])
def test_directories_have_no_links(name: str) -> None:
    """There is nothing to serve."""
    with pytest.raises(NoURL):
        storages["a"].url(name)


def test_public_storages_keep_their_urls() -> None:
    """Unless STORAGES_SERVE says that the view is to give them, in so many words."""
    assert storages["public"].url("x.txt") == "/media/x.txt"
    assert storages["disk"].url("x.txt") == "/disk/x.txt"
    told = {"disk": {"urls": True}, "a": {"urls": False}, "public": {"access": "signed"}}
    with override_settings(STORAGES_SERVE=told):
        assert storages["disk"].url("x.txt") == signing.link("disk", "x.txt")
        assert storages["public"].url("x.txt") == "/media/x.txt"
        with pytest.raises(NoURL):
            storages["a"].url(NAME)
    with (
        override_settings(STORAGES_SERVE=told, ROOT_URLCONF="django.contrib.auth.urls"),
        pytest.raises(NoURL, match=r"storages\.urls"),
    ):
        storages["disk"].url("x.txt")


def test_public_access_needs_no_signature() -> None:
    """The link of a public storage is the path alone, and stays so for ever."""
    with override_settings(STORAGES_SERVE={"a": {"access": "public"}}):
        url = storages["a"].url(NAME)
        assert url == "/files/a/d/%C3%A4%20b.txt"
        assert status(url) == 200
        # A signature that is there has to be right all the same.
        assert status(f"{url}?signature=x") == 403


def test_files_of_models_have_links() -> None:
    """``FieldFile.url`` is ``storage.url``."""
    from django.db.models.fields.files import FieldFile, FileField

    file = FieldFile(mock.Mock(), FileField(storage=storages["a"]), NAME)
    assert file.url == signing.link("a", NAME)
