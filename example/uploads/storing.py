"""Taking files in: one into one storage, or one into all of them."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from time import perf_counter

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile

from storages.errors import StorageError

from .catalog import Place
from .models import Comparison, Copy

logger = logging.getLogger(__name__)

# What a storage raises when it refuses or fails: the service or the disk, the content, the name.
REFUSALS = (OSError, ValueError, SuspiciousOperation)


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    :param requested: the name it came with.
    :param name: the name it was stored under, or "" when it was not.
    :param reason: why it was not stored, or "".
    """

    requested: str
    name: str = ""
    reason: str = ""

    @property
    def message(self) -> str:
        """Tell a person."""
        if self.reason:
            return f"“{self.requested}” was not stored: {self.reason}"
        if self.name == self.requested:
            return f"“{self.name}” is stored."
        return f"“{self.requested}” is stored as “{self.name}”."


def store(storage: Storage, content: File[bytes], requested: str) -> Outcome:
    """Save a file; a refusal becomes an outcome that says why."""
    try:
        return Outcome(requested, name=storage.save(requested, content))
    except REFUSALS as error:
        logger.info("%s refused by %s: %r", requested, type(storage).__name__, error)
        return Outcome(requested, reason=reason(error))


def reason(error: Exception) -> str:
    """Say to a person what went wrong: no numbers, no paths of the server."""
    if isinstance(error, StorageError):
        text = f"{error.message} {error.hint}".strip()
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    else:
        text = str(error) or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."


def store_everywhere(upload: UploadedFile[bytes], places: list[Place]) -> Comparison:
    """Store one upload in every storage, read each copy back, and remember what happened."""
    name = str(upload.name)
    # Saved as what it is, FileSystemStorage would move a large upload's temporary file away.
    content = upload.file
    digest = _sha256(File(content))
    comparison: Comparison = Comparison.objects.create(name=name, size=upload.size or 0)
    for place in places:
        copy = Copy(comparison=comparison, alias=place.alias)
        try:
            _store_and_read(place.storage, File(content), copy, digest)
        except REFUSALS as error:
            logger.info("%s refused by %s: %r", name, place.alias, error)
            copy.error = reason(error)
        copy.save()
    return comparison


def _store_and_read(storage: Storage, content: File[bytes], copy: Copy, digest: str) -> None:
    content.seek(0)
    start = perf_counter()
    copy.name = storage.save(copy.comparison.name, content)
    copy.save_ms = (perf_counter() - start) * 1000
    copy.size = storage.size(copy.name)
    copy.url = storage.url(copy.name)
    start = perf_counter()
    with storage.open(copy.name) as stored:
        copy.identical = _sha256(stored) == digest
    copy.read_ms = (perf_counter() - start) * 1000


def _sha256(content: File[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()
