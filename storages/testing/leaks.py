"""Endurance: thousands of operations leave descriptors, threads, connections and memory alone."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["LeaksContract"]


class LeaksContract(ContractCase):
    """Endurance."""
