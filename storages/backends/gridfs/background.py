"""One piece of work in a thread of its own, beside the caller's."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Background"]

T = TypeVar("T")


class Background(Generic[T]):
    """Does ``work``, with the caller's deadline, while the caller goes on.

    The thread ends with the work, so that none is left for a fork to meet.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._process = os.getpid()
        self._done = False
        self._value: T
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending and starts no threads any more
            self._thread = None

    def result(self) -> T:
        """Wait for the work; return what it gave or raise what it raised."""
        self.wait()
        if not self._done:
            self._run()
        if self._error is not None:
            raise self._error
        return self._value

    def wait(self) -> None:
        """Wait until the thread has ended; a forked child has none of its parent's."""
        if self._thread is not None and self._process == os.getpid():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001 - raised by result()
            self._error = error
        self._done = True
