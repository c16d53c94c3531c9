"""A directory in which saving a name again replaces the file."""

from __future__ import annotations

from storages.local import LocalStorage

__all__ = ["OverwriteStorage"]


class OverwriteStorage(LocalStorage):
    """Keeps the name it is given: what is saved replaces what was there, in one step.

    Whoever reads meanwhile gets all of the old file or all of the new one, and a save that fails
    leaves the old one. Arguments are those of Django's ``FileSystemStorage``; ``allow_overwrite``
    is accepted and changes nothing. A name longer than the field's ``max_length`` is shortened to
    one that no other file has.
    """

    overwrites = True
