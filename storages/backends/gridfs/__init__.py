"""Files in MongoDB, in the layout of GridFS."""

from __future__ import annotations

from storages.backends.gridfs.storage import GridFSFile, GridFSStorage

__all__ = ["GridFSFile", "GridFSStorage"]
