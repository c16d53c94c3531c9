"""What ``manage.py check`` tells of fields whose files are in IPFS.

=================  =================================================================
``storages.E090``  the names of new files are longer than the field's column
=================  =================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.core.checks import CheckMessage, Error

from storages.backends.ipfs.cids import LENGTHS

if TYPE_CHECKING:
    from django.db.models import FileField

__all__ = ["check_field"]


def check_field(version: int, field: FileField) -> Iterator[CheckMessage]:
    """Yield what is to be said of a field whose files are named in that version."""
    length = LENGTHS[version]
    if field.max_length is not None and field.max_length < length:
        yield Error(
            f"The names of its files have {length} characters (cid_version = {version}), but its "
            f"max_length is {field.max_length}.",
            hint=f"Make max_length {length} or more, and migrate.",
            obj=field,
            id="storages.E090",
        )
