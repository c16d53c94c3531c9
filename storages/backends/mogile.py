"""The MogileFS storage under its first name; see ``storages.backends.mogilefs``."""

from __future__ import annotations

from storages.backends.mogilefs import MogileFSStorage

__all__ = ["MogileFSStorage"]
