"""The page about MogileFS names what is there, and the costs that are measured."""

from __future__ import annotations

import re
from pathlib import Path

from storages.backends.mogilefs import MogileFSStorage
from storages.options import options_of
from tests.backends.test_mogilefs import COSTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backends" / "mogilefs.rst").read_text(
    encoding="utf-8"
)
COLUMN = re.compile(r"^(=+)  (=+)  (=+)$", re.MULTILINE)


def rows() -> dict[str, tuple[list[str], list[str]]]:
    """The table of costs: for each operation the commands and the requests."""
    table = PAGE.partition("\nPerformance\n")[2]
    head, body_start, body_end = list(COLUMN.finditer(table))[:3]
    first, second, _ = (len(column) for column in head.groups())
    found: dict[str, tuple[list[str], list[str]]] = {}
    operation = ""
    for line in table[body_start.end() : body_end.start()].strip("\n").split("\n"):
        operation = line[:first].strip() or operation
        commands, requests = found.setdefault(operation, ([], []))
        commands += re.findall(r"\w+", line[first + 2 : first + 2 + second])
        requests += re.findall(r"\b(?:GET|PUT|HEAD)\b", line[first + 4 + second :])
    return found


def test_the_costs_are_those_of_the_tests() -> None:
    """The table says what is counted."""
    assert rows() == {operation: (told[1], told[2]) for operation, told in COSTS.items()}


def test_every_setting_that_is_named_exists() -> None:
    """So nobody pastes what has no effect."""
    settings = {s for option in options_of(MogileFSStorage).values() for s in option.settings}
    named = set(re.findall(r"\bMOGILEFS_[A-Z_]+[A-Z]\b|\bSERVE_WITH_PERLBAL\b", PAGE))
    assert len(named) == 4
    assert named <= settings
