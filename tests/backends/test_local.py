"""What the local storages have in common: options, permissions, names, errors, reading."""

from __future__ import annotations

import errno
import io
import os
import pickle
import stat
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db.migrations.serializer import serializer_factory
from django.test import override_settings
from django.urls import reverse_lazy

from storages import local
from storages.backends.overwrite import OverwriteStorage
from storages.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotFound,
    NoURL,
    OptionError,
    StorageError,
)
from storages.local import LocalStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage; the first save makes it."""
    return tmp_path / "media"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    """A storage that chooses another name when one is taken."""
    return LocalStorage(root, "/media/")


def files_below(path: Path) -> dict[str, bytes]:
    """Everything on the disk, temporaries included."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


class TestOptions:
    """The arguments and settings are those of Django's own storage."""

    def test_is_a_file_system_storage_for_django(self, storage: LocalStorage) -> None:
        """Packages ask with isinstance() whether files have a path."""
        assert isinstance(storage, FileSystemStorage)

    def test_arguments_stand_where_django_has_them(self, tmp_path: Path) -> None:
        """location, base_url, both modes and allow_overwrite can be given by position."""
        storage = LocalStorage(str(tmp_path), "/m", 0o600, 0o700, True)  # noqa: FBT003
        assert storage.location == storage.base_location == str(tmp_path)
        assert storage.base_url == "/m/"
        assert storage.file_permissions_mode == 0o600
        assert storage.directory_permissions_mode == 0o700
        assert storage.overwrites

    def test_settings_are_followed_while_they_change(self, tmp_path: Path) -> None:
        """A storage that exists already sees override_settings."""
        storage = LocalStorage()
        with override_settings(
            MEDIA_ROOT=tmp_path,
            MEDIA_URL="https://media.example/x",
            FILE_UPLOAD_PERMISSIONS=0o640,
            FILE_UPLOAD_DIRECTORY_PERMISSIONS=0o750,
        ):
            assert storage.path("a") == str(tmp_path / "a")
            assert storage.url("a b") == "https://media.example/x/a%20b"
            assert storage.file_permissions_mode == 0o640
            assert storage.directory_permissions_mode == 0o750
        assert storage.path("a") != str(tmp_path / "a")

    def test_an_argument_counts_more_than_a_setting(self, root: Path) -> None:
        """What the constructor was given stays."""
        storage = LocalStorage(root, file_permissions_mode=0o600)
        with override_settings(MEDIA_ROOT="/elsewhere", FILE_UPLOAD_PERMISSIONS=0o644):
            assert storage.location == str(root)
            assert storage.file_permissions_mode == 0o600

    def test_a_relative_location_becomes_absolute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Given as an argument or as a class attribute, it stays the same after a chdir."""

        class InUploads(LocalStorage):
            location = "uploads"

        here = Path.cwd()
        storages = [LocalStorage("uploads"), InUploads()]
        monkeypatch.chdir("/")
        assert [s.location for s in storages] == [str(here / "uploads")] * 2

    def test_no_url_without_a_base(self, root: Path) -> None:
        """url() raises what Django raises, and what other packages catch."""
        with override_settings(MEDIA_URL=None), pytest.raises(NoURL):
            LocalStorage(root).url("a")

    def test_a_lazy_base_url_is_not_looked_up_early(self, root: Path) -> None:
        """Storages are made while models load, before there is a URLconf."""
        storage = LocalStorage(root, reverse_lazy("no-such-view"))  # type: ignore[arg-type]
        assert storage.given["base_url"] is not None

    def test_an_unknown_option_is_an_error(self, root: Path) -> None:
        """The error names the nearest option."""
        with pytest.raises(OptionError, match="file_permissions_mode"):
            LocalStorage(root, file_permission_mode=0o600)

    def test_a_wrong_type_is_an_error(self, root: Path) -> None:
        """A mode given as text would otherwise fail at the first save."""
        with pytest.raises(OptionError, match="file_permissions_mode"):
            LocalStorage(root, file_permissions_mode="0600")  # type: ignore[arg-type]

    def test_construction_touches_no_disk(self, root: Path) -> None:
        """Not even the directory is made."""
        LocalStorage(root)
        assert not root.exists()

    def test_migrations_record_what_was_given(self) -> None:
        """The path is the class's, and nothing of the settings is written down."""
        text, imports = serializer_factory(OverwriteStorage("/srv/media")).serialize()
        assert text == "storages.backends.overwrite.OverwriteStorage(location='/srv/media')"
        assert imports == {"import storages.backends.overwrite"}

    def test_pickles(self, storage: LocalStorage) -> None:
        """The copy is for the same place."""
        storage.save("a.txt", ContentFile(b"a"))
        copy = pickle.loads(pickle.dumps(storage))
        assert copy.listdir("") == ([], ["a.txt"])
        assert copy.deconstruct() == storage.deconstruct()

    def test_allow_overwrite_works_on_every_django(self, root: Path) -> None:
        """Django has it since 5.1; here it replaces in one step on all versions."""
        storage = LocalStorage(root, allow_overwrite=True)
        names = [storage.save("a.txt", ContentFile(data)) for data in (b"one", b"two")]
        assert names == ["a.txt", "a.txt"]
        assert files_below(root) == {"a.txt": b"two"}

    def test_an_over_long_name_is_shortened_when_overwriting(self, root: Path) -> None:
        """Django's own get_alternative_name() would give the same name for ever."""
        storage = LocalStorage(root, allow_overwrite=True)
        taken = storage.save("a" * 16 + ".txt", ContentFile(b"one"))
        name = storage.save("a" * 30 + ".txt", ContentFile(b"two"), max_length=20)
        assert len(name) <= 20
        assert files_below(root) == {taken: b"one", name: b"two"}


