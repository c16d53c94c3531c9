"""The GridFS storage under its first name; see ``storages.backends.gridfs``."""

from __future__ import annotations

from storages.backends.gridfs import GridFSFile, GridFSStorage

__all__ = ["GridFSFile", "GridFSStorage"]
