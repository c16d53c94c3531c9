"""What is peculiar to IPFS, on js-ipfs; the acceptance cases by their numbers."""

from __future__ import annotations

import io
import secrets
import urllib.request
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from storages import checks
from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.errors import IsADirectory, OptionError, Unavailable
from storages.retry import NO_RETRY
from tests.servers import shared
from tests.servers.js_ipfs import JsIPFS
from tests.servers.process import free_port

CONTENT = b"hello world"
CID = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
PUBLIC = "https://ipfs.io/ipfs"
LOCAL = "http://localhost:8080/ipfs"


@pytest.fixture
def node() -> JsIPFS:
    """The node."""
    return shared(JsIPFS)


@pytest.fixture
def storage(node: JsIPFS) -> Iterator[InterPlanetaryFileSystemStorage]:
    """A storage that uses it."""
    with InterPlanetaryFileSystemStorage(node.url, node.gateway, read_timeout=10) as made:
        yield made


def unique(size: int = 100) -> bytes:
    """Content that nobody has saved."""
    return secrets.token_bytes(size)


def read(storage: InterPlanetaryFileSystemStorage, name: str) -> bytes:
    """Read a file to its end."""
    with storage.open(name) as file:
        return bytes(file.read())


def test_ipfs_1_equal_content_has_one_name(storage: InterPlanetaryFileSystemStorage) -> None:
    """IPFS-1: content saved twice has one name, whatever was asked for: that of version 0."""
    assert storage.save("a.txt", ContentFile(CONTENT)) == CID
    assert storage.save("d/b.txt", ContentFile(CONTENT)) == CID
    assert (
        storage.get_valid_name("a b?.txt") == storage.get_available_name("a b?.txt") == "a b?.txt"
    )


@pytest.mark.parametrize("path", ["", "/", "/ipfs", "/ipfs/"])
def test_ipfs_2_gateway_vectors(path: str) -> None:
    """IPFS-2: with and without /ipfs and slashes, a gateway gives the same URL."""
    storage = InterPlanetaryFileSystemStorage(gateway_url=f"http://localhost:8080{path}")
    assert storage.url(CID) == f"{LOCAL}/{CID}"


GATEWAYS: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, PUBLIC),
    "a multiaddr": ({"STORAGE_GATEWAY_URL": "/ip4/localhost/tcp/8080"}, LOCAL),
    "of all addresses": (
        {"GATEWAY_API_URL": "/ip4/0.0.0.0/tcp/8080"},
        "http://127.0.0.1:8080/ipfs",
    ),
    "a URL before a multiaddr": (
        {"STORAGE_GATEWAY_URL": "/ip4/1.2.3.4/tcp/1", "GATEWAY_API_URL": "http://b.example"},
        "http://b.example/ipfs",
    ),
    "of two URLs": (
        {"STORAGE_GATEWAY_URL": "http://a.example", "GATEWAY_API_URL": "http://b.example"},
        "http://a.example/ipfs",
    ),
    "of two multiaddrs": (
        {"STORAGE_GATEWAY_URL": "/ip4/1.2.3.4/tcp/1", "GATEWAY_API_URL": "/ip4/1.2.3.5/tcp/2"},
        "http://1.2.3.4:1/ipfs",
    ),
    "the newest": (
        {
            "STORAGE_GATEWAY_API_URL": "/dns4/c.example/tcp/443/https",
            "STORAGE_GATEWAY_URL": "http://a.example",
            "GATEWAY_API_URL": "http://b.example",
        },
        "https://c.example:443/ipfs",
    ),
}


@pytest.mark.parametrize("case", GATEWAYS)
def test_ipfs_2_which_setting_counts(case: str) -> None:
    """IPFS-2: a URL goes over what one of the originals had as the address to listen on."""
    told, expected = GATEWAYS[case]
    with override_settings(**{f"IPFS_{name}": value for name, value in told.items()}):
        assert InterPlanetaryFileSystemStorage().url(CID) == f"{expected}/{CID}"
        given = InterPlanetaryFileSystemStorage(gateway_url="https://d.example")
        assert given.url(CID) == f"https://d.example/ipfs/{CID}"


def test_gateways_with_the_cid_in_the_host() -> None:
    """A template puts the CID where it says; a path into a directory follows it."""
    storage = InterPlanetaryFileSystemStorage(gateway_url="https://{cid}.ipfs.dweb.link/")
    assert storage.url(CID) == f"https://{CID}.ipfs.dweb.link"
    assert storage.url(f"{CID}/a b?.txt") == f"https://{CID}.ipfs.dweb.link/a%20b%3F.txt"


