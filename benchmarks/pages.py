"""Write the documentation's figures: tables, plots and what is slower, from the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import figures, plots, tables
from benchmarks.place import PEER, RAW
from benchmarks.rows import FAR
from benchmarks.shared import ROOT, write

__all__ = ["write_all"]

PROGRAM = "bench.py"
DOCS = ROOT / "docs"

CAPTIONS = {
    "beside-client.svg": "Beside the client library, or Django's own storage.",
    "beside-1.14.6.svg": "Beside django-storages 1.14.6.",
    "names.svg": "Against the number of names in one directory.",
    "bytes.svg": "Against the bytes of a file; dashed is what is beside it, dotted 1.14.6.",
    "threads.svg": "500 saves of 1 kB (Tahoe-LAFS: 100), by so many threads.",
}


def image(name: str) -> str:
    """A plot, with what it shows as its caption."""
    caption = CAPTIONS[name]
    options = f"   :alt: {caption}\n   :width: 100%"
    return f".. figure:: images/performance/{name}\n{options}\n\n   {caption}"


def machine(results: dict[str, Any]) -> str:
    """Where and with what it was measured."""
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['kernel']}, Python"
        f" {facts['python']}; {versions}; {facts['day']}. The servers run on the same machine, and"
        f" keep their files in memory. {tables.noise(results)}"
    )


def write_all(results: dict[str, Any], docs: Path = DOCS) -> None:
    """Write into every page that has marks for it."""
    there = plots.draw(results, docs / "images" / "performance")
    shown = {name: image(name) for name in there}
    sections = [
        machine(results),
        _section("Beside the client library", shown.get("beside-client.svg", "")),
        "Times of the client library divided by ours: above 1 is faster.",
        tables.overview(results, RAW),
        "The same, 20 ms away:",
        tables.overview(results, RAW, FAR),
        _section("Beside django-storages 1.14.6", shown.get("beside-1.14.6.svg", "")),
        "Times of django-storages 1.14.6 divided by ours: above 1 is faster.",
        tables.overview(results, PEER),
        "The same, 20 ms away:",
        tables.overview(results, PEER, FAR),
        _section("Memory", "MiB by which a process grew at its peak, while it handled one file."),
        tables.memory(results),
        _section("How cost grows", shown.get("names.svg", "")),
        shown.get("bytes.svg", ""),
        shown.get("threads.svg", ""),
        _section("What is slower, and why", SLOWER),
        tables.slow(results),
    ]
    page = docs / "performance.rst"
    if page.exists():
        write(page, PROGRAM, "\n\n".join(filter(None, sections)))
    for name, backend in tables.measured(results):
        page = docs / "backends" / f"{backend['page']}.rst"
        program = PROGRAM if name == backend["page"] else f"{PROGRAM} {name}"
        if page.exists() and f"what benchmarks/{program} wrote" in page.read_text(encoding="utf-8"):
            write(page, program, f"On {backend['server']}:\n\n{tables.detail(backend)}")


SLOWER = (
    "Everything that reached less than"
    f" {figures.ENOUGH[RAW]:g} of the client library's speed, or less than that of django-storages"
    " 1.14.6, by more than the noise; with its cause, which was measured."
)


def _section(title: str, text: str) -> str:
    """A heading and what comes first below it."""
    return f"{title}\n{'~' * len(title)}\n\n{text}".rstrip()
