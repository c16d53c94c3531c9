"""What the results say: medians, ratios, what is slower, how much noise there is."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

from benchmarks.place import OURS, PEER, RAW
from benchmarks.rows import FAR, NEAR

__all__ = [
    "ENOUGH",
    "MIB",
    "found",
    "growth",
    "noise",
    "points",
    "ratio",
    "rows",
    "seconds",
    "slower",
    "swing",
]

Figures = dict[str, Any]
MIB = 1024 * 1024
#: Of the client library's speed, of today's django-storages': less is slower.
ENOUGH = {RAW: 0.9, PEER: 1.0}
#: Two medians that differ by less are not told apart.
_NOISE = 0.05
_MEASURED_TWICE = 2


def rows(backend: Figures) -> Iterator[tuple[str, Figures]]:
    """Every row that has figures of ours, near first."""
    everything = backend.get("rows", {}).items()
    for line in (NEAR, FAR):
        for key, row in everything:
            if row["line"] == line:
                yield key, row


def found(row: Figures, subject: str) -> Figures | None:
    """The figures of a subject, if it was measured."""
    figures: Figures | None = row["subjects"].get(subject)
    return figures if figures and figures.get("turns") else None


def seconds(row: Figures, subject: str) -> float | None:
    """The median of the turns, each of which is the median of its repetitions."""
    figures = found(row, subject)
    return median(figures["turns"]) if figures else None


def ratio(row: Figures, other: str) -> float | None:
    """The other's time to ours: above 1 ours is faster."""
    ours, theirs = seconds(row, OURS), seconds(row, other)
    return theirs / ours if ours and theirs else None


def per_turn(row: Figures, other: str) -> list[float]:
    """The ratio in each turn."""
    ours, theirs = found(row, OURS), found(row, other)
    if not ours or not theirs:
        return []
    pairs = zip(theirs["turns"], ours["turns"], strict=False)
    return [one / two for one, two in pairs]


def swing(row: Figures, other: str) -> tuple[float, float] | None:
    """The smallest and the largest ratio of a turn."""
    each = per_turn(row, other)
    return (min(each), max(each)) if len(each) >= _MEASURED_TWICE else None


def growth(row: Figures, subject: str) -> float | None:
    """By how many MiB the process grew."""
    figures = found(row, subject)
    return figures["growth"] / MIB if figures else None


def points(backend: Figures, kind: str, axis: str, subject: str) -> list[tuple[float, float]]:
    """Of all near rows of a kind: what is on the axis (size, count, threads), and the seconds."""
    chosen = [
        (float(row[axis]), seconds(row, subject))
        for _, row in rows(backend)
        if row["kind"] == kind and row["line"] == NEAR
    ]
    return sorted((x, y) for x, y in chosen if y is not None)


def noise(results: Figures) -> tuple[float, float, int]:
    """By how much ratios differ between turns: half of them, nine in ten of them; of how many.

    Of a row: half of the way from the smallest to the largest, of their median.
    """
    widths = []
    for backend in results["backends"].values():
        for _, row in rows(backend):
            each = per_turn(row, RAW)
            if len(each) > _MEASURED_TWICE:
                widths.append((max(each) - min(each)) / 2 / median(each))
    if len(widths) < _MEASURED_TWICE:
        return 0.0, 0.0, len(widths)
    return median(widths), quantiles(widths, n=10)[-1], len(widths)


def slower(results: Figures) -> Iterator[tuple[str, str, Figures, str, float]]:
    """Yield what is slower than it should be, beyond noise: backend, key, row, other, ratio."""
    for name, backend in results["backends"].items():
        for key, row in rows(backend):
            for other, enough in ENOUGH.items():
                reached = ratio(row, other)
                if reached is None or reached >= enough * (1 - _NOISE):
                    continue
                widest = swing(row, other)
                if widest is not None and widest[1] >= enough:
                    continue  # some turn says otherwise
                yield name, key, row, other, reached
