"""Inputs that are almost right, and how they are tried: few in ``make test``, for minutes in full.

The environment STORAGES_STRESS=full tries each parser for STORAGES_FUZZ_MINUTES (10), every time
with others; STORAGES_FUZZ_SEED begins with the ones of a run that has failed.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from storages.errors import StorageError

T = TypeVar("T")

FULL = os.environ.get("STORAGES_STRESS", "quick") == "full"
#: Seconds for one parser.
SECONDS = 60 * float(os.environ.get("STORAGES_FUZZ_MINUTES", "10"))
#: Seconds that one input may take, and MiB that all of them may add to the process.
LONGEST, MOST = 60, 400
_BATCH = 2000


class TooSlowError(BaseException):
    """An input has taken longer than any should."""


def fuzz(
    strategy: st.SearchStrategy[T],
    check: Callable[[T], object],
    *,
    quick: int = 100,
    known: Sequence[T] = (),
    share: float = 1.0,
) -> None:
    """Check made-up inputs: ``quick`` of them, always the same ones, or as many as time allows.

    ``known`` are inputs that once did harm; ``share`` is the part of a parser's time.
    """
    count, failed = 0, False
    until = time.monotonic() + SECONDS * share

    def counted(value: T) -> None:
        nonlocal count, failed
        if FULL and count and not failed and time.monotonic() > until:
            return
        count += 1
        try:
            with limited():
                check(value)
        except BaseException:
            failed = True  # and is now made shorter, which takes its time
            raise

    def run(examples: int, number: int | None) -> None:
        test = given(strategy)(counted)
        for each in known:
            test = example(each)(test)
        test = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=number is None,
            print_blob=True,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(test)
        (test if number is None else seed(number)(test))()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if FULL:
        number = int(os.environ.get("STORAGES_FUZZ_SEED", random.getrandbits(32)))
        while time.monotonic() < until:
            sys.stdout.write(f"STORAGES_FUZZ_SEED={number} repeats this\n")
            run(_BATCH, number)
            number += 1
        sys.stdout.write(f"{count} inputs\n")
    else:
        run(quick, None)
        assert count >= min(quick, 5)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST, f"the process has grown by {grown:.0f} MiB"


@contextmanager
def limited() -> Iterator[None]:
    """Let what the block does end."""

    def stop(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ours(act: Callable[[], T], *others: type[Exception]) -> T | None:
    """Return what ``act`` returns; None when it raises an error of ours, or one of ``others``."""
    try:
        return act()
    except StorageError as error:
        if not str(error):
            raise AssertionError("an error without words") from error
        return None
    except others:
        return None


# Texts ---------------------------------------------------------------------------------------

LETTERS = st.characters(codec=None)


def mutated(samples: Sequence[str], more: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Texts that begin as one of ``samples`` and are changed here and there; and any text.

    ``more`` are pieces that mean something there.
    """
    piece = st.text(max_size=3) | st.sampled_from([*more, *samples, "", " ", "\0", "9" * 30, "²"])
    change = st.tuples(st.integers(0, 10_000), st.integers(0, 12), piece)

    def apply(sample: str, changes: list[tuple[int, int, str]]) -> str:
        for at, length, new in changes:
            place = at % (len(sample) + 1)
            sample = sample[:place] + new + sample[place + length :]
        return sample

    return st.text(max_size=40) | st.builds(
        apply, st.sampled_from(list(samples)), st.lists(change, max_size=3)
    )


def mutated_bytes(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """The same of bytes."""
    texts = [sample.decode("latin-1") for sample in samples]
    return mutated(texts).map(lambda text: text.encode("latin-1", "replace")) | st.binary(
        max_size=40
    )


# JSON ----------------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e308, 10**30, float("inf"), float("nan")),
    *("", "x", "0", "1", "-1", "²", "\ud800", "\0", "../x", "/", ".", "a/b", "é", "y" * 3000),
    *("2024-02-29T12:34:56.123456", "md5-", "md5-AAAA", "9" * 5000, "https://h/", "file"),
    *([], {}, [[]], [None], [1], ["a"], {"": None}, {"a": {"b": [{}]}}, [{}], [["a", 1, 2]]),
)  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container and the key of each value in it."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _changed(value: Any, changes: list[tuple[int, int, Any]]) -> Any:
    root = [copy.deepcopy(value)]
    for at, how, odd in changes:
        places = list(_places(root))
        if not places:
            break
        holder, key = places[at % len(places)]
        new = copy.deepcopy(odd)
        if how in {0, 1, 2}:
            holder[key] = new
        elif how == 3:
            del holder[key]
        elif how == 4:
            holder[key] = [holder[key]]
        elif how == 5:
            holder[key] = str(holder[key])
        elif isinstance(holder, list):
            holder.insert(key, new)
        else:
            holder[str(odd)[:20]] = holder.pop(key)
    return root[0] if root else None


def changed_json(*samples: Any) -> st.SearchStrategy[Any]:
    """Values that begin as one of ``samples``, of which some parts are others, or gone."""
    change = st.tuples(
        st.integers(0, 500),
        st.integers(0, 6),
        st.sampled_from(ODD) | st.text(max_size=4) | st.integers() | st.floats(),
    )
    return st.builds(_changed, st.sampled_from(list(samples)), st.lists(change, max_size=3))


def json_text(*samples: Any) -> st.SearchStrategy[bytes]:
    """Such values as JSON, and what is no JSON any more."""
    whole = changed_json(*samples).map(lambda value: json.dumps(value).encode())
    texts = [json.dumps(sample).encode() for sample in samples]
    deep = [b"[" * 100_000, b'{"a":' * 50_000, b"[" * 500 + b"]" * 500, b'["\\ud800"]', b"1" * 5000]
    return st.one_of(whole, whole, whole, mutated_bytes(texts), st.sampled_from([b"", *deep]))
