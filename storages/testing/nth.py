"""Failing hooks: whichever call of a hook fails, nothing is lost and nothing is half there."""

from __future__ import annotations

from storages.testing.case import ContractCase

__all__ = ["HookFailuresContract"]


class HookFailuresContract(ContractCase):
    """Failing hooks."""
