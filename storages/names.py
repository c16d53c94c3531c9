r"""The only judge of names.

A stored name is a relative POSIX path: no ``..``, no ``.``, no empty component, no leading slash,
no control character, nothing that is not UTF-8. Names are refused, not repaired, so that one file
has one name; the one exception is Django's own: ``\`` becomes ``/``.
"""

from __future__ import annotations

import mimetypes
import os
import re
from typing import Any
from urllib.parse import urljoin

from django.core.exceptions import SuspiciousFileOperation
from django.utils.encoding import filepath_to_uri
from django.utils.functional import Promise

from storages.staging import is_temporary

__all__ = ["content_type", "directory_name", "file_name", "join", "join_url", "url_name"]

# Cc (C0, DEL, C1) and lone surrogates, which no UTF-8 text contains.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _text(name: Any) -> str:
    if isinstance(name, (os.PathLike, Promise)):
        name = os.fspath(name) if isinstance(name, os.PathLike) else str(name)
    if not isinstance(name, str):
        msg = f"A file's name must be a str or a path, not {type(name).__name__}."
        raise TypeError(msg)
    # A plain str: subclasses such as SafeString change what concatenation gives.
    return str.__str__(name).replace("\\", "/")


def _judged(name: str, shown: str) -> str:
    if _FORBIDDEN.search(name):
        msg = f"The name {shown!a} has a control character or is not valid Unicode."
        raise SuspiciousFileOperation(msg)
    parts = name.split("/")
    if parts[0] == "" and len(parts) > 1:
        msg = f"The name {shown!r} is absolute; names are relative to the storage's root."
        raise SuspiciousFileOperation(msg)
    for part in parts:
        if part in {"", ".", ".."}:
            msg = f"The name {shown!r} has a component {part!r}, which may lead elsewhere."
            raise SuspiciousFileOperation(msg)
    if is_temporary(parts[-1]):
        msg = f"The name {shown!r} is reserved for files that are being written."
        raise SuspiciousFileOperation(msg)
    return name


def file_name(name: Any) -> str:
    """Return ``name`` (str, path or lazy text) as the name of a file.

    Raises SuspiciousFileOperation for a name that could lead out of the storage or that stores
    would not keep apart or give back, TypeError for what is no text at all.
    """
    text = _text(name)
    if not text:
        msg = "The file's name is empty."
        raise SuspiciousFileOperation(msg)
    return _judged(text, text)


def directory_name(name: Any) -> str:
    """Return ``name`` as the name of a directory, or of what may be one.

    One trailing slash is allowed and dropped; ``""`` and ``"."`` are the root and give ``""``.
    Raises as :func:`file_name` does.
    """
    text = _text(name)
    if text in {"", ".", "./"}:
        return ""
    return _judged(text.removesuffix("/"), text)


def url_name(name: Any) -> str:
    """Return ``name`` as the end of a URL: like a directory's, but a trailing slash stays."""
    text = _text(name)
    directory = directory_name(text)
    return f"{directory}/" if directory and text.endswith("/") else directory


def join(directory: str, name: str) -> str:
    """Return the name of ``name`` in ``directory`` (``""`` is the root)."""
    return f"{directory}/{name}" if directory else name


def join_url(base_url: str, name: str) -> str:
    """Return the URL of ``name`` (judged) below ``base_url``, with or without a trailing slash.

    The name is percent-encoded and cannot change the host or leave the base's path.
    """
    if not base_url.endswith("/"):
        base_url += "/"
    # A colon is encoded too, so that no name is taken for a scheme.
    return urljoin(base_url, filepath_to_uri(name) or "")


def content_type(name: str) -> str:
    """Return the media type that ``name`` suggests, else ``application/octet-stream``.

    A compressed file is what its last suffix says: ``x.csv.gz`` is ``application/gzip``.
    """
    guessed, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return {
            "gzip": "application/gzip",
            "bzip2": "application/x-bzip2",
            "xz": "application/x-xz",
            "br": "application/x-brotli",
            "compress": "application/x-compress",
        }.get(encoding, "application/octet-stream")
    return guessed or "application/octet-stream"
