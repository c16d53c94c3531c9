"""The local storages' options: the arguments and settings of Django's own storage."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db.migrations.serializer import serializer_factory
from django.test import override_settings
from django.urls import reverse_lazy

from storages.backends.overwrite import OverwriteStorage
from storages.errors import (
    NoURL,
    OptionError,
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


@override_settings(STATIC_ROOT=None)
def test_djangos_static_storage_over_it_waits_for_a_static_root() -> None:
    """As over Django's own: constructed without STATIC_ROOT, it says so when a path is needed."""

    class Static(StaticFilesStorage, OverwriteStorage):
        pass

    storage = Static()
    with pytest.raises(ImproperlyConfigured, match="STATIC_ROOT"):
        storage.path("x")
