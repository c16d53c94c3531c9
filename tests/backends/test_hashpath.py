"""HashPathStorage: a file's name is the hash of its content."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile

from storages.backends.hashpath import HashPathStorage
from storages.errors import IsADirectory, OptionError

CONTENT = b"new content"
SHA1 = "ca527369d9e8c1e081558bd92f90f65c4eb77e21"


@pytest.fixture
def storage(tmp_path: Path) -> HashPathStorage:
    """A storage in a directory that does not exist yet."""
    return HashPathStorage(tmp_path / "media")


def files_in(storage: HashPathStorage) -> dict[str, bytes]:
    """Every file below the storage's directory, temporaries included."""
    root = Path(storage.location)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_documented_name(storage: HashPathStorage) -> None:
    """The vector of 1.1.4: directory, two levels, SHA-1, no suffix."""
    assert storage.save("up/test.txt", ContentFile(CONTENT)) == f"up/c/a/{SHA1}"
    assert storage.save("test.txt", ContentFile(CONTENT)) == f"c/a/{SHA1}"
    assert files_in(storage) == {f"up/c/a/{SHA1}": CONTENT, f"c/a/{SHA1}": CONTENT}


def test_content_that_is_there_is_not_written_again(storage: HashPathStorage) -> None:
    """Under whatever base name, from whatever kind of content."""
    name = storage.save("a.txt", ContentFile(CONTENT))
    before = storage.stat(name)
    with TemporaryUploadedFile("d.txt", "text/plain", len(CONTENT), None) as upload:
        upload.write(CONTENT)
        others = [
            storage.save("b.txt", ContentFile(CONTENT)),
            storage.save("c.txt", io.BytesIO(CONTENT)),
            storage.save("d.txt", upload),
        ]
    assert others == [name] * 3
    assert storage.stat(name).version == before.version
    assert files_in(storage) == {name: CONTENT}


def test_only_the_location_is_written_to(
    storage: HashPathStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.1.4 made stray directories elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.save("up/test.txt", ContentFile(CONTENT))
    assert [*(tmp_path / "elsewhere").iterdir()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "media"]


def test_content_of_any_size_is_hashed_in_pieces(storage: HashPathStorage) -> None:
    """From its start, wherever it stands, also when it cannot seek."""

    class Unseekable(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._file = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            return self._file.readinto(buffer)

    data = bytes(range(256)) * 20_000
    half_read = io.BytesIO(data)
    half_read.read(1000)
    name = storage.save("a", half_read)
    assert name.endswith(hashlib.sha1(data).hexdigest())
    assert storage.save("b", Unseekable(data)) == name
    assert files_in(storage) == {name: data}


def test_another_hash(tmp_path: Path) -> None:
    """Its name is one of hashlib's."""
    storage = HashPathStorage(tmp_path, hash_name="sha256")
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert storage.save("a", ContentFile(CONTENT)) == f"{digest[0]}/{digest[1]}/{digest}"


@pytest.mark.parametrize("name", ["", "sha999", "shake_128"])
def test_a_hash_that_does_not_fit_is_an_error(name: str, tmp_path: Path) -> None:
    """At construction: unknown ones, and those without a length."""
    with pytest.raises(OptionError, match="hash_name"):
        HashPathStorage(tmp_path, hash_name=name)


def test_max_length_counts_for_the_name_that_is_stored(storage: HashPathStorage) -> None:
    """A hash cannot be shortened: too little room is an error, before anything is written."""
    long = "a" * 200
    assert storage.save(f"up/{long}", ContentFile(CONTENT), max_length=47) == f"up/c/a/{SHA1}"
    with pytest.raises(SuspiciousFileOperation, match="47 characters"):
        storage.save("up/a", ContentFile(b"other"), max_length=46)
    assert len(files_in(storage)) == 1


@pytest.mark.parametrize("wrong", [b"", CONTENT[:4], CONTENT[::-1], CONTENT * 2])
def test_what_is_not_the_content_is_replaced(wrong: bytes, storage: HashPathStorage) -> None:
    """Half a file that 1.1.4 left when it was killed is not taken for the content."""
    path = Path(storage.path(f"c/a/{SHA1}"))
    path.parent.mkdir(parents=True)
    path.write_bytes(wrong)
    assert storage.save("a", ContentFile(CONTENT)) == f"c/a/{SHA1}"
    assert files_in(storage) == {f"c/a/{SHA1}": CONTENT}


def test_a_link_that_leads_nowhere_is_replaced(storage: HashPathStorage) -> None:
    """The name can only mean this content."""
    path = Path(storage.path(f"c/a/{SHA1}"))
    path.parent.mkdir(parents=True)
    path.symlink_to("nowhere")
    storage.save("a", ContentFile(CONTENT))
    assert not path.is_symlink()
    assert files_in(storage) == {f"c/a/{SHA1}": CONTENT}


def test_a_directory_of_that_name_is_an_error(storage: HashPathStorage) -> None:
    """There is no other name for the content."""
    Path(storage.path(f"c/a/{SHA1}")).mkdir(parents=True)
    with pytest.raises(IsADirectory):
        storage.save("a", ContentFile(CONTENT))


def test_open_for_writing_takes_the_name_as_it_is(storage: HashPathStorage) -> None:
    """The content is not known when the file is opened."""
    with storage.open("notes.txt", "w") as file:
        file.write("text")
    assert files_in(storage) == {"notes.txt": b"text"}


def test_deleting_for_one_deletes_for_all(storage: HashPathStorage) -> None:
    """Documented; saving again brings the file back."""
    name = storage.save("a", ContentFile(CONTENT))
    assert storage.save("b", ContentFile(CONTENT)) == name
    storage.delete(name)
    assert not storage.exists(name)
    assert storage.save("b", ContentFile(CONTENT)) == name
    assert files_in(storage) == {name: CONTENT}


def test_other_names_are_refused_as_everywhere(storage: HashPathStorage) -> None:
    """Though only the directory counts."""
    for name in ("../a", "/a", "a/../../b", "up/.."):
        with pytest.raises(SuspiciousFileOperation):
            storage.save(name, ContentFile(CONTENT))
        with pytest.raises(SuspiciousFileOperation):
            storage.get_available_name(name)
    assert not Path(storage.location).exists()


def test_recorded_in_migrations_as_given(tmp_path: Path) -> None:
    """Options included."""
    assert HashPathStorage(hash_name="sha256").deconstruct() == (
        "storages.backends.hashpath.HashPathStorage",
        [],
        {"hash_name": "sha256"},
    )
