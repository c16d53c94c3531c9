"""The client libraries, imported when a backend first needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from storages.errors import MissingLibrary

__all__ = ["library"]


def library(module: str, extra: str) -> ModuleType:
    """Import and return ``module``; raise MissingLibrary, naming the extra, when it is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingLibrary(
            f"The library {module!r} is not installed: pip install 'django-storages[{extra}]'"
        ) from error
