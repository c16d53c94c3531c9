"""The results as tables: on the terminal, and as reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import causes, figures
from benchmarks.figures import MIB
from benchmarks.place import COMMAND, HASHING, OURS, PEER, RAW
from benchmarks.rows import FAR, KB, MB, NEAR
from benchmarks.shared import NONE, table, times

__all__ = ["detail", "overview", "slow", "text", "unexplained"]

Figures = dict[str, Any]
ORDER = (COMMAND, HASHING, RAW, PEER, OURS)
SHORT = {OURS: "now", PEER: "1.14.6"}


def called(backend: Figures, subject: str) -> str:
    """A subject's name at the head of a column."""
    return SHORT.get(subject) or str(backend["subjects"][subject])


def number(value: float | None, form: str = ".2f") -> str:
    """A figure, or a dash."""
    return NONE if value is None else format(value, form)


def wide(row: Figures, other: str) -> str:
    """A ratio, and between which the turns' are."""
    found = figures.ratio(row, other)
    around = figures.swing(row, other)
    if found is None:
        return NONE
    spread = f" ({around[0]:.2f}{NONE}{around[1]:.2f})" if around else ""
    return f"{found:.2f}{spread}"


def time_of(row: Figures, subject: str) -> str:
    """A time, or why there is none."""
    found = figures.seconds(row, subject)
    if found is not None:
        return times(found)
    return str(row["subjects"].get(subject, {}).get("why", NONE))


def detail(backend: Figures) -> str:
    """All rows of a backend."""
    there = [subject for subject in ORDER if subject in backend["subjects"]]
    others = [subject for subject in there if subject != OURS]
    counting = [subject for subject in there if subject not in {COMMAND, HASHING}]
    counts = any(
        "counts" in each for _, row in figures.rows(backend) for each in row["subjects"].values()
    )
    headings = ["work"]
    headings += [called(backend, subject) for subject in there]
    headings += [f"{called(backend, other)} / now" for other in others]
    if counts:
        for what in ("round trips", "kB moved"):
            headings += [f"{what}, {called(backend, subject)}" for subject in counting]
    headings += [f"MiB of memory, {called(backend, subject)}" for subject in counting]
    lines = [headings]
    for _, row in figures.rows(backend):
        far = ", 20 ms away" if row["line"] == FAR else ""
        cells = [row["title"] + far]
        cells += [time_of(row, subject) for subject in there]
        cells += [wide(row, other) for other in others]
        if counts:
            passed = [row["subjects"].get(subject, {}).get("counts") for subject in counting]
            cells += [str(each["trips"]) if each else NONE for each in passed]
            cells += [f"{each['bytes'] / KB:.1f}" if each else NONE for each in passed]
        cells += [number(figures.growth(row, subject), ".1f") for subject in counting]
        lines.append(cells)
    return table(lines)


#: What the overview shows: the heading, the kind, the line, and what else must be so.
OVERVIEW: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("save 1 kB", "save", NEAR, {"size": KB}),
    ("read 1 kB", "read", NEAR, {"size": KB}),
    ("save 1 MB", "save", NEAR, {"size": MB}),
    ("read 1 MB", "read", NEAR, {"size": MB}),
    ("save 100 MB", "save", NEAR, {"fresh": True}),
    ("read 100 MB", "read", NEAR, {"fresh": True}),
    ("10 bytes of 100 MB", "part", NEAR, {}),
    ("exists", "exists", NEAR, {}),
    ("size", "size", NEAR, {}),
    ("list 10", "names-list", NEAR, {"count": 10}),
    ("list 10,000", "names-list", NEAR, {"count": 10_000}),
    ("500 saves, 1 thread", "many", NEAR, {"threads": 1}),
    ("500 saves, 8 threads", "many", NEAR, {"threads": 8}),
)


def chosen(backend: Figures, kind: str, line: str, more: dict[str, Any]) -> Figures | None:
    """The last row of which all that is so."""
    last = None
    for _, row in figures.rows(backend):
        wanted = {"kind": kind, "line": line, **more}
        if all(row[name] == value for name, value in wanted.items()):
            last = row
    return last


def linked(name: str, backend: Figures) -> str:
    """A backend's page."""
    return f":doc:`{name} <backends/{backend['page']}>`"