def test_ipfs_3_the_readme_s_settings() -> None:
    """IPFS-3: the settings of the newest README work as they stand there."""
    with override_settings(
        IPFS_STORAGE_API_URL="/ip4/0.0.0.0/tcp/5001",
        IPFS_GATEWAY_API_URL="/ip4/0.0.0.0/tcp/8080",
        IPFS_STORAGE_GATEWAY_URL="/ip4/localhost/tcp/8080",
        IPFS_STORAGE_GATEWAY_API_URL="http://localhost:8080/ipfs",
    ):
        storage = InterPlanetaryFileSystemStorage()
        assert storage.api_url == "http://127.0.0.1:5001/api/v0"
        assert storage.url(CID) == f"{LOCAL}/{CID}"


def test_ipfs_4_the_settings_of_0_0_4() -> None:
    """IPFS-4: the settings of the README of release 0.0.4 work as they stand there."""
    with override_settings(
        IPFS_STORAGE_API_URL="http://localhost:5001/api/v0/",
        IPFS_STORAGE_GATEWAY_URL="https://ipfs.io/ipfs/",
    ):
        storage = InterPlanetaryFileSystemStorage()
        assert storage.api_url == "http://localhost:5001/api/v0"
        assert storage.url(CID) == f"{PUBLIC}/{CID}"


@pytest.mark.parametrize("form", ["{url}", "{url}/", "{url}/api/v0", "/ip4/127.0.0.1/tcp/{port}"])
def test_every_form_of_address_works(node: JsIPFS, form: str) -> None:
    """A node is reached by a URL or a multiaddr, in settings as in arguments."""
    address = form.format(url=node.url, port=node.port)
    with (
        override_settings(IPFS_STORAGE_API_URL=address),
        InterPlanetaryFileSystemStorage() as storage,
    ):
        assert storage.exists("")


