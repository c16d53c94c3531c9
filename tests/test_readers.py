"""Reading through :class:`storages.readers.RangeReader`, apart from any store."""

from __future__ import annotations

import pytest

from storages.errors import Corrupt
from storages.readers import RangeReader, Stat
from storages.testing import MemoryStorage


class Damaged:
    """A stream of ten bytes whose last five are damaged, and which hands them out all the same."""

    def __init__(self) -> None:
        self.stat = Stat(10)
        answers: list[bytes | Corrupt] = [b"whole", Corrupt("It is damaged."), b"wrong"]
        self._answers = iter(answers)

    def readinto(self, buffer: memoryview, /) -> int:
        """Give the next piece."""
        answer = next(self._answers)
        if isinstance(answer, Corrupt):
            raise answer
        buffer[: len(answer)] = answer
        return len(answer)

    def close(self) -> None:
        """Nothing is open."""


def test_nothing_is_read_on_after_damage() -> None:
    """Whoever reads on gets the error again, not the end that did not fit; a seek begins anew."""
    raw = RangeReader(MemoryStorage(), "a.bin", Damaged())
    assert raw.read(5) == b"whole"
    for _ in range(2):
        with pytest.raises(Corrupt, match="damaged"):
            raw.read(5)
    raw.seek(5)
    assert raw.read(5) == b"wrong"
