"""The MogileFS storage and its view under their first name; see ``storages.backends.mogilefs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storages.backends import mogilefs
from storages.backends.mogilefs import MogileFSStorage

if TYPE_CHECKING:
    from storages.backends.mogilefs import serve_mogilefs_file

__all__ = ["MogileFSStorage", "serve_mogilefs_file"]


def __getattr__(name: str) -> Any:
    return getattr(mogilefs, name)
