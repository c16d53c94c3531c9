"""What is in the documents of files, also of those that other programs have written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from storages import names
from storages.base import Stat

__all__ = ["CLAIMS", "Document", "claims_of", "is_name", "number_in", "stat_of", "version_of"]

#: The field with the claims to a file's name; see :mod:`storages.backends.gridfs.bucket`.
CLAIMS = "storages_claims"
_SHA256 = re.compile("[0-9a-f]{64}")
_MD5 = re.compile("[0-9a-f]{32}")

Document = Mapping[str, Any]


def claims_of(key: str) -> list[str]:
    """Return the claims to a name."""
    return [f"0:{key}", f"1:{key}"]


def number_in(document: Document, name: str) -> int:
    """Return a number, 0 where there is none: other programs may have written anything."""
    value = document.get(name)
    return int(value) if isinstance(value, (int, float)) and 0 < value < math.inf else 0


def stat_of(document: Document) -> Stat:
    """Return what a file's document tells."""
    metadata = document.get("metadata")
    kept = metadata if isinstance(metadata, Mapping) else {}
    content_type = kept.get("contentType") or document.get("contentType")
    uploaded = document.get("uploadDate")
    return Stat(
        size=number_in(document, "length"),
        modified=uploaded if isinstance(uploaded, datetime) else None,
        version=version_of(document["_id"]),
        checksum=_checksum(document, kept),
        content_type=content_type if isinstance(content_type, str) else None,
    )


def version_of(file: Any) -> str:
    """Return the id as text: no two files have one, and a file never changes."""
    return str(file) if type(file).__name__ == "ObjectId" else repr(file)


def _checksum(document: Document, metadata: Mapping[str, Any]) -> str | None:
    """Return our digest, or that of older drivers; what others call sha256 may be anything."""
    for name, value, form in (
        ("sha256", metadata.get("sha256") if CLAIMS in document else None, _SHA256),
        ("md5", document.get("md5"), _MD5),
    ):
        if isinstance(value, str) and form.fullmatch(value):
            return f"{name}:{value}"
    return None


def is_name(name: Any) -> bool:
    """Tell whether a storage takes it: other programs' names may be anything."""
    try:
        return isinstance(name, str) and names.file_name(name) == name
    except SuspiciousFileOperation:
        return False
