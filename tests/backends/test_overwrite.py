"""OverwriteStorage: a name that is saved again is replaced, in one step."""

from __future__ import annotations

import io
import multiprocessing
import threading
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import override_settings

from storages.backends.overwrite import OverwriteStorage


@pytest.fixture
def storage(tmp_path: Path) -> OverwriteStorage:
    """A storage in an empty directory."""
    return OverwriteStorage(tmp_path)


def files_in(storage: OverwriteStorage) -> dict[str, bytes]:
    """Everything in the storage's directory, temporaries included."""
    return {path.name: path.read_bytes() for path in Path(storage.location).iterdir()}


def test_the_same_name_is_kept(storage: OverwriteStorage) -> None:
    """And the content is the last one's."""
    names = [storage.save("a.txt", ContentFile(data)) for data in (b"longer", b"new")]
    assert names == ["a.txt", "a.txt"]
    assert files_in(storage) == {"a.txt": b"new"}


def test_names_are_available_whatever_is_there(storage: OverwriteStorage) -> None:
    """get_available_name() deletes nothing (1.1.4 did)."""
    storage.save("a.txt", ContentFile(b"old"))
    assert storage.get_available_name("a.txt") == "a.txt"
    assert storage.get_available_name("a.txt", max_length=5) == "a.txt"
    assert files_in(storage) == {"a.txt": b"old"}


@pytest.mark.parametrize("allow", [True, False])
def test_allow_overwrite_changes_nothing(tmp_path: Path, *, allow: bool) -> None:
    """Django's option is accepted."""
    storage = OverwriteStorage(tmp_path, allow_overwrite=allow)
    names = [storage.save("a", ContentFile(data)) for data in (b"old", b"new")]
    assert names == ["a", "a"]
    assert files_in(storage) == {"a": b"new"}


def test_a_failing_source_leaves_the_old_bytes(storage: OverwriteStorage) -> None:
    """OVR-1: nothing is lost, and nothing else is left."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 128 * 1024:
                raise RuntimeError("half-way")
            return super().read(size)

    storage.save("a", ContentFile(b"old"))
    with pytest.raises(RuntimeError, match="half-way"):
        storage.save("a", Failing(b"new" * 100_000))
    assert files_in(storage) == {"a": b"old"}


def test_a_failing_generator_of_chunks_leaves_the_old_bytes(storage: OverwriteStorage) -> None:
    """OVR-1, for content that cannot seek."""

    class Failing(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None):  # type: ignore[no-untyped-def] # noqa: ANN202
            yield b"new"
            raise RuntimeError("half-way")

    storage.save("a", ContentFile(b"old"))
    with pytest.raises(RuntimeError, match="half-way"):
        storage.save("a", Failing(b""))
    assert files_in(storage) == {"a": b"old"}


def test_an_upload_replaces(storage: OverwriteStorage, tmp_path: Path) -> None:
    """OVR-3: with the mode of the storage."""
    storage.save("a", ContentFile(b"old"))
    with (
        override_settings(FILE_UPLOAD_PERMISSIONS=0o640),
        TemporaryUploadedFile("a", "text/plain", 3, None) as upload,
    ):
        upload.write(b"new")
        upload.seek(0)
        assert storage.save("a", upload) == "a"
    assert files_in(storage) == {"a": b"new"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_long_name_is_shortened_to_a_free_one(storage: OverwriteStorage) -> None:
    """OVR-4: no other file is touched, however often it is saved."""
    storage.save("abcdefghijklmnop.txt", ContentFile(b"other"))
    names = {
        storage.save("abcdefghijklmnopqrst.txt", ContentFile(b"%d" % n), max_length=20)
        for n in range(20)
    }
    assert len(names) == 20
    assert all(len(name) == 20 for name in names)
    assert files_in(storage)["abcdefghijklmnop.txt"] == b"other"
    assert len(files_in(storage)) == 21


def test_a_link_is_replaced_and_not_followed(storage: OverwriteStorage, tmp_path: Path) -> None:
    """What it led to stays as it is."""
    target = tmp_path.parent / f"{tmp_path.name}-target"
    target.write_bytes(b"target")
    (tmp_path / "a").symlink_to(target)
    storage.save("a", ContentFile(b"new"))
    assert not (tmp_path / "a").is_symlink()
    assert files_in(storage) == {"a": b"new"}
    assert target.read_bytes() == b"target"


def test_a_hard_link_is_replaced_too(storage: OverwriteStorage, tmp_path: Path) -> None:
    """A backup made of links keeps the old bytes."""
    storage.save("a", ContentFile(b"old"))
    (tmp_path / "backup").hardlink_to(tmp_path / "a")
    storage.save("a", ContentFile(b"new"))
    assert files_in(storage) == {"a": b"new", "backup": b"old"}


CONTENTS = [bytes([n]) * size for n, size in enumerate((1_000_000, 300_001, 1, 700_003))]


def overwrite_until(root: str, stop: str) -> None:
    """In another process: overwrite one file, again and again."""
    storage = OverwriteStorage(root, fsync=False)
    while not Path(stop).exists():
        for content in CONTENTS:
            storage.save("a", ContentFile(content))


def test_readers_see_old_or_new(tmp_path: Path) -> None:
    """OVR-2: while two processes overwrite, every read is one whole content, never a gap."""
    root, stop = tmp_path / "media", tmp_path / "stop"
    storage = OverwriteStorage(root)
    storage.save("a", ContentFile(CONTENTS[0]))
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=overwrite_until, args=(str(root), str(stop))) for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    seen: list[bytes] = []
    try:
        first = storage.stat("a").version
        while storage.stat("a").version == first:
            assert all(writer.is_alive() for writer in writers)
        for _ in range(300):
            with storage.open("a") as file:
                seen.append(file.read())
                assert file.size == len(seen[-1])
            # Through Django's own storage too: what is promised is a fact of the disk.
            with FileSystemStorage(root).open("a") as file:
                seen.append(file.read())
    finally:
        stop.touch()
        for writer in writers:
            writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert set(seen) <= set(CONTENTS)
    assert len(set(seen)) > 1
    assert [path.name for path in root.iterdir()] == ["a"]


def test_threads_overwrite_one_name(storage: OverwriteStorage) -> None:
    """The winner is one of them, whole."""
    contents = [bytes([n]) * 500_000 for n in range(8)]
    threads = [
        threading.Thread(target=storage.save, args=("a", ContentFile(content)))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*files_in(storage)] == ["a"]
    assert files_in(storage)["a"] in contents