@pytest.mark.parametrize(
    "address",
    ["/ip4/1.2.3.4", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/99999", "/unix/x", "ftp://x", "x"],
)
def test_other_addresses_are_refused(address: str) -> None:
    """What is no address is refused when the storage is made, and the option named."""
    with pytest.raises(OptionError, match="api_url"):
        InterPlanetaryFileSystemStorage(address)


def test_ipfs_5_no_node() -> None:
    """IPFS-5: without a node a storage is made, and only what asks the node fails."""
    with InterPlanetaryFileSystemStorage(f"http://127.0.0.1:{free_port()}") as storage:
        storage.retry = NO_RETRY
        assert storage.url(CID) == f"{PUBLIC}/{CID}"
        for question in (storage.exists, storage.size, storage.open, storage.delete):
            with pytest.raises(Unavailable):
                question(CID)
        with pytest.raises(Unavailable):
            storage.exists("")


def test_ipfs_6_the_node_s_configuration(node: JsIPFS) -> None:
    """IPFS-6: nothing changes the node's configuration (test_cost counts the commands)."""
    before = node.ask("config/show")
    settings = {"IPFS_STORAGE_GATEWAY_URL": "/ip4/localhost/tcp/8080"}
    with (
        override_settings(IPFS_STORAGE_API_URL=node.url, **settings),
        InterPlanetaryFileSystemStorage() as storage,
    ):
        storage.save("a.txt", ContentFile(unique()))
    assert node.ask("config/show") == before


def test_ipfs_7_content_read_half(storage: InterPlanetaryFileSystemStorage) -> None:
    """IPFS-7: content that was read half is stored whole."""
    data = unique(1000)
    content = ContentFile(data)
    content.read(500)
    assert read(storage, storage.save("a.bin", content)) == data


def test_ipfs_8_text(storage: InterPlanetaryFileSystemStorage) -> None:
    """IPFS-8: text is stored as UTF-8."""
    assert storage.save("a.txt", ContentFile("hello world")) == CID
    assert read(storage, storage.save("a.txt", ContentFile("é\r\n"))) == "é\r\n".encode()


def test_ipfs_9_size(storage: InterPlanetaryFileSystemStorage) -> None:
    """IPFS-9: the size of 11 bytes is 11, and that of a large file is its own as well."""
    assert storage.size(storage.save("a.txt", ContentFile(CONTENT))) == 11
    assert storage.size(storage.save("a.bin", ContentFile(unique(600_000)))) == 600_000


@pytest.mark.parametrize("size", [0, 11, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_version_1(node: JsIPFS, size: int) -> None:
    """Version 1 gives names of 59 characters, in base32, and the same content."""
    with InterPlanetaryFileSystemStorage(node.url, node.gateway, cid_version=1) as storage:
        data = unique(size)
        name = storage.save("a.bin", ContentFile(data))
        assert (len(name), name[:4]) == (59, "bafk" if size <= 256 * 1024 else "bafy")
        assert storage.exists(name)
        assert read(storage, name) == data
        with urllib.request.urlopen(storage.url(name), timeout=30) as answer:
            assert answer.read() == data
        storage.delete(name)
        assert not storage.exists(name)


@pytest.mark.parametrize("name", ["a.txt", "d/a.txt", "Qm", CID[:-1], f"x/{CID}"])
def test_names_that_are_no_cid(storage: InterPlanetaryFileSystemStorage, name: str) -> None:
    """What is no CID is no file, which is known without a question."""
    with mock.patch.object(storage, "_stream", side_effect=AssertionError):
        assert not storage.exists(name)
        storage.delete(name)
        for question in (storage.size, storage.open):
            with pytest.raises(FileNotFoundError):
                question(name)


def test_a_directory(storage: InterPlanetaryFileSystemStorage, node: JsIPFS) -> None:
    """A directory that others have added is none of our files; a file in it can be read."""
    data = unique()
    directory = node.add_directory("a b.txt", data)
    name = f"{directory}/a b.txt"
    assert read(storage, name) == data
    assert storage.size(name) == len(data)
    assert storage.exists(name)
    assert not storage.exists(f"{directory}/g")
    with pytest.raises(FileNotFoundError):
        storage.open(f"{directory}/g")
    for question in (storage.size, storage.open):
        with pytest.raises(IsADirectory):
            question(directory)
    storage.delete(name)
    assert storage.exists(name)
    with urllib.request.urlopen(storage.url(name), timeout=30) as answer:
        assert answer.read() == data


def test_two_rows_share_a_pin(storage: InterPlanetaryFileSystemStorage) -> None:
    """Deleting one of two equal files unpins both: the documented hazard."""
    data = unique()
    one, two = (storage.save(name, ContentFile(data)) for name in "ab")
    storage.delete(one)
    assert not storage.exists(two)
    assert read(storage, two) == data  # until it is collected
    storage.delete(two)


def test_unpin_on_delete_false(storage: InterPlanetaryFileSystemStorage, node: JsIPFS) -> None:
    """With unpin_on_delete=False, deleting does nothing."""
    name = storage.save("a", ContentFile(unique()))
    with override_settings(IPFS_STORAGE_UNPIN_ON_DELETE=False):
        storage.delete(name)
    assert storage.exists(name)


def test_opening_for_writing(storage: InterPlanetaryFileSystemStorage) -> None:
    """A file cannot be opened for writing: the error says what to do."""
    with pytest.raises(io.UnsupportedOperation, match=r"save\(\)"):
        storage.open("a.txt", "wb")


def test_a_node_that_is_killed(node: JsIPFS) -> None:
    """While a node is down nothing is told of its files; afterwards they are there."""
    with JsIPFS() as own, InterPlanetaryFileSystemStorage(own.url, read_timeout=30) as storage:
        storage.retry = NO_RETRY
        data = unique(600_000)
        name = storage.save("a.bin", ContentFile(data))
        own.kill()
        for question in (storage.exists, storage.size, storage.open):
            with pytest.raises(Unavailable):
                question(name)
        own.start()
        assert storage.exists(name)
        assert read(storage, name) == data


@pytest.mark.parametrize(("version", "length"), [(0, 46), (1, 59)])
@isolate_apps("tests")
def test_names_longer_than_the_column(version: int, length: int) -> None:
    """E090: a field too short for a CID is reported, and a save into it refused before any I/O."""

    class Short(models.Model):
        file = models.FileField(
            max_length=length - 1, storage=InterPlanetaryFileSystemStorage(cid_version=version)
        )

    class Long(models.Model):
        file = models.FileField(
            max_length=length, storage=InterPlanetaryFileSystemStorage(cid_version=version)
        )

    app = mock.Mock(get_models=lambda: [Short, Long])
    (message,) = checks.check_fields(app_configs=[app])
    assert message.id == "storages.E090"
    assert message.obj is Short._meta.get_field("file")
    assert f"{length} characters" in message.msg
    storage = Short._meta.get_field("file").storage  # type: ignore[union-attr]
    with pytest.raises(SuspiciousFileOperation, match=f"{length} characters"):
        storage.save("a", ContentFile(b"x"), max_length=length - 1)


def test_fields_of_the_default_storage_are_looked_at() -> None:
    """E090 is told of a field without a storage of its own, too."""
    ipfs = "storages.backends.ipfs.InterPlanetaryFileSystemStorage"
    backends: dict[str, Any] = {
        "default": {"BACKEND": ipfs},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # A setting: Django 4.2's override_settings loses the OPTIONS of the default storage.
    with isolate_apps("tests"), override_settings(STORAGES=backends, IPFS_STORAGE_CID_VERSION=1):

        class Short(models.Model):
            file = models.FileField(max_length=50)

        app = mock.Mock(get_models=lambda: [Short])
        assert [message.id for message in checks.check_fields([app])] == ["storages.E090"]


def test_the_node_s_own_answer_is_the_size_of_the_file(node: JsIPFS) -> None:
    """What the original's size() told, the node's own bookkeeping included, is another number."""
    cid = node.add(CONTENT)
    assert cid == CID
    assert node.ask("files/stat", arg=f"/ipfs/{cid}")["CumulativeSize"] == 19
