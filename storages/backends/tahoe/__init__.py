"""Tahoe-LAFS, a grid of storage servers that cannot read what they keep."""

from __future__ import annotations

from storages.backends.tahoe.storage import TahoeStorage

__all__ = ["TahoeStorage"]
