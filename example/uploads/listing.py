"""What a storage holds, asked for only through Django's storage API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from django.core.files.storage import Storage

from .images import HEAD_SIZE, safe_image_type

# A page for people: beyond this it says that there are more.
LIMIT = 200
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class StoredFile:
    """One file as the pages show it.

    :param image: the content type, when it is an image that a browser may show.
    :param link: where it leads, when it is a symbolic link.
    :param broken: the link leads nowhere.
    """

    name: str
    size: int
    modified: datetime | None
    image: str | None = None
    link: str | None = None
    broken: bool = False


@dataclass(frozen=True)
class Listing:
    """The newest files first, and whether there are more than these."""

    files: list[StoredFile]
    more: bool

    @property
    def size(self) -> int:
        """The bytes in all of them."""
        return sum(file.size for file in self.files)


def names(storage: Storage, directory: str = "") -> Iterator[str]:
    """Yield the name of every file at or below a directory."""
    try:
        directories, files = storage.listdir(directory)
    except FileNotFoundError:
        # Django's FileSystemStorage makes its directory when it stores its first file.
        return
    for file in sorted(files):
        yield f"{directory}/{file}" if directory else file
    for child in sorted(directories):
        yield from names(storage, f"{directory}/{child}" if directory else child)


def count(storage: Storage) -> tuple[int, bool]:
    """Return how many files there are, up to the limit, and whether there are more."""
    found = sum(1 for _ in islice(names(storage), LIMIT + 1))
    return min(found, LIMIT), found > LIMIT


def listing(storage: Storage) -> Listing:
    """Describe the files in a storage."""
    found = list(islice(names(storage), LIMIT + 1))
    files = [file for name in found[:LIMIT] if (file := describe(storage, name)) is not None]
    files.sort(key=lambda file: file.modified or _LONG_AGO, reverse=True)
    return Listing(files, more=len(found) > LIMIT)


def describe(storage: Storage, name: str) -> StoredFile | None:
    """Describe one file; None when somebody deleted it since it was listed."""
    link = _link(storage, name)
    try:
        return StoredFile(
            name,
            size=storage.size(name),
            modified=_modified(storage, name),
            image=image_type(storage, name),
            link=link,
        )
    except FileNotFoundError:
        if link is None:
            return None
        return StoredFile(name, size=0, modified=None, link=link, broken=True)


def image_type(storage: Storage, name: str) -> str | None:
    """Return the content type of a file that a browser may show as an image, else None."""
    with storage.open(name) as file:
        return safe_image_type(file.read(HEAD_SIZE))


def _modified(storage: Storage, name: str) -> datetime | None:
    try:
        return storage.get_modified_time(name)
    except NotImplementedError:
        # Some services keep no time, and Django's API says so in this way.
        return None


def _link(storage: Storage, name: str) -> str | None:
    try:
        path = Path(storage.path(name))
    except NotImplementedError:
        # Not on this disk.
        return None
    return str(path.readlink()) if path.is_symlink() else None
