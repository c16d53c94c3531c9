"""Storages that are wrong as Python objects, and the case of the contract that has to find it."""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

import os
import threading
from typing import Any

from storages.options import option
from storages.testing import MemoryStorage
from tests.contract.mutants import found_by


@found_by("test_X06_secrets_are_not_shown")
class ShowsSecrets(MemoryStorage):
    """Has a password that it did not declare as a secret."""

    password: str = option(default="hunter2-hunter2", type=str)

    def __repr__(self) -> str:
        return f"ShowsSecrets(password={self.password!r})"


@found_by("test_P01_pickles")
class DoesNotPickle(MemoryStorage):
    """Keeps a lock."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.lock = threading.Lock()


@found_by("test_P03_deconstructs")
class ForgetsItsOptions(MemoryStorage):
    """Deconstructs to something else."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (super().deconstruct()[0], [], {})


@found_by("test_P06_construction_does_no_io")
class ConnectsAtOnce(MemoryStorage):
    """Opens something when it is made."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        with open(os.devnull):  # noqa: PTH123
            pass


@found_by("test_P07_unknown_option")
class TakesAnything(MemoryStorage):
    """Drops options that it does not know."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{k: v for k, v in given.items() if k in {"place", "base_url"}})


@found_by("test_P10_is_not_callable")
class IsCallable(MemoryStorage):
    """Can be called, so that a FileField takes it for a factory."""

    def __call__(self) -> Any:
        return self


@found_by("test_A01_round_trip")
class AsyncReturnsNothing(MemoryStorage):
    """Has an async twin that drops the name."""

    async def asave(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        await super().asave(name, content, max_length)
        return name or ""

    async def aexists(self, name: str) -> bool:
        return not await super().aexists(name)


@found_by("test_D01_manifest")
class HidesAHook(MemoryStorage):
    """Needs ``_url``, which ManifestFilesMixin has too."""

    def _url(self, key: str) -> str:
        return super()._url_of(key)

    def _url_of(self, key: str) -> str:
        return self._url(key)
