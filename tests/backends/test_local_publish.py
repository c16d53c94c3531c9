"""How the local storages put a file under its name: all of it, or nothing."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages import local_publish
from storages.backends.overwrite import OverwriteStorage
from storages.errors import AlreadyExists, StorageError, StorageFull, TooLarge
from storages.local import LocalStorage
from storages.staging import staged
from tests.backends.disk import everything, refusing

DATA = bytes(range(256)) * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage; the first save makes it."""
    return tmp_path / "media"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    """A storage that chooses another name when one is taken."""
    return LocalStorage(root)


class TestFailing:
    """Whatever fails, the disk is as it was."""

    @pytest.mark.parametrize(
        ("number", "expected"),
        [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EFBIG, TooLarge)],
    )
    def test_a_full_disk(
        self,
        number: int,
        expected: type[StorageError],
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The error says so, the old file is whole, and no directory stays."""
        storage = OverwriteStorage(root)
        storage.save("a", ContentFile(b"old"))
        monkeypatch.setattr(os, "write", refusing(number))
        for name in ("a", "d/e/b"):
            with pytest.raises(expected):
                storage.save(name, ContentFile(DATA))
        assert everything(root) == {"a": b"old"}

    def test_an_interrupted_save(self, root: Path, storage: LocalStorage) -> None:
        """Ctrl-C while the source is read."""

        class Interrupted(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() > 100_000:
                    raise KeyboardInterrupt
                return super().read(size)

        with pytest.raises(KeyboardInterrupt):
            storage.save("d/e/a", Interrupted(DATA))
        assert not root.exists()

    def test_directories_that_others_use_stay(self, root: Path, storage: LocalStorage) -> None:
        """A save that fails takes away what it made, unless another save has come."""

        class Failing(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() > 100_000:
                    storage.save("d/other", ContentFile(b"other"))
                    raise RuntimeError
                return super().read(size)

        with pytest.raises(RuntimeError):
            storage.save("d/e/a", Failing(DATA))
        assert everything(root) == {"d": None, "d/other": b"other"}

    def test_a_directory_that_vanishes_is_made_again(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another save made it, failed, and took it away."""
        adopt = local_publish.Publisher._adopt
        vanished: list[Path] = []

        def vanish(self: Any, source: Any, temporary: Path) -> bool:
            if not vanished:
                vanished.append(temporary.parent)
                temporary.parent.rmdir()
            return adopt(self, source, temporary)

        monkeypatch.setattr(local_publish.Publisher, "_adopt", vanish)
        assert storage.save("d/e/a", ContentFile(b"a")) == "d/e/a"
        assert vanished == [root / "d/e"]
        assert everything(root)["d/e/a"] == b"a"

    def test_a_directory_that_always_vanishes_is_an_error(
        self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And no endless loop."""

        def vanish(self: Any, source: Any, temporary: Path) -> bool:
            temporary.parent.rmdir()
            return False

        monkeypatch.setattr(local_publish.Publisher, "_adopt", vanish)
        with pytest.raises(FileNotFoundError):
            storage.save("d/a", ContentFile(b"a"))

    def test_a_sources_own_missing_file_is_its_own(self, root: Path, storage: LocalStorage) -> None:
        """It is not taken for a directory that vanished, and raised as it was."""
        reads = []

        class Missing(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if size:
                    reads.append(size)
                    raise FileNotFoundError("the caller's")
                return b""

        with pytest.raises(FileNotFoundError, match="the caller's"):
            storage.save("d/a", Missing(DATA))
        assert len(reads) == 1
        assert not root.exists()

    def test_a_taken_name_is_refused_before_anything_is_copied(
        self, root: Path, storage: LocalStorage
    ) -> None:
        """A gigabyte is not written to learn that."""
        storage.save("a", ContentFile(b"a"))
        with staged(ContentFile(DATA)) as source, pytest.raises(AlreadyExists):
            storage._put("a", source, overwrite=False)
        assert source.tell() == 0

    def test_what_cannot_be_removed_is_logged(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The error that is raised is the one that mattered."""
        storage = OverwriteStorage(root)
        monkeypatch.setattr(os, "write", refusing(errno.ENOSPC))
        monkeypatch.setattr(Path, "unlink", refusing(errno.EIO))
        with pytest.raises(StorageFull):
            storage.save("a", ContentFile(b"a"))
        assert "cannot remove" in caplog.text
        assert storage.listdir("") == ([], [])


class TestSynchronizing:
    """What save() has returned has reached the disk."""

    def synced(self, monkeypatch: pytest.MonkeyPatch, storage: LocalStorage) -> list[str]:
        """Save one file in a new directory; return what was synchronized, in order."""
        found: list[str] = []
        original = os.fsync

        def fsync(fd: int) -> None:
            path = Path(f"/proc/self/fd/{fd}").readlink()
            found.append("file" if path.name.startswith(".storages-") else path.name)
            original(fd)

        monkeypatch.setattr(os, "fsync", fsync)
        storage.save("d/e/a", ContentFile(b"a"))
        return found

    def test_the_file_first_then_its_name(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And every directory that got a new entry."""
        root.mkdir()
        assert self.synced(monkeypatch, LocalStorage(root)) == ["file", "e", "media", "d"]

    def test_can_be_switched_off(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By an option or a class attribute, where speed counts more."""

        class Fast(LocalStorage):
            fsync = False

        assert self.synced(monkeypatch, LocalStorage(root / "1", fsync=False)) == []
        assert self.synced(monkeypatch, Fast(root / "2")) == []

    def test_filesystems_that_cannot_synchronize_directories(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They say EINVAL, which is no failure."""
        original = os.fsync

        def fsync(fd: int) -> None:
            if Path(f"/proc/self/fd/{fd}").is_dir():
                raise OSError(errno.EINVAL, "no")
            original(fd)

        monkeypatch.setattr(os, "fsync", fsync)
        storage.save("d/a", ContentFile(b"a"))
        assert everything(root) == {"d": None, "d/a": b"a"}

    def test_a_directory_that_one_may_not_read(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One may still save to it."""
        original = os.open

        def opening(path: Any, flags: int, *args: int) -> int:
            if flags & os.O_DIRECTORY:
                raise PermissionError(errno.EACCES, "no")
            return original(path, flags, *args)

        monkeypatch.setattr(os, "open", opening)
        storage.save("d/a", ContentFile(b"a"))
        assert everything(root) == {"d": None, "d/a": b"a"}


def _save(root: Path, number: int) -> str:
    """In another process: save one file of many bytes, when all are ready."""
    (root.parent / f"ready-{number}").touch()
    while len([*root.parent.glob("ready-*")]) < 8:
        time.sleep(0.001)
    return LocalStorage(root).save("d/a", ContentFile(b"%d" % number * 500_000))


def test_eight_processes_save_one_name(root: Path) -> None:
    """They get eight names, and every content is whole."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, mp_context=context) as pool:
        names = [*pool.map(_save, [root] * 8, range(8))]
    assert len(set(names)) == 8
    found = {(root / name).read_bytes() for name in names}
    assert found == {b"%d" % number * 500_000 for number in range(8)}
    assert {str(path.relative_to(root)) for path in root.rglob("*")} == {"d", *names}
