"""FTP: the location and the other options, what is shown of them, the checks."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from storages.backends.ftp import FTPStorage, FTPStorageException, FTPStorageFile
from storages.backends.ftp.location import Location, parse, without_password
from storages.errors import NoURL, OptionError, StorageError
from storages.files import StorageFile
from storages.redact import redacted

VECTORS: dict[str, Location] = {
    "ftp://user:pass@host:2121/path": Location("host", 2121, "/path", "user", "pass"),
    "aftp://user:pass@host:2121/path": Location("host", 2121, "/path", "user", "pass", active=True),
    "ftps://user:pass@host:2121/path": Location(
        "host", 2121, "/path", "user", "pass", tls="explicit"
    ),
    "aftps://user:pass@host/": Location(
        "host", 21, "/", "user", "pass", active=True, tls="explicit"
    ),
    "ftpes://user:pass@host": Location("host", 21, "", "user", "pass", tls="explicit"),
    "aftpes://user:pass@host": Location(
        "host", 21, "", "user", "pass", active=True, tls="explicit"
    ),
    "FTPS://user@host:990/x": Location("host", 990, "/x", "user", tls="implicit"),
    "ftpes://user@host:990/x": Location("host", 990, "/x", "user", tls="explicit"),
    "ftp://host": Location("host", 21, ""),
    "ftp://host/": Location("host", 21, "/"),
    "ftp://host:/a": Location("host", 21, "/a"),
    "ftp://host/a/b/": Location("host", 21, "/a/b"),
    "ftp://host//a//b//": Location("host", 21, "/a/b"),
    "ftp://host/a%20b c?d#e@f:g": Location("host", 21, "/a%20b c?d#e@f:g"),
    "ftp://user@host": Location("host", 21, "", "user"),
    "ftp://user:@host": Location("host", 21, "", "user"),
    "ftp://:pass@host": Location("host", 21, "", "anonymous", "pass"),
    "ftp://us%40er:p%40ss%2F%3A%2541@host": Location("host", 21, "", "us@er", "p@ss/:%41"),
    "ftp://user@example.com:p@ss@host": Location("host", 21, "", "user@example.com", "p@ss"),
    "ftp://user:a:b?c#d@host": Location("host", 21, "", "user", "a:b?c#d"),
    "ftp://u:p@[::1]:2121/x": Location("::1", 2121, "/x", "u", "p"),
    "ftp://[fe80::1%25eth0]": Location("fe80::1%25eth0", 21, ""),
}
REFUSED = {
    "ftp:///x": "names no host",
    "ftp://": "names no host",
    "ftp://user:secret@/x": "names no host",
    "http://host/": "none of",
    "sftp://user:secret@host/": "none of",
    "host/path": "form",
    "": "needs the option 'location'",
    "ftp://user:secret@host:port/": "port",
    "ftp://user:secret@host:0/": "port",
    "ftp://user:secret@host:65536/": "port",
    "ftp://user:secret@host:²1/": "port",
    "ftp://user:sec/ret@host/": "port",  # an unquoted slash ends the host
    "ftp://user:secret%0d%0aDELE x@host/": "control character",
    "ftp://user%00:secret@host/": "control character",
    "ftp://user:secret@host/a\r\nDELE b": "control character",
}


@pytest.mark.parametrize("url", VECTORS)
def test_location(url: str) -> None:
    """A location's parts: user and password decoded, the path as it is, defaults for the rest."""
    assert parse(url) == VECTORS[url]
    assert FTPStorage(url).place.location == VECTORS[url]


@pytest.mark.parametrize("url", REFUSED)
def test_a_location_that_cannot_be_is_refused(url: str) -> None:
    """The constructor says what is wrong, and never shows the password."""
    with pytest.raises(ImproperlyConfigured, match=REFUSED[url]) as caught:
        FTPStorage(location=url)
    assert isinstance(caught.value, OptionError)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text())
def test_any_text_is_a_location_or_is_refused(text: str) -> None:
    """Nothing but ValueError is raised, and no password is shown."""
    found = ""
    try:
        parse(f"ftp://user:{text}@host")
    except ValueError as error:
        found = str(error)
    assert len(text) < 6 or text not in found


