"""SymlinkOrCopyStorage: links to what is on this machine already, and copies all else."""

from __future__ import annotations

import errno
import gzip
import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
    UploadedFile,
)
from django.test import override_settings

from storages import local_publish
from storages.backends.symlinkorcopy import SymlinkOrCopyStorage
from storages.errors import OptionError

ORIGINAL = b"a film of two hours"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The directory whose files may be linked to; it has one."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library/film.mkv").write_bytes(ORIGINAL)
    return tmp_path / "library"


@pytest.fixture
def storage(tmp_path: Path, library: Path) -> SymlinkOrCopyStorage:
    """A storage that links to files of the library."""
    return SymlinkOrCopyStorage(tmp_path / "media", "/media/", [library])


def at(storage: SymlinkOrCopyStorage, name: str) -> Path:
    """Where a file of the storage lies."""
    return Path(storage.path(name))


def saved(storage: SymlinkOrCopyStorage, path: Path, name: str = "a.mkv") -> Path:
    """Save the file at ``path``; return where it lies now."""
    with path.open("rb") as file:
        return at(storage, storage.save(name, File(file)))


class TestLinking:
    """A file of one of the directories becomes a link."""

    def test_the_link_is_absolute(self, storage: SymlinkOrCopyStorage, library: Path) -> None:
        """And the file is read, measured and listed like any other."""
        assert saved(storage, library / "film.mkv").readlink() == library / "film.mkv"
        assert storage.listdir("") == ([], ["a.mkv"])
        assert storage.size("a.mkv") == len(ORIGINAL)
        with storage.open("a.mkv") as file:
            assert file.read() == ORIGINAL

    def test_in_whatever_way_the_file_was_opened(
        self, storage: SymlinkOrCopyStorage, library: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a relative path, unbuffered, half read, for updating, by Django's own storage."""

        def check(content: Any) -> None:
            assert at(storage, storage.save("a.mkv", content)).readlink() == library / "film.mkv"

        monkeypatch.chdir(library)
        with open("film.mkv", "rb") as relative:  # noqa: PTH123 - that is how it is done
            check(relative)
        with Path("film.mkv").open("rb", buffering=0) as unbuffered:
            unbuffered.read(5)
            check(File(unbuffered))
        with Path("film.mkv").open("r+b") as updating:
            check(File(updating))
        with FileSystemStorage(library).open("film.mkv") as file:
            check(file)

    def test_in_new_directories(self, storage: SymlinkOrCopyStorage, library: Path) -> None:
        """They are made as for copies."""
        assert saved(storage, library / "film.mkv", "d/e/a.mkv").is_symlink()

    def test_a_taken_name_gives_another(self, storage: SymlinkOrCopyStorage, library: Path) -> None:
        """For links as for copies."""
        paths = {saved(storage, library / "film.mkv") for _ in range(3)}
        assert len(paths) == 3
        assert all(path.is_symlink() for path in paths)

    def test_a_broken_links_name_is_taken(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """SYM-3: who puts the original back finds the link again."""
        link = saved(storage, library / "film.mkv")
        (library / "film.mkv").unlink()
        assert storage.exists("a.mkv")
        name = storage.save("a.mkv", ContentFile(b"other"))
        assert name != "a.mkv"
        assert link.is_symlink()

    def test_delete_removes_the_link_only(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """Also when it leads nowhere."""
        saved(storage, library / "film.mkv")
        storage.delete("a.mkv")
        assert not storage.exists("a.mkv")
        assert (library / "film.mkv").read_bytes() == ORIGINAL
        link = saved(storage, library / "film.mkv")
        (library / "film.mkv").unlink()
        storage.delete("a.mkv")
        assert not link.is_symlink()

    @pytest.mark.parametrize("mode", ["wb", "r+b", "ab"])
    def test_writing_replaces_the_link(
        self, mode: str, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """The original is never written to."""
        path = saved(storage, library / "film.mkv")
        with storage.open("a.mkv", mode) as file:
            file.write(b"X")
        assert not path.is_symlink()
        assert b"X" in path.read_bytes()
        assert (library / "film.mkv").read_bytes() == ORIGINAL

    def test_the_originals_mode_stays(self, storage: SymlinkOrCopyStorage, library: Path) -> None:
        """FILE_UPLOAD_PERMISSIONS is for the storage's own files."""
        (library / "film.mkv").chmod(0o600)
        with override_settings(FILE_UPLOAD_PERMISSIONS=0o644):
            saved(storage, library / "film.mkv")
        assert (library / "film.mkv").stat().st_mode & 0o777 == 0o600

    def test_overwriting_replaces_in_one_step(self, tmp_path: Path, library: Path) -> None:
        """With allow_overwrite, by a link as by a copy."""
        storage = SymlinkOrCopyStorage(tmp_path / "m", None, [library], allow_overwrite=True)
        storage.save("a.mkv", ContentFile(b"copy"))
        assert saved(storage, library / "film.mkv").is_symlink()
        storage.save("a.mkv", ContentFile(b"copy"))
        assert [(p.name, p.is_symlink()) for p in (tmp_path / "m").iterdir()] == [("a.mkv", False)]
        assert (library / "film.mkv").read_bytes() == ORIGINAL

    def test_a_storage_reached_by_a_link_is_one(self, tmp_path: Path, library: Path) -> None:
        """Directories are compared by where they really are."""
        (tmp_path / "shortcut").symlink_to(library)
        storage = SymlinkOrCopyStorage(tmp_path / "m", None, tmp_path / "shortcut")
        assert saved(storage, tmp_path / "shortcut/film.mkv").readlink() == library / "film.mkv"


class TestCopying:
    """Whatever is not certainly such a file is copied."""

    def copied(self, storage: SymlinkOrCopyStorage, content: Any, data: bytes) -> None:
        """Save ``content``; the storage then has a file of its own, with ``data``."""
        name = storage.save("d/a", content)
        assert not at(storage, name).is_symlink()
        assert at(storage, name).read_bytes() == data

    def test_an_upload_with_a_secrets_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SYM-1: in 1.1.4 it became a link to the secret, and MEDIA_URL served that."""
        project = tmp_path / "project"
        project.mkdir()
        (project / "secrets.env").write_bytes(b"KEY=secret")
        monkeypatch.chdir(project)
        storage = SymlinkOrCopyStorage(tmp_path / "media", None, str(project))
        for name in ("secrets.env", str(project / "secrets.env")):
            file = io.BytesIO(b"upload")
            named: Any = io.BytesIO(b"upload")
            named.name = name
            for content in (
                ContentFile(b"upload", name=name),
                SimpleUploadedFile(name, b"upload"),
                InMemoryUploadedFile(file, None, name, "text/plain", 6, None),
                File(io.BytesIO(b"upload"), name=name),
                named,
            ):
                stored = storage.save("secrets.env", content)
                assert not at(storage, stored).is_symlink()
                assert at(storage, stored).read_bytes() == b"upload"

    def test_an_upload_on_the_disk(self, tmp_path: Path) -> None:
        """Even when uploads are kept in one of the directories: they will be removed."""
        (tmp_path / "tmp").mkdir()
        storage = SymlinkOrCopyStorage(tmp_path / "media", None, [tmp_path])
        with (
            override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path / "tmp")),
            TemporaryUploadedFile("film.mkv", "video/x-matroska", 6, None) as upload,
        ):
            upload.write(b"upload")
            upload.seek(0)
            self.copied(storage, upload, b"upload")

    def test_an_upload_around_a_file_of_the_directories(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """Whatever somebody made of it: uploads are copied."""
        with (library / "film.mkv").open("rb") as file:
            self.copied(storage, UploadedFile(file, name="film.mkv"), ORIGINAL)
            self.copied(storage, File(UploadedFile(file, name="film.mkv")), ORIGINAL)

    def test_a_directory_whose_name_begins_alike(
        self, storage: SymlinkOrCopyStorage, tmp_path: Path
    ) -> None:
        """SYM-2: /library2 is not inside /library."""
        (tmp_path / "library2").mkdir()
        (tmp_path / "library2/film.mkv").write_bytes(b"other")
        with (tmp_path / "library2/film.mkv").open("rb") as file:
            self.copied(storage, File(file), b"other")

    def test_a_link_that_leads_out_of_the_directories(
        self, storage: SymlinkOrCopyStorage, library: Path, tmp_path: Path
    ) -> None:
        """Where a file really is counts."""
        (tmp_path / "outside").write_bytes(b"outside")
        (library / "link").symlink_to(tmp_path / "outside")
        with (library / "link").open("rb") as file:
            self.copied(storage, File(file), b"outside")

    def test_dots_that_lead_out_of_the_directories(
        self, storage: SymlinkOrCopyStorage, library: Path, tmp_path: Path
    ) -> None:
        """Likewise."""
        (tmp_path / "outside").write_bytes(b"outside")
        with (library / "../outside").open("rb") as file:
            self.copied(storage, File(file), b"outside")

    def test_a_file_that_was_replaced_after_it_was_opened(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """Its path names another file now."""
        with (library / "film.mkv").open("rb") as file:
            (library / "new").write_bytes(b"another film")
            (library / "new").replace(library / "film.mkv")
            self.copied(storage, File(file), ORIGINAL)
        with (library / "film.mkv").open("rb") as file:
            (library / "film.mkv").unlink()
            self.copied(storage, File(file), b"another film")

    def test_a_name_that_is_not_the_files(
        self, storage: SymlinkOrCopyStorage, library: Path, tmp_path: Path
    ) -> None:
        """Neither the wrapper's name nor the file's own is believed."""

        class Lying(io.FileIO):
            name = str(library / "film.mkv")

        (tmp_path / "outside").write_bytes(b"outside")
        with (tmp_path / "outside").open("rb") as file:
            self.copied(storage, File(file, name=str(library / "film.mkv")), b"outside")
        with Lying(tmp_path / "outside") as lying:
            self.copied(storage, File(lying), b"outside")

    def test_what_reads_other_bytes_than_the_file_has(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """A gzip file has the descriptor of the compressed one; text may be encoded otherwise."""
        with gzip.open(library / "film.gz", "wb") as packing:
            packing.write(ORIGINAL)
        with gzip.open(library / "film.gz") as packed:
            self.copied(storage, File(packed), ORIGINAL)  # type: ignore[arg-type]
        (library / "text").write_text("é", encoding="latin-1")
        with (library / "text").open(encoding="latin-1") as text:
            self.copied(storage, File(text), "é".encode())

        class Decrypting(File):  # type: ignore[type-arg]
            def chunks(self, chunk_size: int | None = None):  # type: ignore[no-untyped-def] # noqa: ANN202
                yield b"decrypted"

        with (library / "film.mkv").open("rb") as file:
            self.copied(storage, Decrypting(file), b"decrypted")

    def test_the_storages_own_files(self, tmp_path: Path) -> None:
        """A link to one would break when it is deleted."""
        storage = SymlinkOrCopyStorage(tmp_path / "media", None, [tmp_path])
        storage.save("first", ContentFile(b"first"))
        with at(storage, "first").open("rb") as file:
            self.copied(storage, File(file), b"first")

    def test_everything_without_directories(self, tmp_path: Path, library: Path) -> None:
        """The option is not needed (1.1.4: AttributeError)."""
        values: list[Any] = [None, "", [], ":"]
        for nothing in values:
            storage = SymlinkOrCopyStorage(tmp_path / "media", None, nothing)
            with (library / "film.mkv").open("rb") as file:
                self.copied(storage, File(file), ORIGINAL)

    @pytest.mark.parametrize("error", [OSError(errno.EPERM, "FAT"), NotImplementedError("Windows")])
    def test_everything_where_there_are_no_links(
        self,
        error: Exception,
        storage: SymlinkOrCopyStorage,
        library: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Systems, filesystems, missing privileges."""

        def refuse(*args: object) -> None:
            raise error

        monkeypatch.setattr(Path, "symlink_to", refuse)
        for name in ("d/a", "d/a"):
            with (library / "film.mkv").open("rb") as file:
                self.copied(storage, File(file), ORIGINAL)
            assert storage.exists(name)

    def test_a_write_during_the_save_of_a_file_that_is_linked(
        self, storage: SymlinkOrCopyStorage, library: Path
    ) -> None:
        """A link is made for the content that it is of, and for no other."""
        from storages.events import operation

        def receive(sender: object, event: Any, **kwargs: object) -> None:
            if event.name == "a.mkv":
                with storage.open("log.txt", "w") as log:
                    log.write("saved")

        operation.connect(receive)
        try:
            assert saved(storage, library / "film.mkv").is_symlink()
        finally:
            operation.disconnect(receive)
        assert not at(storage, "log.txt").is_symlink()
        assert at(storage, "log.txt").read_bytes() == b"saved"


class TestOptions:
    """symlink_within is a search path or a list of directories."""

    def test_forms(self, tmp_path: Path) -> None:
        """A string with colons, a path, several of either."""
        expected = (Path("/a"), Path("/b"))
        values: list[Any] = ["/a:/b", f"/a{os.pathsep}/b", ["/a", Path("/b")], ("/a", "/b")]
        for value in [*values, ":/a::/b:"]:
            assert SymlinkOrCopyStorage(tmp_path, symlink_within=value).symlink_within == expected
        assert SymlinkOrCopyStorage(symlink_within=Path("/a")).symlink_within == (Path("/a"),)

    def test_a_drives_colon_on_windows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the system's own separator parts paths there."""
        from storages.backends import symlinkorcopy

        monkeypatch.setattr(symlinkorcopy, "WINDOWS", True)
        monkeypatch.setattr(os, "pathsep", ";")
        storage = SymlinkOrCopyStorage(symlink_within="C:/a;D:/b")
        assert [path.name for path in storage.symlink_within or ()] == ["a", "b"]

    def test_the_setting(self) -> None:
        """SYMLINK_WITHIN counts when the argument is missing."""
        with override_settings(SYMLINK_WITHIN="/a:/b"):
            assert SymlinkOrCopyStorage().symlink_within == (Path("/a"), Path("/b"))
            assert SymlinkOrCopyStorage(symlink_within="/c").symlink_within == (Path("/c"),)

    def test_stands_where_it_always_stood(self) -> None:
        """Third, after location and base_url; migrations record it as it was given."""
        storage = SymlinkOrCopyStorage("/media", "/m", "/a:/b")
        assert storage.deconstruct() == (
            "storages.backends.symlinkorcopy.SymlinkOrCopyStorage",
            [],
            {"location": "/media", "base_url": "/m", "symlink_within": "/a:/b"},
        )

    @pytest.mark.parametrize("value", [5, [5]])
    def test_something_else_is_an_error(self, value: Any) -> None:
        """At construction."""
        with pytest.raises(OptionError, match="symlink_within"):
            SymlinkOrCopyStorage(symlink_within=value)


def test_links_are_synchronized(
    storage: SymlinkOrCopyStorage, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory of a new link reaches the disk, like that of a new file."""
    synced: list[int | None] = []
    monkeypatch.setattr(local_publish, "_sync", synced.append)
    saved(storage, library / "film.mkv")
    assert len(synced) == 2  # the directory and the one it was made in
