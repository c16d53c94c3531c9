"""Documents: which is a file's, what it says of the file, and where it is among others."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from storages import names
from storages.base import Source, Stat
from storages.http import Answer
from storages.http.digests import Digest
from storages.told import length, text

__all__ = [
    "after",
    "below",
    "bounds",
    "document_of",
    "identity",
    "is_file",
    "name_of",
    "stat_of",
    "stat_of_content",
]

#: CouchDB compresses text and could then give no ranges, and the digest of something else.
_BINARY = "application/octet-stream"
#: No name comes after it: the last code point of Unicode, more often than a name will have it.
#: Without an end PouchDB leaves names out.
_LAST = "\U0010ffff" * 64


def identity(key: str) -> str:
    """Return the id of the document: the name, but CouchDB keeps ``_`` at the front for itself."""
    return f"./{key}" if key.startswith("_") else key


def name_of(document: str) -> str:
    """Return the name of the file whose document has that id: no name begins with ``./``."""
    return document.removeprefix("./")


def bounds(directory: str) -> tuple[str, str]:
    """Return the first id below a directory, and the first one after it."""
    return (f"{identity(directory)}/", after(directory)) if directory else ("", _LAST)


def after(directory: str) -> str:
    """Return the first id after all those below a directory."""
    return f"{identity(directory)}0"  # which follows "/"


def below(directory: str, document: str) -> str:
    """Return the name of a document's file, from the directory that it is in."""
    return name_of(document)[len(directory) + 1 if directory else 0 :]


def document_of(key: str, source: Source) -> dict[str, Any]:
    """Return the document of a new file; the MD5 lets CouchDB refuse what is damaged on its way."""
    digest = Digest("md5")
    source.seek(0)
    for chunk in source.chunks():
        digest.update(chunk)
    return {
        "_id": identity(key),
        "size": source.size,
        "content_type": source.content_type or names.content_type(key),
        "modified": datetime.now(timezone.utc).isoformat(),
        "_attachments": {
            "content": {
                "follows": True,
                "content_type": _BINARY,
                "length": source.size,
                "digest": f"md5-{base64.b64encode(digest.digest()).decode()}",
            }
        },
    }


def is_file(document: Mapping[str, Any]) -> bool:
    """Tell whether the document is a file's."""
    return "content" in document.get("_attachments", {})


def stat_of(document: Mapping[str, Any]) -> Stat:
    """Return what a file's document tells of it."""
    content = document["_attachments"]["content"]
    return Stat(
        size=length(content["length"]),
        modified=_moment(document.get("modified")),
        version=content["digest"].removeprefix("md5-"),
        checksum=_checksum(content["digest"].removeprefix("md5-"), content["content_type"]),
        content_type=text(document.get("content_type")) or text(content["content_type"]),
    )


def _moment(text: Any) -> datetime | None:
    """Return the time that we wrote; documents of others may have anything there."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def stat_of_content(answer: Answer, size: int) -> Stat:
    """Return what the attachment's own answer tells: not the time, nor the type if it is ours."""
    kind = answer.headers.get("Content-Type", "")
    return Stat(
        size=size,
        version=answer.etag,
        checksum=_checksum(answer.etag, kind),
        content_type=None if kind == _BINARY else kind or None,
    )


def _checksum(digest: str | None, content_type: str) -> str | None:
    """Return the MD5 of the content; that of what may be compressed is of something else."""
    if digest is None or content_type != _BINARY:
        return None
    try:
        return f"md5:{base64.b64decode(digest, validate=True).hex()}"
    except binascii.Error:
        return None