class TestPermissions:
    """Modes and groups are those that Django's own storage gives."""

    def test_files_get_their_mode_whatever_the_umask(self, root: Path) -> None:
        """FILE_UPLOAD_PERMISSIONS is exact."""
        with umask(0o077):
            LocalStorage(root, file_permissions_mode=0o664).save("a", ContentFile(b"a"))
        assert mode_of(root / "a") == 0o664

    def test_without_a_mode_the_umask_counts(self, root: Path) -> None:
        """FILE_UPLOAD_PERMISSIONS = None leaves it to the system."""
        with override_settings(FILE_UPLOAD_PERMISSIONS=None), umask(0o027):
            LocalStorage(root).save("d/a", ContentFile(b"a"))
        assert mode_of(root / "d/a") == 0o640
        assert mode_of(root / "d") == 0o750

    def test_every_directory_that_is_made_gets_its_mode(self, root: Path) -> None:
        """Also those in between, and those that the umask would narrow."""
        with umask(0o077):
            LocalStorage(root, directory_permissions_mode=0o755).save("b/c/d", ContentFile(b""))
        assert [mode_of(root / d) for d in ("", "b", "b/c")] == [0o755] * 3

    def test_directories_that_exist_keep_their_mode(self, root: Path) -> None:
        """Nobody asked to change them."""
        (root / "b").mkdir(parents=True, mode=0o700)
        LocalStorage(root, directory_permissions_mode=0o755).save("b/c/d", ContentFile(b""))
        assert [mode_of(root / d) for d in ("b", "b/c")] == [0o700, 0o755]

    def test_new_directories_keep_the_set_group_id_bit(self, root: Path) -> None:
        """A shared directory passes its group on at every level, whatever the mode says."""
        root.mkdir()
        root.chmod(0o2775)
        LocalStorage(root, directory_permissions_mode=0o755).save("b/c/d", ContentFile(b""))
        assert [mode_of(root / d) for d in ("b", "b/c")] == [0o2755] * 2

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give groups away")
    def test_files_get_the_group_of_the_root(self, root: Path) -> None:
        """As with Django's own storage."""
        root.mkdir()
        os.chown(root, -1, 12345)
        LocalStorage(root).save("b/a", ContentFile(b""))
        assert (root / "b/a").stat().st_gid == 12345

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give groups away")
    def test_a_directory_that_passes_its_group_on_counts_more(self, root: Path) -> None:
        """Part of a storage may belong to another group."""
        (root / "b").mkdir(parents=True)
        os.chown(root / "b", -1, 12345)
        (root / "b").chmod(0o2775)
        LocalStorage(root).save("b/c/a", ContentFile(b""))
        assert (root / "b/c").stat().st_gid == 12345
        assert (root / "b/c/a").stat().st_gid == 12345

    def test_a_group_that_may_not_be_given_is_left(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Saving works for those who are not in the root's group."""
        refused: list[int] = []

        def refuse(fd: int, uid: int, gid: int) -> None:
            refused.append(gid)
            raise PermissionError(errno.EPERM, "not yours")

        root.mkdir()
        group = root.stat().st_gid
        monkeypatch.setattr(os, "fchown", refuse)
        monkeypatch.setattr(os, "fstat", lambda fd: FakeStat(fd, st_gid=group + 1))
        LocalStorage(root).save("a", ContentFile(b"a"))
        assert refused == [group]
        assert files_below(root) == {"a": b"a"}

    def test_a_private_file_is_private_from_the_start(self, root: Path) -> None:
        """While it is written, nobody else can open the temporary."""
        modes: list[int] = []

        class Watching(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                modes.extend(mode_of(p) for p in root.glob(".storages-*"))
                return super().read(size)

        with umask(0o022):
            LocalStorage(root, file_permissions_mode=0o600).save("a", Watching(b"a" * 200_000))
        assert set(modes) == {0o600}


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
        name = "d/" + "a" * 300
        assert not storage.exists(name)
        with pytest.raises(NotFound):
            storage.size(name)
        with pytest.raises(NotFound):
            storage.open(name)
        with pytest.raises(StorageError, match="too long"):
            storage.save(name, ContentFile(b"a"))
        assert not root.exists()

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
        with pytest.raises(IsADirectory):
            storage.move("a", "c")
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


class FakeStat:
    """What fstat() says, but for what is given."""

    def __init__(self, fd: int, **given: int) -> None:
        self._real = REAL_FSTAT(fd)
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return self._given.get(name, getattr(self._real, name))


REAL_FSTAT = os.fstat


class umask:  # noqa: N801 - reads like the function
    """Set the process's umask for a block."""

    def __init__(self, mask: int) -> None:
        self._mask = mask

    def __enter__(self) -> None:
        self._mask = os.umask(self._mask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._mask)


def mode_of(path: Path) -> int:
    """The permission bits of a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)
