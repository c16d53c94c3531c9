"""The whole contract, put together from its chapters."""

from __future__ import annotations

from storages.testing.concurrency import ConcurrencyContract
from storages.testing.consumers import ConsumersContract
from storages.testing.contents import ContentsContract
from storages.testing.copying import AsyncContract, CopyingContract
from storages.testing.large import LargeContract
from storages.testing.lifecycle import LifecycleContract
from storages.testing.listing import ListingContract
from storages.testing.names import NamesContract
from storages.testing.reading import ReadingContract
from storages.testing.saving import SavingContract
from storages.testing.security import SecurityContract
from storages.testing.stat import StatContract
from storages.testing.times import TimesContract
from storages.testing.urls import UrlContract
from storages.testing.writing import TextContract, WritingContract

__all__ = ["StorageContract"]


class StorageContract(
    NamesContract,
    SavingContract,
    ContentsContract,
    ReadingContract,
    WritingContract,
    StatContract,
    ListingContract,
    TimesContract,
    UrlContract,
    ConcurrencyContract,
    LargeContract,
    SecurityContract,
    LifecycleContract,
    TextContract,
    ConsumersContract,
    CopyingContract,
    AsyncContract,
):
    """What every storage must do, as a mix-in for a ``unittest.TestCase``.

    A class that runs it defines ``make_storage()`` and declares the capabilities that differ
    from the defaults::

        class TestMyStorage(StorageContract, unittest.TestCase):
            same_name = "overwrite"

            def setUp(self):
                self.location = self.enterContext(tempfile.TemporaryDirectory())

            def make_storage(self):
                return MyStorage(location=self.location)

    Each test finds the place empty. A case that cannot apply is skipped visibly, with "not
    applicable" and the capability that was declared.
    """

    def test_O01_random_histories(self) -> None:
        """Random histories of operations leave the storage as they leave a dict."""
        self.needs("lists")
        try:
            from storages.testing.model import run_model
        except ImportError:
            self.not_applicable("hypothesis is not installed")
        run_model(self, self.model_examples)