def overview(results: Figures, other: str, line: str = NEAR) -> str:
    """The ratios to one other, of all backends that have it."""
    lines = [["backend", "beside", *(heading for heading, *_ in OVERVIEW)]]
    for name, backend in measured(results):
        if other not in backend["subjects"]:
            continue
        cells = [linked(name, backend), str(backend["subjects"][other])]
        for _, kind, _, more in OVERVIEW:
            row = chosen(backend, kind, line, more if line == NEAR else nearer(more))
            cells.append(number(figures.ratio(row, other) if row else None))
        lines.append(cells)
    used = [at for at in range(len(lines[0])) if any(row[at] != NONE for row in lines[1:])]
    return table([[row[at] for at in used] for row in lines])


def nearer(more: dict[str, Any]) -> dict[str, Any]:
    """Far rows of large files are not in processes of their own."""
    return {"size": 100 * MB} if "fresh" in more else more


def memory(results: Figures) -> str:
    """By how much processes grew with the large file."""
    lines = [["backend", "file"]]
    lines[0] += [f"{work}, {who}" for work in ("save", "read") for who in ("raw", "1.14.6", "now")]
    for name, backend in measured(results):
        cells = [linked(name, backend)]
        for kind in ("save", "read"):
            row = chosen(backend, kind, NEAR, {"fresh": True})
            if row is None:
                break
            if kind == "save":
                cells.append(row["title"].rpartition("save ")[2])
            cells += [number(figures.growth(row, who), ".1f") for who in (RAW, PEER, OURS)]
        else:
            lines.append(cells)
    return table(lines)


def measured(results: Figures) -> Iterator[tuple[str, Figures]]:
    """Every backend that has figures."""
    for name, backend in results["backends"].items():
        if backend.get("rows"):
            yield name, backend


def slow(results: Figures) -> str:
    """What is slower, and why: a line for each cause, with all that it slows down."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, key, row, other, reached in figures.slower(results):
        backend = results["backends"][name]
        far = ", 20 ms away" if row["line"] == FAR else ""
        cause = causes.of(name, key, other) or "*not explained yet*"
        works = groups.setdefault((cause, called(backend, other)), {})
        page = linked(name, backend)
        works.setdefault(page, []).append(f"{row['title']}{far} {reached:.2f}")
    if not groups:
        return "Nothing."
    lines = [["cause", "beside", "what is slower, and its ratio"]]
    for (cause, beside), works in groups.items():
        told = ". ".join(f"{page}: {'; '.join(each)}" for page, each in works.items())
        lines.append([cause, beside, told])
    return table(lines)


def unexplained(results: Figures) -> list[str]:
    """What is slower, and nobody has said why."""
    return [
        f"{name}: {key}: {reached:.2f} of {other}, no cause is told"
        for name, key, _, other, reached in figures.slower(results)
        if causes.of(name, key, other) is None
    ]


def noise(results: Figures) -> str:
    """A sentence on it."""
    half, most, count = figures.noise(results)
    return (
        f"Noise: of {count} ratios that were measured in three or more turns, half differed from"
        f" turn to turn by less than ±{half:.0%}, nine of ten by less than ±{most:.0%}."
    )


def text(results: Figures) -> Iterator[str]:
    """All of it, for the terminal."""
    for name, backend in measured(results):
        yield f"{name} on {backend['server']}, {backend.get('seconds', '?')} s"
        for _, row in figures.rows(backend):
            far = ", 20 ms away" if row["line"] == FAR else ""
            parts = []
            for subject in ORDER:
                if subject not in row["subjects"]:
                    continue
                told = f"{called(backend, subject)} {time_of(row, subject)}"
                if subject != OURS and figures.ratio(row, subject) is not None:
                    told += f" = {figures.ratio(row, subject):.2f}"
                passed = row["subjects"][subject].get("counts")
                told += f" [{passed['trips']}, {passed['bytes'] / KB:.1f} kB]" if passed else ""
                grown = figures.growth(row, subject)
                told += f" +{grown:.0f} MiB" if grown is not None and grown * MIB > MIB else ""
                parts.append(told)
            yield f"  {row['title'] + far:48} {' | '.join(parts)}"
    yield noise(results)
