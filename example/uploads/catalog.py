"""Which storages the site shows, and what it says about each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.http import Http404, HttpRequest


@dataclass(frozen=True)
class Place:
    """One configured storage as the pages show it.

    :param alias: its key in ``STORAGES``, which is also its place in URLs.
    :param title: a short name for people.
    :param summary: what makes it different, in a sentence.
    :param trial: what to do with it to see that.
    """

    alias: str
    title: str
    summary: str
    trial: str

    @property
    def backend(self) -> str:
        """The dotted path that settings.py names."""
        return str(settings.STORAGES[self.alias]["BACKEND"])

    @property
    def storage(self) -> Storage:
        """The storage itself."""
        return storages[self.alias]


_KNOWN = (
    Place(
        "default",
        "Database",
        "Files are rows of this site's SQLite database, in chunks, and part of its transactions.",
        "Store the same name twice: the second file replaces the first.",
    ),
    Place(
        "overwrite",
        "Overwrite",
        "A directory in which a name is always kept: a new file replaces the old one in one step.",
        "Store the same name twice and look at the list: still one file, with the new content.",
    ),
    Place(
        "image",
        "Image",
        "A directory that takes pictures only and names them by what they really are.",
        "Rename a PNG to photo.txt and store it; then try a text file, which is refused.",
    ),
    Place(
        "hashpath",
        "Hash path",
        "A directory in which the content decides the name, so equal files are kept once.",
        "Store one file under two names: there is one file, named by its SHA-1.",
    ),
    Place(
        "symlinkorcopy",
        "Symlink or copy",
        "A directory that links to files which are on this disk already, and copies all others.",
        "Store a sample: it becomes a link into the samples' folder. An upload becomes a copy.",
    ),
    Place(
        "disk",
        "Disk",
        "Django's own FileSystemStorage, to compare with.",
        "Store the same name twice: the second file gets another name.",
    ),
)


def places() -> list[Place]:
    """Return every storage in ``STORAGES`` but the static files', in the order of settings.py."""
    known = {place.alias: place for place in _KNOWN}
    return [
        known.get(alias) or _described_by_its_class(alias)
        for alias in settings.STORAGES
        if alias != "staticfiles"
    ]


def place_or_404(alias: str) -> Place:
    """Return the storage with this alias.

    :raises Http404: there is none.
    """
    for place in places():
        if place.alias == alias:
            return place
    raise Http404(f"No storage is configured as {alias!r}.")


def navigation(_request: HttpRequest) -> Mapping[str, object]:
    """Give every template the storages for its menu."""
    return {"places": places()}


def _described_by_its_class(alias: str) -> Place:
    """Describe a storage that somebody added to settings.py."""
    summary = (inspect.getdoc(type(storages[alias])) or "A storage of your own.").splitlines()[0]
    return Place(alias, alias, summary, "Store the same name twice and see which name it gets.")
