"""Reading through :class:`storages.readers.RangeReader`, apart from any store."""

from __future__ import annotations

import pytest

from storages.errors import Corrupt, Timeout, Unavailable
from storages.readers import RangeReader, Stat
from storages.retry import deadline
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


def test_why_the_deadline_has_passed() -> None:
    """That reading cannot go on in time has a cause: what it was that broke off."""

    class Breaking(Damaged):
        def readinto(self, buffer: memoryview, /) -> int:
            raise Unavailable("It broke off.")

    raw = RangeReader(MemoryStorage(), "a.bin", Breaking())
    with deadline(0), pytest.raises(Timeout) as caught:
        raw.read(5)
    assert isinstance(caught.value.__cause__, Unavailable)
