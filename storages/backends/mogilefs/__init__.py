"""Files in MogileFS: trackers that know where they are, storage nodes that have them.

The view is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storages.backends.mogilefs.storage import MogileFSStorage

if TYPE_CHECKING:
    from storages.backends.mogilefs.views import serve_mogilefs_file

__all__ = ["MogileFSStorage", "serve_mogilefs_file"]


def __getattr__(name: str) -> Any:
    if name != "serve_mogilefs_file":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from storages.backends.mogilefs import views

    return views.serve_mogilefs_file
