"""Threads for the contract's cases about concurrency."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from django.db import connections

__all__ = ["run_threads"]


def run_threads(*functions: Callable[[], Any], within: float = 120) -> list[Any]:
    """Run ``functions`` at once, each in a thread; return results or errors in their order.

    Raises TimeoutError, which tells where it is, when one is not done ``within`` so many seconds.
    """
    results: list[Any] = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(index: int, function: Callable[[], Any]) -> None:
        try:
            start.wait(30)
            results[index] = function()
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            results[index] = error
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(within)
        if thread.is_alive():
            raise TimeoutError(f"A thread gave no result within {within:.0f} s:\n{_place(thread)}")
    return results


def _place(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has ended"
