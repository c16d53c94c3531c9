"""What is expensive to find out or to make, kept for as many cases as are likely to come again."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most ``most`` values, those used last; thread-safe.

    ``drop`` is called with each value that has to go. An instance is never freed: it is for
    modules.
    """

    def __init__(self, most: int, drop: Callable[[V], object] | None = None) -> None:
        self._most = most
        self._drop = drop
        self._values: OrderedDict[K, V] = OrderedDict()
        self._unlock()
        if hasattr(os, "register_at_fork"):
            # Another thread of the parent may have held it.
            os.register_at_fork(after_in_child=self._unlock)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the value, which counts as used now, or None."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keep the value; drop the one that was used longest ago if they are too many."""
        dropped: list[V] = []
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                dropped.append(self._values.popitem(last=False)[1])
        if self._drop is not None:
            for each in dropped:
                self._drop(each)

    def pop(self, key: K) -> None:
        """Forget the value, if there is one, without dropping it."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        """Forget all values, without dropping them."""
        with self._lock:
            self._values.clear()

    def _unlock(self) -> None:
        self._lock = threading.Lock()
