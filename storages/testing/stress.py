"""The stress, put together from its chapters: what takes longer than the contract's cases."""

from __future__ import annotations

from storages.testing.fuzz import FuzzContract
from storages.testing.leaks import LeaksContract
from storages.testing.nth import HookFailuresContract
from storages.testing.races import RacesContract
from storages.testing.secrets import SecretsContract

__all__ = ["StressContract"]


class StressContract(
    HookFailuresContract, RacesContract, FuzzContract, LeaksContract, SecretsContract
):
    """What every storage must bear, as a mix-in for a ``unittest.TestCase``.

    It needs the hooks and capabilities of :class:`storages.testing.StorageContract`. A quick pass,
    unless the environment says ``STORAGES_STRESS=full``. This module needs hypothesis.
    """
