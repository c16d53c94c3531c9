"""Errors: ours, built-in, pickled, located, and told apart by errno."""

from __future__ import annotations

import errno
import pickle

import pytest
from django.core.exceptions import ImproperlyConfigured

from storages import errors
from storages.errors import StorageError, kind_of
from storages.libraries import library

KINDS = [getattr(errors, name) for name in errors.__all__]
OURS = [kind for kind in KINDS if issubclass(kind, StorageError)]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_says_where_and_what_next_and_pickles(kind: type[StorageError]) -> None:
    """Operation, name, storage, reason and hint survive the way to another process."""
    error = kind("It broke.", operation="open", name="a/b", hint="Mend it.")
    error.locate("other", "other", "Storage()")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) == "open 'a/b' on Storage(): It broke. Mend it."
    assert (copy.operation, copy.name, copy.storage) == ("open", "a/b", "Storage()")
    assert copy.errno == kind.number
    assert isinstance(copy, OSError)


@pytest.mark.parametrize("kind", OURS)
def test_every_error_has_a_reason_of_its_own(kind: type[StorageError]) -> None:
    """Raised bare, it still says something."""
    assert str(kind()) == kind.reason


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, errors.NotFound),
        (errno.EEXIST, errors.AlreadyExists),
        (errno.EACCES, errors.PermissionDenied),
        (errno.EROFS, errors.PermissionDenied),
        (errno.EISDIR, errors.IsADirectory),
        (errno.ENOTDIR, errors.NotADirectory),
        (errno.ENOTEMPTY, errors.DirectoryNotEmpty),
        (errno.ENOSPC, errors.StorageFull),
        (errno.EDQUOT, errors.StorageFull),
        (errno.ECONNREFUSED, errors.Unavailable),
        (errno.ETIMEDOUT, errors.Timeout),
        (errno.EIO, StorageError),
    ],
)
def test_oserrors_are_told_apart_by_their_number(number: int, kind: type[StorageError]) -> None:
    """What the table does not name is judged by errno."""
    assert kind_of(OSError(number, "x"), {}) is kind


def test_the_most_specific_class_of_a_table_wins() -> None:
    """A library's base class is the default of its others."""

    class BaseError(Exception):
        pass

    class SpecialError(BaseError):
        pass

    table: dict[type[BaseException], type[StorageError]] = {
        BaseError: errors.Unavailable,
        SpecialError: errors.NotFound,
    }
    assert kind_of(SpecialError(), table) is errors.NotFound
    assert kind_of(BaseError(), table) is errors.Unavailable
    assert kind_of(KeyError(), table) is None


def test_no_url_is_caught_either_way() -> None:
    """Django raises ValueError, other packages catch NotImplementedError."""
    assert issubclass(errors.NoURL, ValueError)
    assert issubclass(errors.NoURL, NotImplementedError)
    assert str(errors.NoURL()) == "This file is not accessible via a URL."


def test_a_missing_library_names_the_extra_to_install() -> None:
    """And an import that fails inside the library is not mistaken for it."""
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'django-storages\[sftp\]'"):
        library("no_such_library_anywhere", "sftp")
    assert library("json", "x").__name__ == "json"
