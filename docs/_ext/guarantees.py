"""``.. guarantees::``: what the tests have shown of each backend.

Without an argument it is the table: rows are promises, columns backends. ``tests`` tells for each
cell which tests show it, ``faults`` is the table of the fault experiments. All are made of
guarantees.json, which ``make guarantees`` writes, and of the promises that ``storages.testing``
knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from storages.testing.guarantees import PROMISES, Outcome, Promise, Standing, numbers_of, standing

WORDS: dict[Standing, str] = {
    "kept": "yes",
    "partly": "partly",
    "not applicable": "n/a",
    "broken": "no",
}


def outcomes_of(column: dict[str, Any], cases: list[str]) -> dict[str, Outcome]:
    """Return the outcomes of a column's cases, by their names."""
    found = {}
    for case in cases:
        if case in column["failed"]:
            found[case] = Outcome("failed", column["failed"][case])
        elif case in column["skipped"]:
            found[case] = Outcome("skipped", column["skipped"][case])
        elif case not in column["missing"]:
            found[case] = Outcome("passed")
    return found


def label(column: dict[str, Any], of: str) -> str:
    """Return the label of a cell."""
    return f"guarantee-{column['name']}-{column['service']}-{of}".lower().translate(
        {ord(letter): "-" for letter in " ,'."}
    )


def table(told: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of promises."""
    columns = told["columns"]
    heads = [f"{column['name']} ({column['service']})" for column in columns]
    yield from (
        ".. list-table::",
        "   :header-rows: 1",
        "   :stub-columns: 1",
        "   :class: wide",
        "",
    )
    yield from _row(["Promise", *heads])
    for promise in PROMISES:
        cells = [promise.text]
        for column in columns:
            how, _ = standing(promise, outcomes_of(column, told["cases"]))
            cells.append(f":ref:`{WORDS[how]} <{label(column, promise.id)}>`")
        yield from _row(cells)


def _row(cells: list[str]) -> Iterator[str]:
    for at, cell in enumerate(cells):
        yield f"   {'*' if at == 0 else ' '} - {cell}"


def tests(told: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a section for each promise."""
    for promise in PROMISES:
        yield from ("", promise.text, "~" * len(promise.text), "")
        cases = [case for case in told["cases"] if set(numbers_of(case)) & set(promise.cases)]
        yield from (f"Cases: {', '.join(f'``{case}``' for case in cases)}.", "")
        for column in told["columns"]:
            yield from _cell(promise, column, told["cases"])


def _cell(promise: Promise, column: dict[str, Any], cases: list[str]) -> Iterator[str]:
    how, why = standing(promise, outcomes_of(column, cases))
    shown = " and ".join(f"``{name}``" for name in column["classes"])
    yield f".. _{label(column, promise.id)}:"
    yield from ("", f"**{column['name']}** ({column['service']}): {how}; in {shown}.", "")
    yield from (f"* {_escaped(reason)}" for reason in why)
    yield ""


def faults(told: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of the fault experiments, and the reasons of exceptions."""
    columns = [column for column in told["columns"] if "faults" in column]
    if not columns:
        return
    heads = [f"{column['name']} ({column['service']})" for column in columns]
    yield from (".. list-table::", "   :header-rows: 1", "   :stub-columns: 1", "")
    yield from _row(["What goes wrong, and what holds", *heads])
    for same in _groups(told["experiments"]):
        # One stands for its like: the same thing at another place, or once instead of always.
        shown = min(same, key=lambda name: (".once" not in name, ".50%" not in name))
        like = f" (and {len(same) - 1} like it)" if len(same) > 1 else ""
        text = f"{told['experiments'][shown]}{like}"
        yield from _row([text, *(_fault_cell(column, same) for column in columns)])
    for column in columns:
        reasons = dict.fromkeys(reason for _, reason in column["faults"]["declared"].values())
        if reasons:
            yield from ("", f".. _{label(column, 'faults')}:", "")
            yield from (f"**{column['name']}** ({column['service']}), ``{column['test']}``:", "")
            yield from (f"* {_escaped(reason)}" for reason in reasons)
            yield ""


def _groups(experiments: Iterable[str]) -> Iterator[list[str]]:
    """Yield the ids whose first two words, the kind and the operation, are the same."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in experiments:
        found.setdefault(tuple(name.split(".")[:2]), []).append(name)
    yield from found.values()


def _fault_cell(column: dict[str, Any], experiments: list[str]) -> str:
    found = column["faults"]
    if set(experiments) & set(found["failed"]):
        return "no"
    declared = {name: found["declared"][name] for name in experiments if name in found["declared"]}
    shown = set(found["passed"]) | set(found["elsewhere"])
    if declared:
        whole = len(declared) == len(experiments)
        kinds = {kind for kind, _ in declared.values()}
        word = "n/a" if whole and kinds == {"impossible"} else "partly"
        return f":ref:`{word} <{label(column, 'faults')}>`"
    return "yes" if shown & set(experiments) else "\\"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\*`|_<>" else letter for letter in text)


class Guarantees(SphinxDirective):
    """The directive; its argument, if any, is ``tests``."""

    optional_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return a table or the sections."""
        file = Path(self.env.srcdir, "guarantees.json")
        self.env.note_dependency(str(file))
        told = json.loads(file.read_text())
        kind = self.arguments[0] if self.arguments else "table"
        lines = {"table": table, "tests": tests, "faults": faults}[kind](told)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("guarantees", Guarantees)
    return {"version": "1", "parallel_read_safe": True}
