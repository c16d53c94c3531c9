"""Where the storages of the contract's runs keep their files."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path


def directory(case: unittest.TestCase, *, in_memory: bool = True) -> Path:
    """Make a directory for one test; in memory where the system has that, since it is quicker."""
    memory = "/dev/shm"
    parent = memory if in_memory and os.access(memory, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="storages-contract-", dir=parent)
    case.addCleanup(made.cleanup)
    return Path(made.name)
