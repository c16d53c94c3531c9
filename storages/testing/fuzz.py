"""Made-up names, for every public method."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["FuzzContract"]


class FuzzContract(ContractCase):
    """Made-up names, for every public method."""
