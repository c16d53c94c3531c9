"""Files in IPFS, by the RPC of a node (Kubo's, which others speak too)."""

from __future__ import annotations

from storages.backends.ipfs.storage import InterPlanetaryFileSystemStorage

__all__ = ["InterPlanetaryFileSystemStorage"]
