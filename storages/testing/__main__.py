"""``python -m storages.testing``: see :mod:`storages.testing.column`."""

from __future__ import annotations

from storages.testing.column import main

raise SystemExit(main())