@pytest.mark.parametrize(
    ("url", "tls", "expected"),
    [
        ("ftp://h", "explicit", ("explicit", 21)),
        ("ftp://h", "implicit", ("implicit", 990)),
        ("ftps://h", "implicit", ("implicit", 990)),
        ("ftps://h:2121", "implicit", ("implicit", 2121)),
        ("ftps://h:990", "explicit", ("explicit", 990)),
    ],
)
def test_tls_overrules_the_scheme(url: str, tls: str, expected: tuple[str, int]) -> None:
    """Implicit TLS has a port of its own, which needs no option."""
    location = FTPStorage(url, tls=tls).place.location
    assert (location.tls, location.port) == expected


@pytest.mark.parametrize(
    ("option", "value"),
    [("tls", "on"), ("timeout", 0), ("idle", -1), ("encoding", "no-such"), ("allow_overwrite", 1)],
)
def test_options_of_wrong_values_are_refused(option: str, value: object) -> None:
    """Each is named."""
    with pytest.raises(OptionError, match=option):
        FTPStorage("ftp://h", **{option: value})


def test_the_location_is_mandatory() -> None:
    """The error names the setting."""
    with pytest.raises(ImproperlyConfigured, match="FTP_STORAGE_LOCATION"):
        FTPStorage()


@override_settings(
    FTP_STORAGE_LOCATION="ftp://user:secret@host:21/from-settings",
    FTP_STORAGE_ENCODING="latin-1",
    FTP_ALLOW_OVERWRITE=True,
    BASE_URL="https://files.example/",
    MEDIA_URL="/media/",
)
def test_settings_of_other_releases() -> None:
    """Those of 1.1.4 and of django-storages 1.14 make the storage; arguments win."""
    storage = FTPStorage()
    assert storage.place.location.path == "/from-settings"
    assert storage.place.encoding == "latin-1"
    assert storage.overwrites
    assert storage.url("a b.txt") == "https://files.example/a%20b.txt"
    other = FTPStorage(
        location="ftp://elsewhere/", encoding="utf-8", base_url="/x/", allow_overwrite=False
    )
    assert other.place.location.host == "elsewhere"
    assert (other.place.encoding, other.overwrites, other.url("a")) == ("utf-8", False, "/x/a")


@override_settings(FTP_STORAGE_LOCATION="ftp://host/", MEDIA_URL="/media/")
def test_the_originals_arguments() -> None:
    """``FTPStorage(location=None, base_url=None)``: None leaves it to the settings."""
    assert FTPStorage(None, None).url("a") == "/media/a"
    assert FTPStorage("ftp://other/", "/b").url("a") == "/b/a"
    assert FTPStorage(None).place.location.host == "host"
    with pytest.raises(NoURL):
        FTPStorage(base_url=None).url("a")
    with pytest.raises(TypeError, match="by position"):
        FTPStorage("ftp://h", "/", "utf-8")


def test_ftp_8_urls_are_quoted() -> None:
    """FTP-8: the original left the space as it is."""
    storage = FTPStorage("ftp://h", base_url="/media/")
    assert storage.url("a/b c.txt") == "/media/a/b%20c.txt"
    assert storage.url("ü?#:%.txt") == "/media/%C3%BC%3F%23%3A%25.txt"


def test_the_password_may_stand_by_itself() -> None:
    """It wins over the one in the location."""
    url = "ftp://user:p%41ss@host/"
    assert FTPStorage(url).password == "pAss"
    assert FTPStorage("ftp://user@host/").password == ""
    with override_settings(FTP_STORAGE_PASSWORD="p%41ss"):
        assert FTPStorage(url).place.password == "p%41ss"
        assert FTPStorage(url, password="given").place.password == "given"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://user:pass@host:21/x", "ftp://user@host:21/x"),
        ("ftp://user:p@ss:w@host/", "ftp://user@host/"),
        ("ftp://user@host/", "ftp://user@host/"),
        ("ftp://host/a:b@c", "ftp://host/a:b@c"),
        ("no url: secret", "***"),
    ],
)
def test_a_location_without_its_password(url: str, expected: str) -> None:
    """Host, user and path may be seen."""
    assert without_password(url) == expected


