"""The results as plots: SVG files that are the same bytes for the same results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks import figures
from benchmarks.place import OURS, PEER, RAW
from benchmarks.rows import KB, MB, NEAR
from benchmarks.tables import OVERVIEW, chosen, measured

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

__all__ = ["draw"]

Figures = dict[str, Any]
# Colours that people who see fewer of them can tell apart (Okabe and Ito's).
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
WHO = {OURS: ("this package", BLUE, "-"), RAW: ("beside it", GREY, "--")}
WHO_ELSE = {PEER: ("django-storages 1.14.6", ORANGE, ":")}
STYLE: Any = {
    "svg.hashsalt": "storages",
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    # A light card on either theme.
    "figure.facecolor": "#fbfbfb",
    "axes.facecolor": "#fbfbfb",
}
COLUMNS = 3
NARROW = 40  # an axis from the least to so many times that has more labels


def seconds(value: float, _: object = None) -> str:
    """An axis' label: ``10 ms``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size * 0.999:
            return f"{value / size:.4g} {unit}"
    return f"{value * 1e9:.4g} ns"


def octets(value: float, _: object = None) -> str:
    """An axis' label: ``1 MB``."""
    for unit, size in (("GB", 1000 * MB), ("MB", MB), ("kB", KB)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"


def count(value: float, _: object = None) -> str:
    """An axis' label: ``10,000``."""
    return f"{value:,.0f}"


@contextmanager
def saved(path: Path) -> Iterator[None]:
    """Draw with our style; save what is drawn, without a date."""
    with mpl.rc_context(STYLE):
        yield
        metadata: dict[str, Any] = {"Date": None, "Creator": None}
        plt.savefig(path, format="svg", metadata=metadata, bbox_inches="tight")
        plt.close("all")
    # It ends lines with spaces, and says for whom each font is.
    text = re.sub(r"[ \t]+\n", "\n", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


def panels(names: list[str]) -> tuple[Any, list[Any]]:
    """A figure with a panel for each backend."""
    lines = -(-len(names) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(9, 2.3 * lines + 0.5), squeeze=False)
    flat = list(axes.flat)
    for axis in flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(flat, names, strict=False):
        axis.set_title(name, loc="left", fontweight="bold")
    return figure, flat


def finish(figure: Any, axes: list[Any], below: str, beside: str) -> None:
    """Name the axes once; tell who is who, once."""
    known: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    figure.tight_layout(rect=(0.02, 0.02, 1, 1 - 0.3 / figure.get_size_inches()[1]))
    figure.supxlabel(below, fontsize=9)
    figure.supylabel(beside, fontsize=9)
    figure.legend(known.values(), known.keys(), loc="upper center", ncols=len(known), frameon=False)


def logarithmic(axis: Any, x: Callable[..., str], y: Callable[..., str]) -> None:
    """Both axes, with labels that people read."""
    axis.set_xscale("log")
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    for which, form in ((axis.xaxis, x), (axis.yaxis, y)):
        narrow = which is axis.yaxis and high / low < NARROW
        subdivided = (1.0, 2.0, 5.0) if narrow else (1.0,)
        which.set_major_locator(LogLocator(subs=subdivided, numticks=7))
        which.set_major_formatter(FuncFormatter(form))
        which.set_minor_locator(NullLocator())
    axis.tick_params(labelsize=7)


def names(results: Figures, path: Path) -> bool:
    """Time against the number of names in a directory."""
    kinds = {
        "names-list": ("listdir", ORANGE, "o"),
        "names-save": ("save 1 kB", BLUE, "s"),
        "names-read": ("open and read 1 kB", GREEN, "^"),
        "names-exists": ("exists", PURPLE, "v"),
    }
    there = {
        name: backend
        for name, backend in measured(results)
        if len(figures.points(backend, "names-list", "count", OURS)) > 1
    }
    if not there:
        return False
    with saved(path):
        figure, axes = panels(list(there))
        for axis, backend in zip(axes, there.values(), strict=False):
            for kind, (label, colour, marker) in kinds.items():
                points = figures.points(backend, kind, "count", OURS)
                if points:
                    axis.plot(*zip(*points, strict=True), color=colour, marker=marker, label=label)
            logarithmic(axis, count, seconds)
        finish(figure, axes, "names in the directory (logarithmic)", "time (logarithmic)")
    return True


def sizes(results: Figures, path: Path) -> bool:
    """Time against the bytes of a file."""
    there = {
        name: backend
        for name, backend in measured(results)
        if len(figures.points(backend, "save", "size", OURS)) > 1
    }
    if not there:
        return False
    with saved(path):
        figure, axes = panels(list(there))
        for axis, backend in zip(axes, there.values(), strict=False):
            for kind, colour, marker in (("save", BLUE, "s"), ("read", GREEN, "^")):
                for who, style in ((OURS, "-"), (RAW, "--"), (PEER, ":")):
                    points = figures.points(backend, kind, "size", who)
                    if points:
                        label = {
                            OURS: f"{kind}",
                            RAW: f"{kind}, beside it",
                            PEER: f"{kind}, 1.14.6",
                        }[who]
                        marks = marker if who == OURS else None
                        axis.plot(
                            *zip(*points, strict=True),
                            color=colour,
                            linestyle=style,
                            marker=marks,
                            label=label,
                        )
            logarithmic(axis, octets, seconds)
        finish(figure, axes, "size of the file (logarithmic)", "time (logarithmic)")
    return True


def threads(results: Figures, path: Path) -> bool:
    """Small saves in a second against threads."""
    there = {
        name: backend
        for name, backend in measured(results)
        if len(figures.points(backend, "many", "threads", OURS)) > 1
    }
    if not there:
        return False
    with saved(path):
        figure, axes = panels(list(there))
        for axis, backend in zip(axes, there.values(), strict=False):
            for who, (label, colour, style) in {**WHO, **WHO_ELSE}.items():
                points = figures.points(backend, "many", "threads", who)
                if points:
                    xs, ys = zip(*points, strict=True)
                    axis.plot(
                        xs,
                        [1 / y for y in ys],
                        color=colour,
                        linestyle=style,
                        marker="o",
                        label=label,
                    )
            axis.set_xticks([1, 2, 4, 8])
            axis.set_ylim(bottom=0)
            axis.tick_params(labelsize=7)
        finish(figure, axes, "threads", "saves of 1 kB per second")
    return True


def beside(results: Figures, path: Path, other: str, what: str) -> bool:
    """Ratios to one other: a line for each backend, a dot for each work."""
    works = [
        (title, kind, more)
        for title, kind, _, more in OVERVIEW
        if title
        in {
            "save 1 kB",
            "read 1 kB",
            "save 100 MB",
            "read 100 MB",
            "10 bytes of 100 MB",
            "500 saves, 1 thread",
        }
    ]
    there = {n: b for n, b in measured(results) if other in b["subjects"]}
    colours = (BLUE, GREEN, BLUE, GREEN, ORANGE, PURPLE)
    markers = "ssDDoX"
    found = False
    with saved(path):
        figure: Any
        figure, axis = plt.subplots(figsize=(9, 0.34 * len(there) + 1.3))
        for at, backend in enumerate(there.values()):
            for number, (title, kind, more) in enumerate(works):
                row = chosen(backend, kind, NEAR, more)
                value = row and figures.ratio(row, other)
                if not value:
                    continue
                found = True
                face = "none" if number < 2 else colours[number]  # noqa: PLR2004 - small
                height = at + (number - 2.5) * 0.09
                axis.plot(
                    [value],
                    [height],
                    linestyle="",
                    marker=markers[number],
                    color=colours[number],
                    label=title,
                    markerfacecolor=face,
                )
        axis.axvline(1, color="#333333", linewidth=1)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        labels = [f"{n} / {b['subjects'][other]}" if other == RAW else n for n, b in there.items()]
        axis.set_yticks(range(len(there)), labels)
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(
            f"time of {what} / time of this package (logarithmic): right of 1 is faster"
        )
        known: dict[str, Any] = {}
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
        figure.legend(
            known.values(), known.keys(), loc="outside upper center", ncols=3, frameon=False
        )
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.55 / figure.get_size_inches()[1]))
    if not found:
        path.unlink()
    return found


def draw(results: Figures, directory: Path) -> list[str]:
    """Draw all that there are figures for; return the names of the files."""
    directory.mkdir(parents=True, exist_ok=True)
    made: dict[str, Callable[[Path], bool]] = {
        "beside-client.svg": lambda path: beside(results, path, RAW, "the client library"),
        "beside-1.14.6.svg": lambda path: beside(results, path, PEER, "django-storages 1.14.6"),
        "names.svg": lambda path: names(results, path),
        "bytes.svg": lambda path: sizes(results, path),
        "threads.svg": lambda path: threads(results, path),
    }
    return [name for name, make in made.items() if make(directory / name)]
