"""What the local storages have in common: names, directories, reading, moving."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from storages import local
from storages.backends.overwrite import OverwriteStorage
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    StorageError,
)
from storages.local import LocalStorage
from tests.backends.disk import files_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage; the first save makes it."""
    return tmp_path / "media"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    """A storage that chooses another name when one is taken."""
    return LocalStorage(root, "/media/")


class TestNames:
    """What may be a name, and which are taken."""

    def test_a_link_that_leads_nowhere_is_taken(self, root: Path, storage: LocalStorage) -> None:
        """exists() says so and save() chooses another name."""
        root.mkdir()
        (root / "a.txt").symlink_to("nowhere")
        assert storage.exists("a.txt")
        assert storage.save("a.txt", ContentFile(b"a")) != "a.txt"
        assert (root / "a.txt").is_symlink()
        with pytest.raises(NotFound):
            storage.size("a.txt")

    def test_a_name_that_is_too_long_is_nobodys(self, root: Path, storage: LocalStorage) -> None:
        """It is not there, and saving it is refused before anything is made."""
        storage.save("b", ContentFile(b"b"))
        for name in ("a" * 300, "d/" + "a" * 300):
            assert not storage.exists(name)
            for method in (storage.size, storage.open, storage.listdir):
                with pytest.raises(NotFound):
                    method(name)
            storage.delete(name)
            with pytest.raises(StorageError, match="too long"):
                storage.save(name, ContentFile(b"a"))
        assert [path.name for path in root.iterdir()] == ["b"]

    def test_the_longest_name_has_room_for_its_temporary(self, storage: LocalStorage) -> None:
        """A temporary's name does not grow with the file's."""
        name = "a" * 255
        assert storage.save(name, ContentFile(b"a")) == name

    @pytest.mark.parametrize(
        "name", ["a:b", "a<b", 'a"b', "a|b", "a?", "a*", "con", "x/NUL.txt", "lpt1", "a ", "d./a"]
    )
    def test_names_that_windows_changes_are_refused_there(
        self, name: str, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They would name another file, a device or a stream."""
        assert storage.save(name, ContentFile(b"a")) == name
        monkeypatch.setattr(local, "WINDOWS", True)
        with pytest.raises(SuspiciousFileOperation, match="Windows"):
            storage.save(name, ContentFile(b"a"))

    def test_path_needs_no_file(self, root: Path, storage: LocalStorage) -> None:
        """It joins, and judges."""
        assert storage.path("a/b.txt") == str(root / "a/b.txt")
        assert storage.path("") == str(root)
        with pytest.raises(SuspiciousFileOperation):
            storage.path("../b.txt")


class TestDirectories:
    """Directories are real, and the root is there from the start."""

    def test_nothing_saved_yet_is_an_empty_root(self, root: Path, storage: LocalStorage) -> None:
        """Before the first save makes the directory, it is listed as empty."""
        assert storage.exists("")
        assert storage.listdir("") == ([], [])
        assert not root.exists()

    def test_the_root_by_its_absolute_path(self, root: Path, storage: LocalStorage) -> None:
        """So collectstatic asks; any other absolute path is refused, inside or not."""
        storage.save("a/b", ContentFile(b"b"))
        assert storage.exists(str(root))
        assert storage.listdir(str(root)) == (["a"], [])
        for path in (root / "a", root.parent, "/etc"):
            for method in (storage.exists, storage.listdir, storage.path):
                with pytest.raises(SuspiciousFileOperation):
                    method(str(path))

    def test_a_root_that_is_a_file_is_an_error(self, root: Path, storage: LocalStorage) -> None:
        """Not an empty storage."""
        root.write_bytes(b"")
        assert not storage.exists("")
        with pytest.raises(NotADirectory):
            storage.listdir("")
        with pytest.raises(NotADirectory):
            storage.save("a", ContentFile(b"a"))

    def test_saving_below_a_file_changes_nothing(self, root: Path, storage: LocalStorage) -> None:
        """NotADirectory, and the file is as it was."""
        storage.save("a", ContentFile(b"a"))
        for name in ("a/b", "a/b/c"):
            with pytest.raises(NotADirectory):
                storage.save(name, ContentFile(b"b"))
        assert files_below(root) == {"a": b"a"}

    def test_saving_below_a_link_that_leads_nowhere(
        self, root: Path, storage: LocalStorage
    ) -> None:
        """Nothing is made at the place that it names."""
        root.mkdir()
        (root / "a").symlink_to(root / "nowhere")
        with pytest.raises(NotADirectory):
            storage.save("a/b", ContentFile(b"b"))
        assert not (root / "nowhere").exists()

    def test_a_directorys_name_is_taken(self, root: Path, storage: LocalStorage) -> None:
        """Saving chooses another name, overwriting is refused."""
        storage.save("a/b", ContentFile(b"b"))
        assert storage.save("a", ContentFile(b"a")) != "a"
        with pytest.raises(IsADirectory):
            OverwriteStorage(root).save("a", ContentFile(b"a"))
        with pytest.raises(IsADirectory):
            storage.open("a")
        with pytest.raises(IsADirectory):
            storage.size("a")

    def test_a_link_to_a_directory_is_not_replaced(self, root: Path, tmp_path: Path) -> None:
        """An operator who moved a directory to another disk keeps the link."""
        (tmp_path / "big").mkdir()
        root.mkdir()
        (root / "a").symlink_to(tmp_path / "big")
        storage = OverwriteStorage(root)
        with pytest.raises(IsADirectory):
            storage.save("a", ContentFile(b"a"))
        storage.save("a/b", ContentFile(b"b"))
        assert (tmp_path / "big/b").read_bytes() == b"b"
        assert storage.listdir("") == (["a"], [])

    def test_delete_takes_empty_directories_only(self, root: Path, storage: LocalStorage) -> None:
        """As Django's own storage."""
        storage.save("a/b", ContentFile(b"b"))
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("a")
        storage.delete("a/b")
        assert storage.listdir("") == (["a"], [])
        storage.delete("a")
        assert storage.listdir("") == ([], [])

    def test_delete_takes_a_link_and_not_what_it_leads_to(
        self, root: Path, storage: LocalStorage, tmp_path: Path
    ) -> None:
        """Be it a file or a directory."""
        root.mkdir()
        (tmp_path / "there").mkdir()
        (tmp_path / "there/file").write_bytes(b"")
        (root / "file").symlink_to(tmp_path / "there/file")
        (root / "directory").symlink_to(tmp_path / "there")
        storage.delete("file")
        storage.delete("directory")
        assert [*root.iterdir()] == []
        assert (tmp_path / "there/file").exists()

    def test_only_temporaries_are_hidden(self, root: Path, storage: LocalStorage) -> None:
        """Users' files that look a little like one are shown."""
        names = [".storages-0123456789abcdef.tmp2", "a.tmp", ".hidden", ".storages-.tmp"]
        for name in [*names, ".storages-0123456789abcdef.tmp"]:
            root.mkdir(exist_ok=True)
            (root / name).write_bytes(b"")
        assert sorted(storage.listdir("")[1]) == sorted(names)


class TestReading:
    """A file that is open is one version of the file."""

    def test_an_open_file_keeps_the_old_bytes(self, root: Path) -> None:
        """Overwritten or deleted meanwhile, also after seeking back from the end."""
        storage = OverwriteStorage(root)
        old, new = b"old" * 100_000, b"new" * 100_000
        storage.save("a", ContentFile(old))
        with storage.open("a") as file:
            assert file.read(3) == b"old"
            storage.save("a", ContentFile(new))
            assert file.read() == old[3:]
            storage.delete("a")
            file.seek(0)
            assert file.read() == old

    def test_one_open_serves_every_seek(
        self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A zip file or a video is read through one descriptor."""
        storage.save("a", ContentFile(bytes(range(256)) * 4096))
        opened: list[str] = []
        original = LocalStorage._open_read

        def counting(self: LocalStorage, key: str, **kwargs: Any) -> Any:
            opened.append(key)
            return original(self, key, **kwargs)

        monkeypatch.setattr(LocalStorage, "_open_read", counting)
        with storage.open("a") as file:
            for offset in (1_000_000, 5, 700_000, 1_048_575, 0):
                file.seek(offset)
                assert file.read(1) == bytes([offset % 256])
        assert opened == ["a"]

    def test_the_version_changes_with_each_overwrite(self, root: Path) -> None:
        """Also when size and content are the same."""
        storage = OverwriteStorage(root)
        versions = set()
        for _ in range(5):
            storage.save("a", ContentFile(b"same"))
            versions.add(storage.stat("a").version)
        assert len(versions) == 5

    def test_a_pipe_is_refused_at_once(self, root: Path, storage: LocalStorage) -> None:
        """Opening one would wait for a writer."""
        root.mkdir()
        os.mkfifo(root / "pipe")
        with pytest.raises(StorageError, match="pipe"):
            storage.open("pipe")

    def test_a_link_out_of_the_root_is_followed(
        self, root: Path, storage: LocalStorage, tmp_path: Path
    ) -> None:
        """As by Django's own storage: who can make links there is trusted."""
        root.mkdir()
        (tmp_path / "outside").write_bytes(b"outside")
        (root / "link").symlink_to(tmp_path / "outside")
        with storage.open("link") as file:
            assert file.read() == b"outside"
        assert storage.size("link") == 7

    def test_times_are_the_disks(self, root: Path, storage: LocalStorage) -> None:
        """Modified, accessed, and what Django calls created."""
        storage.save("a", ContentFile(b"a"))
        os.utime(root / "a", (1_000_000_000, 1_100_000_000))
        assert storage.get_accessed_time("a") == datetime(
            2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc
        )
        assert storage.get_modified_time("a").timestamp() == 1_100_000_000
        django = FileSystemStorage(root)
        assert storage.get_created_time("a") == django.get_created_time("a")


class TestMoving:
    """move() renames."""

    def test_moves_the_file_itself(self, root: Path, storage: LocalStorage) -> None:
        """No byte is copied."""
        storage.save("a", ContentFile(b"a"))
        inode = (root / "a").stat().st_ino
        assert storage.move("a", "d/b") == "d/b"
        assert (root / "d/b").stat().st_ino == inode
        assert files_below(root) == {"d/b": b"a"}

    def test_a_taken_name_is_refused(self, root: Path, storage: LocalStorage) -> None:
        """Unless overwriting was asked for."""
        storage.save("a", ContentFile(b"a"))
        storage.save("b", ContentFile(b"b"))
        with pytest.raises(AlreadyExists):
            storage.move("a", "b")
        assert files_below(root) == {"a": b"a", "b": b"b"}
        storage.move("a", "b", overwrite=True)
        assert files_below(root) == {"b": b"a"}

    def test_what_cannot_be_moved(self, root: Path, storage: LocalStorage) -> None:
        """A missing file, a directory; nothing is made for them."""
        with pytest.raises(NotFound):
            storage.move("missing", "d/b")
        storage.save("a/b", ContentFile(b"b"))
        for overwrite in (False, True):
            with pytest.raises(IsADirectory):
                storage.move("a", "c", overwrite=overwrite)
        assert files_below(root) == {"a/b": b"b"}
        assert not (root / "d").exists()

    def test_a_move_that_fails_half_way_is_undone(
        self, root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When the old name cannot be removed, the new one goes."""
        storage.save("a", ContentFile(b"a"))
        unlink = Path.unlink

        def refuse(path: Path, missing_ok: bool = False) -> None:
            if path.name == "a":
                raise PermissionError(errno.EACCES, "sticky")
            unlink(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", refuse)
        with pytest.raises(PermissionError):
            storage.move("a", "d/b")
        assert files_below(root) == {"a": b"a"}
        assert not (root / "d").exists()
