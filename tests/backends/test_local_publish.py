"""How the local storages put a file under its name: all of it, or nothing."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import override_settings

from storages import local_publish
from storages.backends.overwrite import OverwriteStorage
from storages.errors import AlreadyExists, StorageError, StorageFull, TooLarge
from storages.local import LocalStorage
from storages.staging import staged

DATA = bytes(range(256)) * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage; the first save makes it."""
    return tmp_path / "media"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    """A storage that chooses another name when one is taken."""
    return LocalStorage(root)


@pytest.fixture(autouse=True)
def _uploads(tmp_path: Path) -> Iterator[None]:
    """Uploads lie on the storage's filesystem."""
    (tmp_path / "uploads").mkdir()
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path / "uploads")):
        yield


@contextmanager
def uploaded(data: bytes = DATA) -> Iterator[TemporaryUploadedFile]:
    """An upload that Django has put on the disk."""
    with TemporaryUploadedFile("a.bin", "application/octet-stream", len(data), None) as upload:
        upload.write(data)
        upload.seek(0)
        yield upload


def everything(root: Path) -> dict[str, bytes | None]:
    """What is on the disk: files with their bytes, directories, temporaries."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def refusing(number: int) -> Callable[..., NoReturn]:
    """A system call that always fails."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


class TestUploads:
    """An upload on the same filesystem is moved, not copied."""

    def test_no_byte_is_copied(self, root: Path, storage: LocalStorage) -> None:
        """The stored file is the upload's, with the storage's mode."""
        with uploaded() as upload:
            inode = os.fstat(upload.fileno()).st_ino
            assert storage.save("d/a.bin", upload) == "d/a.bin"
            assert not Path(upload.temporary_file_path()).exists()
        stored = (root / "d/a.bin").stat()
        assert (stored.st_ino, stored.st_nlink) == (inode, 1)
        assert stored.st_mode & 0o777 == 0o644
        assert everything(root) == {"d": None, "d/a.bin": DATA}

    def test_it_replaces_in_one_step_too(self, root: Path) -> None:
        """Overwriting leaves one link and no temporary."""
        storage = OverwriteStorage(root)
        storage.save("a.bin", ContentFile(b"old"))
        with uploaded() as upload:
            storage.save("a.bin", upload)
        assert everything(root) == {"a.bin": DATA}

    def test_a_taken_name_costs_it_nothing(self, root: Path, storage: LocalStorage) -> None:
        """It is moved under the second name."""
        storage.save("a.bin", ContentFile(b"old"))
        with uploaded() as upload:
            inode = os.fstat(upload.fileno()).st_ino
            name = storage.save("a.bin", upload)
        assert everything(root) == {"a.bin": b"old", name: DATA}
        assert (root / name).stat().st_ino == inode

    def test_saved_twice_it_is_two_files(self, root: Path, storage: LocalStorage) -> None:
        """The second save reads what the first one moved."""
        with uploaded() as upload:
            names = [storage.save(name, upload) for name in ("a.bin", "a.bin", "b.bin")]
        assert everything(root) == dict.fromkeys(names, DATA)
        assert len({(root / name).stat().st_ino for name in names}) == 3

    def test_another_file_at_its_path_is_not_taken_for_it(
        self, root: Path, storage: LocalStorage
    ) -> None:
        """Others can write to the directory for temporary files."""
        with uploaded() as upload:
            path = Path(upload.temporary_file_path())
            path.rename(path.with_suffix(".mine"))
            path.write_bytes(b"X" * len(DATA))
            storage.save("a.bin", upload)
        assert everything(root) == {"a.bin": DATA}

    def test_a_link_at_its_path_is_not_followed(self, root: Path, storage: LocalStorage) -> None:
        """Nor stored."""
        with uploaded() as upload:
            path = Path(upload.temporary_file_path())
            path.rename(path.with_suffix(".mine"))
            path.symlink_to(path.with_suffix(".mine"))
            storage.save("a.bin", upload)
        assert not (root / "a.bin").is_symlink()
        assert everything(root) == {"a.bin": DATA}

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.ENOENT])
    def test_where_it_cannot_be_linked_it_is_copied(
        self, number: int, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On another filesystem, for example."""
        with uploaded() as upload:
            monkeypatch.setattr(os, "link", refusing(number))
            OverwriteStorage(root).save("a.bin", upload)
            assert Path(upload.temporary_file_path()).exists()
        assert everything(root) == {"a.bin": DATA}

    def test_without_a_mode_it_is_copied(self, root: Path, storage: LocalStorage) -> None:
        """It would keep the mode of a temporary file, as it does with Django's own storage."""
        with override_settings(FILE_UPLOAD_PERMISSIONS=None), uploaded() as upload:
            storage.save("a.bin", upload)
            assert Path(upload.temporary_file_path()).exists()
        expected = 0o666 & ~_umask()
        assert (root / "a.bin").stat().st_mode & 0o777 == expected

    def test_a_failed_save_leaves_it_where_it_was(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The view may try again."""
        storage = OverwriteStorage(root)
        with uploaded() as upload:
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", refusing(errno.EIO))
                with pytest.raises(StorageError):
                    storage.save("d/a.bin", upload)
            assert not root.exists()
            storage.save("d/a.bin", upload)
        assert everything(root) == {"d": None, "d/a.bin": DATA}


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


class TestWithoutHardLinks:
    """On FAT and others, the name is taken by an empty file, which is then replaced."""

    @pytest.fixture(autouse=True, params=[errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
    def _no_links(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", refusing(request.param))

    def test_a_name_is_given_once(self, root: Path, storage: LocalStorage) -> None:
        """Eight savers get eight names."""
        names: list[str] = []
        threads = [
            threading.Thread(
                target=lambda n=n: names.append(storage.save("a", ContentFile(b"%d" % n)))
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(everything(root)) == set(names)
        assert {*everything(root).values()} == {b"%d" % n for n in range(8)}

    def test_a_failure_gives_the_name_back(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The empty file goes."""
        monkeypatch.setattr(Path, "replace", refusing(errno.EIO))
        with pytest.raises(StorageError):
            storage.save("a", ContentFile(b"a"))
        assert everything(root) == {}

    def test_a_file_is_moved(self, root: Path, storage: LocalStorage) -> None:
        """The old name goes by itself."""
        storage.save("a", ContentFile(b"a"))
        storage.move("a", "b")
        assert everything(root) == {"b": b"a"}


class TestOnWindows:
    """There, rename() refuses a taken name by itself."""

    @pytest.fixture(autouse=True)
    def _windows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def rename(path: Path, target: Path) -> None:
            if target.exists():
                raise FileExistsError(errno.EEXIST, "taken", str(target))
            os.rename(path, target)  # noqa: PTH104 - Path.rename is what is replaced

        monkeypatch.setattr(local_publish, "WINDOWS", True)
        monkeypatch.setattr(Path, "rename", rename)
        for name in ("fchown", "link"):
            monkeypatch.setattr(os, name, refusing(errno.ENOSYS))

    def test_names_are_given_once_and_replaced_when_asked(self, root: Path) -> None:
        """With modes, uploads and all."""
        storage = LocalStorage(root, file_permissions_mode=0o600)
        assert storage.save("d/a", ContentFile(b"one")) == "d/a"
        with uploaded() as upload:
            other = storage.save("d/a", upload)
        OverwriteStorage(root).save("d/a", ContentFile(b"two"))
        storage.move("d/a", "b")
        assert everything(root) == {"d": None, other: DATA, "b": b"two"}

    def test_a_name_taken_meanwhile_is_refused(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the first look and the rename."""
        storage.save("a", ContentFile(b"one"))
        monkeypatch.setattr(local_publish, "_check", mock.Mock())
        name = storage.save("a", ContentFile(b"two"))
        assert everything(root) == {"a": b"one", name: b"two"}


class TestLostAnswers:
    """A network filesystem may do what it was asked and say that it failed."""

    @pytest.mark.parametrize("number", [errno.EIO, errno.EEXIST])
    def test_a_link_that_was_made_counts(
        self, number: int, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """EEXIST is what its client gets when it asks again; there is no twin."""
        link = os.link

        def lost(path: Any, target: Any) -> NoReturn:
            link(path, target)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", lost)
        assert storage.save("a", ContentFile(b"a")) == "a"
        assert everything(root) == {"a": b"a"}

    def test_a_rename_that_was_made_counts(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file under the name is the one that was written."""
        replace = Path.replace

        def lost(path: Path, target: Path) -> NoReturn:
            replace(path, target)
            raise OSError(errno.EIO, "lost")

        monkeypatch.setattr(Path, "replace", lost)
        OverwriteStorage(root).save("a", ContentFile(b"a"))
        assert everything(root) == {"a": b"a"}


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
