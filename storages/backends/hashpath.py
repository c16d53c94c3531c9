"""A directory in which a file's name is the hash of its content."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from storages import names
from storages.errors import AlreadyExists, NotFound
from storages.local import LocalStorage
from storages.options import option
from storages.staging import Source, staged

__all__ = ["HashPathStorage"]


def _fixed_length_hash(name: str) -> str:
    if hashlib.new(name, usedforsecurity=False).digest_size == 0:
        msg = f"{name!r} has no length of its own."
        raise ValueError(msg)
    return name


class HashPathStorage(LocalStorage):
    """Saves content once, as ``<directory>/<h>/<h>/<hash>``, without a suffix.

    Of the name that ``save()`` gets only the directory counts. Saving content that is there already
    writes nothing and returns the same name, so several rows may share one file: deleting it for
    one deletes it for all. ``open()`` for writing uses the name that it is given, as it is.
    """

    hash_name: str = option(
        default="sha1",  # in the databases of those who used the first version
        type=str,
        convert=_fixed_length_hash,
        help="The hash, by its name in hashlib.",
    )

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return ``name``: every name is available, and its file's name follows from the content.

        Raises SuspiciousFileOperation when that will be longer than ``max_length``.
        """
        name = names.file_name(name)
        digits = 2 * hashlib.new(self.hash_name, usedforsecurity=False).digest_size
        if max_length is not None and len(_hashed_name(name, "0" * digits)) > max_length:
            raise SuspiciousFileOperation(
                f"The name of a file saved as {name!r} needs "
                f"{len(_hashed_name(name, '0' * digits))} characters; the field's max_length "
                f"is {max_length}."
            )
        return name

    def _save(self, name: str, content: Any) -> str:
        name = names.file_name(name)
        with staged(content) as source:
            digest = hashlib.new(self.hash_name, usedforsecurity=False)
            for chunk in source.chunks():
                digest.update(chunk)
            key = _hashed_name(name, digest.hexdigest())
            source.restart(self._progress(key, "write"))
            self._keep(key, source)
        return key

    def _keep(self, key: str, source: Source) -> None:
        try:
            self._put(key, source, overwrite=False)
        except AlreadyExists:
            # Deleted since, or not what its name says: half a file that an earlier version left, or
            # what somebody wrote through open().
            if not self._has(key, source):
                self._put(key, source, overwrite=True)

    def _has(self, key: str, source: Source) -> bool:
        try:
            return self._holds(key, source)
        except NotFound:
            return False


def _hashed_name(name: str, digest: str) -> str:
    return names.join(name.rpartition("/")[0], f"{digest[0]}/{digest[1]}/{digest}")
