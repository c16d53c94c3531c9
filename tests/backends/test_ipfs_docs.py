"""The page about IPFS names what is there, and the costs that are measured."""

from __future__ import annotations

import re
from pathlib import Path

from storages.backends.ipfs import InterPlanetaryFileSystemStorage
from storages.options import options_of
from tests.backends.test_ipfs_scripted import COSTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backends" / "ipfs.rst").read_text(
    encoding="utf-8"
)


def test_every_setting_that_is_named_exists() -> None:
    """So nobody pastes what has no effect."""
    options = options_of(InterPlanetaryFileSystemStorage).values()
    settings = {setting for option in options for setting in option.settings}
    named = set(re.findall(r"\bIPFS_[A-Z_]+[A-Z]\b", PAGE))
    assert len(named) > 10
    assert named <= settings


def test_the_costs_are_those_of_the_tests() -> None:
    """The table of requests says what is counted on the wire."""
    table = PAGE.partition("\nPerformance\n")[2]
    for operation, row in {
        "save": "``save``",
        "open and read": "``open`` and read",
        "size": "``size``",
        "exists": "``exists``",
        "delete": "``delete``",
        "url": "``url``",
    }.items():
        (told,) = re.findall(rf"^{re.escape(row)}  +(\d)", table, re.MULTILINE)
        assert int(told) == len(COSTS[operation][2])


def test_the_commands_to_allow_are_those_that_are_used() -> None:
    """What the page tells to put into API.Authorizations is enough, and no more."""
    told = set(re.findall(r'"/api/v0/([a-z/]+)"', PAGE))
    assert told == {command for _, _, used in COSTS.values() for command in used} | {"version"}
