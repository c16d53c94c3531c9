"""Modes and groups of what the local storages make."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.local import LocalStorage
from tests.backends.disk import files_below, mode_of, umask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage; the first save makes it."""
    return tmp_path / "media"


REAL_FSTAT = os.fstat


class FakeStat:
    """What fstat() says, but for what is given."""

    def __init__(self, fd: int, **given: int) -> None:
        self._real = REAL_FSTAT(fd)
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return self._given.get(name, getattr(self._real, name))


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
