"""Filesystems without hard links, network filesystems, Windows: imitated."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import pytest
from django.core.files.base import ContentFile

from storages import local_publish
from storages.backends.overwrite import OverwriteStorage
from storages.errors import StorageError
from storages.local import LocalStorage
from tests.backends.disk import DATA, everything, refusing, uploaded, uploads_in


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