def test_the_password_is_not_shown() -> None:
    """By repr and deconstruct, nor in texts that pass through the storage."""
    storage = FTPStorage("ftp://user:p%40ss-word@host/x", base_url="/m/")
    path, args, kwargs = storage.deconstruct()
    assert (path, args) == ("storages.backends.ftp.FTPStorage", [])
    assert kwargs == {"location": "ftp://user@host/x", "base_url": "/m/"}
    assert repr(storage) == "FTPStorage(base_url='/m/', location='ftp://user@host/x')"
    assert "ss-word" not in repr(storage.place)
    text = "530 for p@ss-word (p%40ss-word) on host"
    assert redacted(text, storage) == "530 for *** (***) on host"
    alone = FTPStorage("ftp://user@host/x", password="p@ss-word")
    assert alone.deconstruct()[2] == {"location": "ftp://user@host/x"}
    assert redacted(text, alone) == "530 for *** (***) on host"


def test_a_storage_pickles_with_its_options() -> None:
    """Connections stay behind."""
    storage = FTPStorage("ftp://user:secret@host/x")
    assert len(storage._pool) == 0
    copy = pickle.loads(pickle.dumps(storage))
    assert copy.place == storage.place
    assert "_pools" not in vars(copy)


def test_what_the_module_offers() -> None:
    """The names of 1.1.4; its one exception is the base of all errors here."""
    assert FTPStorageException is StorageError
    assert issubclass(FTPStorageException, OSError)
    assert issubclass(FTPStorageFile, StorageFile)


def test_a_directory_that_is_called_like_a_lock_is_refused() -> None:
    """It would not be shown, and might be removed."""
    storage = FTPStorage("ftp://host")
    reserved = ".storages-0123456789abcdef.tmp/x"
    one: list[Callable[[str], Any]] = [
        storage.exists,
        storage.open,
        storage.delete,
        storage.listdir,
        storage.stat,
    ]
    for attempt in one:
        with pytest.raises(SuspiciousFileOperation, match="reserved"):
            attempt(reserved)
    two: list[Callable[[str, str], Any]] = [storage.copy, storage.move]
    for transfer in two:
        for names in ((reserved, "y"), ("y", reserved)):
            with pytest.raises(SuspiciousFileOperation, match="reserved"):
                transfer(*names)


def messages(location: str, **options: Any) -> list[str]:
    """Return the ids of what the checks say."""
    return [str(m.id) for m in FTPStorage(location, **options).check("default")]


@pytest.mark.parametrize(
    ("location", "options", "expected"),
    [
        ("ftps://u:p@h", {}, []),
        ("ftps://u:p@h", {"tls_verify": False}, ["storages.W021"]),
        ("ftp://u:p@h", {"tls": "implicit", "tls_verify": False}, ["storages.W021"]),
        ("ftp://u:p@h", {"tls": "explicit"}, []),
        ("ftp://u:p@h", {}, ["storages.W022"]),
        ("ftp://u:p@h", {"tls_verify": False}, ["storages.W022"]),
        ("ftp://u@h", {"password": "p"}, ["storages.W022"]),
        ("ftp://h", {}, []),
        ("ftp://u:p@localhost", {}, []),
        ("ftp://u:p@127.0.0.2", {}, []),
        ("ftp://u:p@[::1]", {}, []),
        ("ftp://u:p@192.0.2.1", {}, ["storages.W022"]),
    ],
)
def test_checks(location: str, options: dict[str, Any], expected: list[str]) -> None:
    """W021: certificates are not verified. W022: a password crosses a network in clear text."""
    assert messages(location, **options) == expected


def test_checks_show_the_host_and_no_password() -> None:
    """They name the storage and say what to do."""
    (message,) = FTPStorage("ftp://u:secret@ftp.example").check("media")
    assert "STORAGES['media']" in str(message.msg)
    assert "ftp.example" in str(message.msg)
    assert "secret" not in str(message)
    assert "ftps://" in str(message.hint)
