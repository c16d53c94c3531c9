"""Testing with storages, and testing storages. Public.

* :class:`StorageContract`: what every storage must do, as a ``unittest`` mix-in;
* :class:`MemoryStorage`: a storage in memory that keeps every promise of the contract;
* :func:`assertNumOperations`: counts what a storage asks of its store;
* :class:`storages.testing.model.StorageMachine`: random histories, compared with a dict;
* :class:`storages.testing.stress.StressContract`: calls that fail, races, made-up names, leaks and
  secrets; ``STORAGES_STRESS=full`` makes it hours;
* ``python -m storages.testing dotted.path.of.YourTest``: what your storage promises.

The test methods are numbered by chapter: names N, saving S, reading R, writing W, stat Z, listing
L, times T, URLs U, concurrency C, large B, security X, life cycle P, text M, Django's consumers D,
random histories O, copying Y, async A, failing calls F. What only a network can do needs a server
of the service: these numbers are tests of this package's own, in tests/faults and tests/backends:

====================== ===========================================================================
F01-F21                faults: cut, stalled and damaged transfers, restarts, lost answers, statuses
T04                    a server in another time zone or with a skewed clock
U04, U05, U06, U07     signed URLs, private files, content disposition, signatures in repr and logs
C05, C08 (sockets)     two machines; sockets shared after a fork
X04 (over the wire)    line ends in FTP commands and HTTP headers
X05                    unknown SSH host keys, TLS verification
R17 (over the wire)    bytes moved when a part of a gigabyte is read
Z08, Z13, Z14          with real refusals, dead servers, and 403 for a missing file
====================== ===========================================================================

Everything is imported on first use, so that a project whose tests need ``MemoryStorage`` only
loads no more than that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storages.testing.contract import StorageContract
    from storages.testing.events import (
        OperationAssertions,
        assertNumOperations,
        recorded_operations,
    )
    from storages.testing.memory import MemoryStorage

__all__ = [
    "MemoryStorage",
    "OperationAssertions",
    "StorageContract",
    "assertNumOperations",
    "recorded_operations",
]

_HOMES = {
    "MemoryStorage": "memory",
    "OperationAssertions": "events",
    "StorageContract": "contract",
    "assertNumOperations": "events",
    "recorded_operations": "events",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
