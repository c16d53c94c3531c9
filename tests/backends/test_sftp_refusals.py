"""What an SFTP server refuses, and what names and links are to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
)
from tests.backends.sftp_place import Place, counted, read, replace, shared_place


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server that all tests share."""
    with shared_place() as made:
        made.server.new_directory(made.root)
        yield made


def test_a_directory_that_may_not_be_written_to(place: Place) -> None:
    """PermissionDenied, by every way of writing; nothing is swallowed."""
    storage = place.storage()
    storage.save("d/x.txt", ContentFile(b"x"))
    (place.path / "d").chmod(0o555)
    for work in (
        lambda: storage.save("d/y.txt", ContentFile(b"y")),
        lambda: storage.save("d/e/y.txt", ContentFile(b"y")),
        lambda: replace(storage, "d/x.txt"),
        lambda: storage.delete("d/x.txt"),
        lambda: storage.move("d/x.txt", "x.txt"),
        lambda: storage.copy("d/x.txt", "d/z.txt"),
    ):
        with pytest.raises(PermissionDenied):
            work()
    assert place.names("d") == ["x.txt"]
    (place.path / "d").chmod(0o000)
    for look in (
        lambda: storage.exists("d/x.txt"),
        lambda: storage.size("d/x.txt"),
        lambda: storage.open("d/x.txt"),
        lambda: storage.listdir("d"),
    ):
        with pytest.raises(PermissionDenied):
            look()


def test_directories_and_files_in_each_others_place(place: Place) -> None:
    """The protocol has one word for all of it; ours are told apart."""
    storage = place.storage()
    storage.save("d/x.txt", ContentFile(b"x"))
    for work, kind in (
        (lambda: storage.open("d"), IsADirectory),
        (lambda: replace(storage, "d"), IsADirectory),
        (lambda: storage.delete("d"), DirectoryNotEmpty),
        (lambda: storage.move("d", "e"), IsADirectory),
        (lambda: storage.copy("d", "e"), IsADirectory),
        (lambda: storage.save("d/x.txt/y", ContentFile(b"y")), NotADirectory),
        (lambda: storage.move("d/x.txt", "d/x.txt/y"), NotADirectory),
        (lambda: storage.copy("d/x.txt", "d", overwrite=True), IsADirectory),
        (lambda: storage.move("d/x.txt", "d"), AlreadyExists),
        (lambda: storage.listdir("d/x.txt"), OSError),
        (lambda: storage.size("d/x.txt/y"), NotFound),
    ):
        with pytest.raises(kind):
            work()
    assert place.names("d") == ["x.txt"]
    assert storage.save("d", ContentFile(b"")) != "d"


@pytest.mark.parametrize("name", [" lead", "trail ", "a b", "-rf", "'q\"", "ü*[?]", "~", "#x;ls"])
def test_names_come_as_they_are(place: Place, name: str) -> None:
    """Nothing is quoted, globbed or expanded."""
    storage = place.storage()
    assert storage.save(name, ContentFile(b"x")) == name
    assert place.names() == [name]
    assert storage.listdir("") == ([], [name])
    assert read(storage, name) == b"x"
    storage.delete(name)
    assert place.names() == []


@pytest.mark.parametrize("name", ["a\r\nb", "a\nb", "a\0b", "../x", "/x", "a/../../x"])
def test_names_that_lead_elsewhere_are_refused(place: Place, name: str) -> None:
    """Before anything is asked."""
    storage = place.storage()
    counted(storage)
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))
    assert counted(storage) == {}


def test_links_are_what_they_lead_to(place: Place) -> None:
    """One that leads nowhere is a file, as for Django's own storage; a new one goes beside it."""
    storage = place.storage()
    storage.save("real/x.txt", ContentFile(b"12345"))
    (place.path / "to-directory").symlink_to("real")
    (place.path / "to-file").symlink_to("real/x.txt")
    (place.path / "nowhere").symlink_to("missing")
    directories, files = storage.listdir("")
    assert (sorted(directories), sorted(files)) == (
        ["real", "to-directory"],
        ["nowhere", "to-file"],
    )
    told = {entry.name: entry.stat and entry.stat.size for entry in storage.scandir("")}
    assert told == {"real": None, "to-directory": None, "to-file": 5, "nowhere": None}
    assert storage.listdir("to-directory") == ([], ["x.txt"])
    assert read(storage, "to-directory/x.txt") == read(storage, "to-file") == b"12345"
    assert not storage.exists("nowhere")
    assert storage.save("nowhere", ContentFile(b"x")) != "nowhere"
    storage.delete("to-file")
    storage.delete("nowhere")
    assert storage.size("real/x.txt") == 5
    with storage.open("to-directory/x.txt", "wb") as file:
        file.write(b"new")
    assert (place.path / "real/x.txt").read_bytes() == b"new"
