"""Races: many threads and processes at once, forced to meet and left free, round after round."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["RacesContract"]


class RacesContract(ContractCase):
    """Races."""
