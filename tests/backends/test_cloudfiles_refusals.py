"""What Cloud Files or the storage refuses: headers, containers, strangers, quotas, names."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from storages.backends.cloudfiles import CloudFilesStorage
from storages.errors import AlreadyExists, NotFound, PermissionDenied, StorageError, StorageFull
from tests.backends import cloudfiles
from tests.backends.cloudfiles import Make, read
from tests.servers.swift import Swift

# Fixtures, which pytest looks for in the module of the tests that take them.
server = cloudfiles.server
container = cloudfiles.container
make = cloudfiles.make
storage = cloudfiles.storage


def test_metadata_beyond_the_limits(make: Make) -> None:
    """Headers that Swift does not take are refused in its words, and nothing is stored."""
    storage = make(object_headers={"X-Object-Meta-Note": "x" * 300})
    with pytest.raises(StorageError, match="longer than 256"):
        storage.save("a.txt", ContentFile(b"abc"))
    assert not make().exists("a.txt")


def test_a_missing_container(server: Swift, make: Make) -> None:
    """Saving and listing say which option names it; reading a file says that it is not there."""
    storage = make(container="no-such-container")
    for act in (
        lambda: storage.save("a.txt", ContentFile(b"abc")),
        lambda: storage.listdir(""),
        lambda: storage.exists("a.txt"),
        lambda: storage.exists(""),
    ):
        with pytest.raises(ImproperlyConfigured, match="CLOUDFILES_CONTAINER") as caught:
            act()
        assert isinstance(caught.value, StorageError)
    with pytest.raises(NotFound):
        storage.size("a.txt")
    assert server.request("HEAD", "no-such-container")[0] == 404


def test_a_missing_container_is_made_when_wanted(server: Swift, make: Make) -> None:
    """With create_container, the first save makes it."""
    storage = make(container="made-by-itself", create_container=True)
    assert not storage.exists("a.txt")
    assert storage.listdir("") == ([], [])
    assert storage.save("a.txt", ContentFile(b"abc")) == "a.txt"
    assert server.request("HEAD", "made-by-itself")[0] == 204


def test_another_account_is_refused(server: Swift, container: str, make: Make) -> None:
    """403 is PermissionDenied, for exists() too, and no file is taken for missing."""
    make().save("a.txt", ContentFile(b"abc"))
    stranger = make(username="test:reader", api_key="reading")
    for act in (
        lambda: stranger.exists("a.txt"),
        lambda: read(stranger, "a.txt"),
        lambda: stranger.save("b.txt", ContentFile(b"abc")),
        lambda: stranger.delete("a.txt"),
        lambda: stranger.delete_many(["a.txt", "b.txt"]),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert read(make(), "a.txt") == b"abc"


def test_a_full_container(server: Swift, make: Make) -> None:
    """A quota that is used up is StorageFull, and nothing is stored."""
    container = server.new_container(X_Container_Meta_Quota_Bytes="1000")
    storage = make(container=container)
    storage.save("a.txt", ContentFile(b"x" * 600))
    with pytest.raises(StorageFull):
        storage.save("b.txt", ContentFile(b"x" * 1100))
    assert storage.listdir("") == ([], ["a.txt"])


def test_a_name_that_is_too_long(storage: CloudFilesStorage) -> None:
    """1,024 bytes are taken, one more is refused before anything is sent."""
    name = "é" * 512
    assert storage.save(name, ContentFile(b"abc")) == name
    with pytest.raises(StorageError, match="1024 bytes"):
        storage.save(f"{name}x", ContentFile(b"abc"))
    with pytest.raises(StorageError, match="1024 bytes"):
        storage.copy(name, f"{name}x")


def test_a_create_meets_an_existing_file(make: Make) -> None:
    """The x mode, and a copy that may not replace, leave the file as it was."""
    storage = make()
    storage.save("a.txt", ContentFile(b"first"))
    storage.save("b.txt", ContentFile(b"second"))
    with pytest.raises(AlreadyExists), storage.open("a.txt", "x") as file:
        file.write("other")
    with pytest.raises(AlreadyExists):
        storage.copy("b.txt", "a.txt")
    with pytest.raises(AlreadyExists):
        storage.move("b.txt", "a.txt")
    assert read(storage, "a.txt") == b"first"
    storage.move("b.txt", "a.txt", overwrite=True)
    assert read(storage, "a.txt") == b"second"
    assert not storage.exists("b.txt")
