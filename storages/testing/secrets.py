"""Secrets: whatever a storage says or writes, the marked secrets are not in it."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["SecretsContract"]


class SecretsContract(ContractCase):
    """Secrets."""
