"""The few helpers that other packages import from here."""

from __future__ import annotations

import os
import posixpath
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation

__all__ = ["clean_name", "is_seekable", "safe_join", "setting"]


class _OutsideBaseError(SuspiciousFileOperation, ValueError):
    """Callers of safe_join() have always caught ValueError."""


def setting(name: str, default: Any = None) -> Any:
    """Return the Django setting ``name``, or ``default`` where the project does not have it."""
    return getattr(settings, name, default)


def clean_name(name: str | os.PathLike[str]) -> str:
    r"""Return ``name`` as a normal POSIX path: ``\`` as ``/``, no ``.``, ``..`` or empty parts.

    A trailing slash stays, and the directory itself is ``""``. Leading ``..`` stay too: this puts
    a name in order and does not judge it.
    """
    text = os.fspath(name).replace("\\", "/")
    clean = posixpath.normpath(text)
    if clean == ".":
        return ""
    if text.endswith("/") and not clean.endswith("/"):
        clean += "/"
    return clean


def safe_join(base: str, *paths: str) -> str:
    """Return ``paths`` joined to ``base``, without a leading slash, as the key of an object.

    ``.`` and ``..`` are resolved; an absolute path counts from the root, so it is outside unless
    ``base`` contains it. A trailing slash stays; ``base`` itself, when not empty, is returned with
    one.

    Raises:
        SuspiciousFileOperation: the result would lie outside ``base`` (also a ValueError).
    """
    root = posixpath.normpath("/" + base.strip("/"))
    joined = posixpath.join(root, *paths)
    path = "/" + posixpath.normpath(joined).strip("/")  # normpath keeps a leading "//"
    inside = path == root or path.startswith(root.rstrip("/") + "/")
    if not inside or _climbs_out(joined):
        raise _OutsideBaseError(f"{posixpath.join('', *paths)!r} lies outside of {base!r}.")
    if path == root:
        return "" if root == "/" else root[1:] + "/"
    if posixpath.basename(joined) in ("", "."):
        path += "/"
    return path[1:]


def _climbs_out(path: str) -> bool:
    """Whether a ``..`` of ``path`` goes above "/", which normpath() passes over in silence."""
    depth = 0
    for part in path.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def is_seekable(file_object: Any) -> bool:
    """Whether one can seek in ``file_object``; objects that do not say so are taken to allow it."""
    seekable = getattr(file_object, "seekable", None)
    return seekable is None or bool(seekable())
