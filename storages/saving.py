"""Saving: names are given out race-free, and nothing is lost when two savers meet.

``save()`` takes the first name to be free and lets the store decide, by a write that may only
create. A refusal marks the name as taken, and another one is made of it. So a free name costs one
request, and there is no moment between asking and writing in which somebody else can take it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any

import django
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import Storage

from storages import names
from storages.errors import AlreadyExists
from storages.hooks import Hooks
from storages.readers import RangeReader
from storages.staging import Source, staged

__all__ = ["SavingStorage"]

# Django draws seven random characters; so many of them taken in a row means that the store lies.
_MOST_NAMES = 100
#: By so much a store's clock may be wrong: some take a local time for that of Greenwich.
_CLOSE = timedelta(days=1)


@dataclass
class _Saving:
    """A ``save()`` under way: whose, which names it has found taken, how long one may be."""

    storage: SavingStorage
    max_length: int | None = None
    taken: set[str] = field(default_factory=set)


_saving: ContextVar[_Saving | None] = ContextVar("storages_saving", default=None)


class SavingStorage(Hooks, Storage):
    """The part of a storage that saves; see :class:`storages.base.BaseStorage`."""

    #: Whether saving a name again replaces the file, instead of choosing another name.
    overwrites: bool = False

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that is free: ``name``, or one made of it with seven random characters.

        An overwriting storage returns ``name`` whether it is free or not. Raises
        SuspiciousFileOperation when ``max_length`` leaves no room for a name.
        """
        name = names.file_name(name)
        if self.overwrites and (max_length is None or len(name) <= max_length):
            return name
        directory, base = os.path.split(name)
        suffixes = PurePosixPath(base).suffixes
        # Django 5.1 began to keep all suffixes: x.tar.gz -> x_abc1234.tar.gz.
        kept = suffixes if django.VERSION >= (5, 1) else suffixes[-1:]
        extension = "".join(kept)
        root = base.removesuffix(extension)
        while not self.is_name_available(name, max_length=max_length):
            name = names.join(directory, self.get_alternative_name(root, extension))
            if max_length is None:
                continue
            excess = len(name) - max_length
            if excess > 0:
                root = root[:-excess]
                if not root:
                    raise SuspiciousFileOperation(
                        f"No name for {base!r} fits into {max_length} characters. Give the "
                        f"field's max_length more room, or the file a shorter directory."
                    )
                name = names.join(directory, self.get_alternative_name(root, extension))
        return name

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Tell whether ``name`` is free and not longer than ``max_length``.

        Within ``save()`` a name counts as free until the store has refused to create it: that
        costs no request, and no other writer can take it in between.
        """
        if max_length is not None and len(name) > max_length:
            return False
        saving = _saving.get()
        if saving is not None and saving.storage is self and not self.overwrites:
            return name not in saving.taken
        return not self.exists(name)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store ``content`` under ``name``, or another name made of it; return the name.

        All or nothing: a file of that name is never lost or half replaced, whoever saves at the
        same time. ``content`` is a Django File or any object with ``read``; it is read from its
        start where it can seek, left open, and stands at its end afterwards. What it raises is
        raised unchanged. ``max_length`` bounds the name that is returned.
        """
        if name is None:
            name = content.name
        name = names.file_name(name)
        if not hasattr(content, "chunks"):
            content = File(content, name)
        token = _saving.set(_Saving(self, max_length))
        try:
            return super().save(name, content, max_length)
        finally:
            _saving.reset(token)

    def _save(self, name: str, content: Any) -> str:
        """Store ``content``; Django's manifest storages call this without ``save()``."""
        key = wanted = names.file_name(name)
        overwrite = self.overwrites
        with self._saving() as saving, staged(content, self._progress(key, "write")) as source:
            for _ in range(_MOST_NAMES):
                try:
                    self._put(key, source, overwrite=overwrite)
                except AlreadyExists:
                    if overwrite:
                        raise
                    saving.taken.add(key)
                else:
                    return key
                key = names.file_name(self.get_available_name(wanted, saving.max_length))
                # A subclass that answers with a taken name wants that file replaced.
                overwrite = key in saving.taken
        raise AlreadyExists(
            f"{_MOST_NAMES} names in a row were taken.", operation="save", name=wanted
        ).locate("save", wanted, repr(self))

    @contextmanager
    def _saving(self) -> Iterator[_Saving]:
        """Give the ``save()`` that called, or begin one."""
        current = _saving.get()
        if current is not None and current.storage is self:
            yield current
            return
        current = _Saving(self)
        token = _saving.set(current)
        try:
            yield current
        finally:
            _saving.reset(token)

    def _put(self, key: str, source: Source, *, overwrite: bool) -> None:
        attempts = 0
        began = datetime.now(timezone.utc)

        def write() -> None:
            nonlocal attempts
            attempts += 1
            source.seek(0)
            self._write(key, source, overwrite=overwrite)

        try:
            self._call("write", key, write, source)
        except AlreadyExists as error:
            if attempts == 1:
                raise
            taken = error
        else:
            return
        # A repeated create may meet its own first attempt, whose answer was lost.
        if not self._holds(key, source, since=began):
            raise taken

    def _holds(self, key: str, source: Source, *, since: datetime | None = None) -> bool:
        """Tell whether the file's content is what ``source`` has.

        False for a file that is older than ``since``, where the store tells and it is not close.
        """
        raw = RangeReader(self, key, self._open_reader(key))
        with io.BufferedReader(raw) as stored:
            modified = raw.stat.modified
            if since is not None and modified is not None and modified < since - _CLOSE:
                return False
            if raw.stat.size != source.size:
                return False
            return all(stored.read(len(chunk)) == chunk for chunk in source.chunks())
