"""The mix-ins, which come before a storage class, hide no method that it needs for itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from storages import backends
from storages.base import BaseStorage
from storages.static import ManifestStaticFilesMixin, StaticFilesMixin

#: What the mix-ins override, to call what is behind them; not in IPFS, whose names are its own.
MEANT = frozenset(
    {"_open", "_save", "_url_of", "delete", "exists", "get_modified_time"}
    | {"overwrites", "scandir", "url"}
)


def storage_classes(kind: type[BaseStorage] = BaseStorage) -> Iterator[type[BaseStorage]]:
    """Yield the classes of our backends."""
    for below in kind.__subclasses__():
        if not issubclass(below, StaticFilesMixin):
            if below.__module__.startswith("storages."):
                yield below
            yield from storage_classes(below)


def names_of(kind: type) -> set[str]:
    """Return what a class has that storages do not have anyway."""
    core = BaseStorage.__mro__
    found = {name for part in kind.__mro__ if part not in core for name in vars(part)}
    return {name for name in found if not name.startswith("__")}


def test_no_method_is_hidden() -> None:
    """No backend has a method, other than those of all storages, that a mix-in has, too."""
    for module in pkgutil.iter_modules(backends.__path__):
        importlib.import_module(f"storages.backends.{module.name}")
    kinds = [kind for kind in storage_classes() if kind.__module__ != "storages.backends.ipfs"]
    assert len(kinds) > 10
    mine = names_of(ManifestStaticFilesMixin)
    hidden = {kind.__name__: mine & names_of(kind) - MEANT for kind in kinds}
    assert {name: methods for name, methods in hidden.items() if methods} == {}
