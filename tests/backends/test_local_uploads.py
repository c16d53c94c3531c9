"""Uploads that Django has put on the disk are moved, not copied."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.backends.overwrite import OverwriteStorage
from storages.errors import StorageError
from storages.local import LocalStorage
from tests.backends.disk import DATA, everything, mode_of, refusing, umask, uploaded, uploads_in


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
    with uploads_in(tmp_path / "uploads"):
        yield


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

    def test_saved_over_itself_it_leaves_no_temporary(self, root: Path) -> None:
        """rename() does nothing when both names are links to one file."""
        storage = OverwriteStorage(root)
        with uploaded() as upload:
            path = Path(upload.temporary_file_path())
            storage.save("a.bin", upload)
            path.hardlink_to(root / "a.bin")
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
        with override_settings(FILE_UPLOAD_PERMISSIONS=None), umask(0o027), uploaded() as upload:
            storage.save("a.bin", upload)
            assert Path(upload.temporary_file_path()).exists()
        assert mode_of(root / "a.bin") == 0o640

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
