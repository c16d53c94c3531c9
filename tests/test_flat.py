"""Directories out of pages of sorted names."""

from __future__ import annotations

import pytest

from storages.flat import PAGE, Page, below, children
from storages.readers import Stat


def pages_of(names: list[str], most: int = 20) -> Page:
    """Give pages of these names, at most so many pages."""
    asked: list[str] = []

    def page(start: str, after: bool, end: str) -> list[tuple[str, Stat | None]]:
        asked.append(start)
        assert len(asked) <= most, "it goes on for ever"
        known = sorted(names, key=str.encode)
        found: list[tuple[str, Stat | None]] = [
            (name, None)
            for name in known
            if (name > start if after else name >= start) and (not end or name < end)
        ]
        return found[:PAGE]

    return page


@pytest.mark.parametrize("directory", ["", "d"])
def test_names_that_no_storage_takes(directory: str) -> None:
    """Pages full of another program's absolute names, or with empty parts, are passed over."""
    prefix = f"{directory}/" if directory else ""
    names = [f"{prefix}/{number:05}" for number in range(2 * PAGE + 500)]
    names += [f"{prefix}{name}" for name in ("!", "a", "z/x")]
    found = [(entry.name, entry.is_dir) for entry in children(directory, pages_of(names))]
    assert found == [("!", False), ("a", False), ("z", True)]
    assert [name for name, _ in below(directory, pages_of(names))] == [
        f"{prefix}{name}" for name in ("!", "a", "z/x")
    ]


def test_a_subdirectory_longer_than_a_page_is_asked_for_once() -> None:
    """What is below it is skipped; names that begin with its name are not."""
    names = ["a", "a!", *(f"a/{number:05}" for number in range(5 * PAGE)), "a0", "aä", "b/c"]
    found = [(entry.name, entry.is_dir) for entry in children("", pages_of(names, most=2))]
    assert found == [
        ("a", False),
        ("a!", False),
        ("a", True),
        ("a0", False),
        ("aä", False),
        ("b", True),
    ]
