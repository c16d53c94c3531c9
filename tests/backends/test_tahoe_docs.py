"""The page about Tahoe-LAFS names what is there, and the costs that are measured."""

from __future__ import annotations

import re
from pathlib import Path

from storages.backends.tahoe import TahoeStorage
from storages.options import options_of
from tests.backends.test_tahoe_requests import COSTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backends" / "tahoe.rst").read_text(
    encoding="utf-8"
)


def test_every_setting_that_is_named_exists() -> None:
    """So nobody pastes what has no effect."""
    settings = {s for option in options_of(TahoeStorage).values() for s in option.settings}
    named = set(re.findall(r"\bTAHOE_[A-Z_]+[A-Z]\b", PAGE))
    assert len(named) == 4
    assert named <= settings


def test_the_costs_are_those_of_the_tests() -> None:
    """The table of requests says what is counted on the wire."""
    table = PAGE.partition("\nPerformance\n")[2]
    for operation, row in {
        "save": "save",
        "save, taken": "save, name taken",
        "open and read": "open and read",
        "size": "size, exists, times, url",
        "listdir": "listdir",
        "copy": "copy",
        "move": "move",
        "delete": "delete",
    }.items():
        (told,) = re.findall(rf"^{re.escape(row)}  +(.*)$", table, re.MULTILINE)
        methods = [asked.partition(" ")[0] for asked in COSTS[operation][1]]
        assert re.findall(r"\b(?:GET|PUT|POST|DELETE)\b", told) == methods
