"""Where the example site keeps what it writes: below one directory, which can be thrown away."""

from __future__ import annotations

import os
from pathlib import Path

VAR = Path(os.environ.get("STORAGES_EXAMPLE_VAR") or Path(__file__).resolve().parent / "var")
# What the symlink storage may link into.
SAMPLES = VAR / "samples"
