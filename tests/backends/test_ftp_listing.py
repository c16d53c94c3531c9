"""FTP: what is understood of directory listings."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storages.backends.ftp.listing import Item, facts_of, listed, mlsd, moment
from storages.errors import StorageError

UTC = timezone.utc
NOON = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)

FACTS = {
    "type=file;size=5;modify=20240229123456; a.txt": Item("a.txt", "file", 5, NOON),
    "Type=File;Size=5;Modify=20240229123456.250;Unique=80U1; a.txt": Item(
        "a.txt", "file", 5, NOON + timedelta(microseconds=250_000), "80U1"
    ),
    "type=dir;sizd=4096;modify=20240229123456; d": Item("d", "dir", None, NOON),
    "type=OS.unix=slink:/target;size=7; l": Item("l", "link", 7),
    "type=OS.unix=symlink; l": Item("l", "link"),
    "type=file;size=5;  leading and trailing ": Item(" leading and trailing ", "file", 5),
    "type=file;size=5; a;b=c d": Item("a;b=c d", "file", 5),
    "type=file;size=5; /path/to/a.txt": Item("a.txt", "file", 5),
    "size=5; untyped": Item("untyped", "file", 5),
    "type=file;size=-5;modify=yesterday; odd": Item("odd", "file"),
    "type=file;size=²; odd": Item("odd", "file"),
    "type=cdir;modify=20240229123456; /": None,
    "type=pdir; ..": None,
    "type=cdir; .": None,
    "type=dir; .": None,
    "type=dir; ..": None,
    "type=file;size=5;": None,
    "": None,
    "no facts": None,
}


class Shown(NamedTuple):
    """What a line of LIST tells."""

    name: str
    kind: str
    size: int | None = None
    printed: datetime | None = None


def shown(lines: Iterable[str]) -> list[Shown]:
    """Return what the lines tell."""
    return [Shown(i.name, i.kind, i.size, i.printed) for i in listed(lines)]


AT = datetime(datetime.now(UTC).year, 6, 3, 12, 34)  # noqa: DTZ001 - as listings are
YEAR = datetime(2019, 6, 3)  # noqa: DTZ001 - likewise
LINES = {
    # Unix
    "-rw-r--r--   1 owner    group        1234 Jun  3 12:34 a.txt": Shown(
        "a.txt", "file", 1234, printed=AT
    ),
    "-rw-r--r--   1 owner    group        1234 Jun  3  2019 a.txt": Shown(
        "a.txt", "file", 1234, printed=YEAR
    ),
    "-rw-r--r--   1 0        0            1234 Jun 03 12:34 with  two  spaces": Shown(
        "with  two  spaces", "file", 1234, printed=AT
    ),
    "-rw-r--r--   1 0        0            1234 Jun 03 12:34  leading": Shown(
        " leading", "file", 1234, printed=AT
    ),
    "-rw-r--r--   1 0        0            1234 Jun 03 12:34 Jun  3 12:34 x": Shown(
        "Jun  3 12:34 x", "file", 1234, printed=AT
    ),
    "-rw-r--r--   1 John Doe Domain Users 1234 Jun  3 12:34 a.txt": Shown(
        "a.txt", "file", 1234, printed=AT
    ),
    "-rw-r--r--   1 owner    1234 Jun  3 12:34 no group": Shown(
        "no group", "file", 1234, printed=AT
    ),
    "-rw-r--r--  1234 Jun  3 12:34 no owner": Shown("no owner", "file", 1234, printed=AT),
    "-rw-r--r--+  1 o g 1234 Jun  3 12:34 acl": Shown("acl", "file", 1234, printed=AT),
    "-rw-r--r--.  1 o g 1234 Jun  3 12:34 selinux": Shown("selinux", "file", 1234, printed=AT),
    "-rwsr-sr-T  1 o g 1234 3 Jun 12:34 day first": Shown("day first", "file", 1234, printed=AT),
    "-rw-r--r--  1 o g 1234 2019-06-03 00:00 iso": Shown("iso", "file", 1234, printed=YEAR),
    "-rw-r--r--  1 o g 1234 3. Juni 2019 german": Shown("german", "file", 1234, printed=YEAR),
    "-rw-r--r--  1 o g 1234 июн  3 12:34 russian": Shown("russian", "file", 1234),
    "-rw-r--r--  1 o g 1234 Feb 30  2019 no such day": Shown("no such day", "file", 1234),
    "drwxr-xr-x   2 owner    group        4096 Jun  3 12:34 d": Shown("d", "dir", printed=AT),
    "drwxr-xr-x   2 owner    group        4096 Jun  3 12:34 d/": Shown("d", "dir", printed=AT),
    "drwxr-xr-x   2 owner    group        4096 Jun  3 12:34 .": Shown(".", "dir", printed=AT),
    "lrwxrwxrwx   1 o g 7 Jun  3 12:34 link -> to/it": Shown("link", "link", printed=AT),
    "lrwxrwxrwx   1 o g 7 Jun  3 12:34 link": Shown("link", "link", printed=AT),
    "-rw-r--r--   1 o g 7 Jun  3 12:34 no -> link": Shown("no -> link", "file", 7, printed=AT),
    "crw-rw-rw-   1 root root   1,   3 Jun  3 12:34 null": Shown("null", "file", 3, printed=AT),
    # NetWare
    "- [R----F--] supervisor 214059 Jun  3 12:34 cx.exe": Shown(
        "cx.exe", "file", 214059, printed=AT
    ),
    "d [R----F--] supervisor    512 Jun  3 12:34 login": Shown("login", "dir", printed=AT),
    # DOS
    "06-03-19  12:00AM       <DIR>          dir name": Shown("dir name", "dir", printed=YEAR),
    "06-03-19  12:00AM              1234567 file name.txt": Shown(
        "file name.txt", "file", 1234567, printed=YEAR
    ),
    "06-03-2019  12:00AM          1,234,567 with commas": Shown(
        "with commas", "file", 1234567, printed=YEAR
    ),
    "06-03-19  00:00       <JUNCTION>     j": Shown("j", "dir", printed=YEAR),
    "06-03-19  12:00AM       <SYMLINK>      s": Shown("s", "link", printed=YEAR),
    # EPLF
    "+i8388621.48594,m825718503,r,s280,\tdjb.html": Shown("djb.html", "file", 280),
    "+i8388621.50690,m824255907,/,\t514": Shown("514", "dir"),
}
IGNORED = ["", "total 12", "insgesamt 12", "total: 4K", "   "]


@pytest.mark.parametrize("line", FACTS)
def test_a_line_of_mlsd(line: str) -> None:
    """The facts, in any case and order; the name is everything behind the first space."""
    expected = FACTS[line]
    assert list(mlsd([line])) == ([] if expected is None else [expected])


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_list(line: str) -> None:
    """Kind, size and name, whatever the columns before them look like."""
    assert shown([line]) == [LINES[line]]


def test_lines_that_are_no_entries_are_passed_over() -> None:
    """Sums, headings, and what nobody understands among what somebody does."""
    assert list(listed(IGNORED)) == []
    line, expected = next(iter(LINES.items()))
    assert shown([*IGNORED, "what is this?", line]) == [expected]


def test_a_listing_of_which_nothing_is_understood_is_an_error() -> None:
    """To say "empty" would be wrong."""
    with pytest.raises(StorageError, match="not known: 'what is this"):
        list(listed(["total 1", "what is this?"]))


@pytest.mark.parametrize("begin", ["-rw-r--r--", "01-01-20  10:00"])
def test_a_line_of_spaces_costs_no_more_than_it_is_long(begin: str) -> None:
    """It may have 64 KiB; in the square of that, it would hold the listing up for a minute."""
    began = time.process_time()
    with pytest.raises(StorageError, match="not known"):
        list(listed([begin + " " * 64 * 1024]))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240229123456", NOON),
        (" 20240229123456\r\n", NOON),
        ("20240229123456.5", NOON + timedelta(milliseconds=500)),
        ("20240229123456.123456789", NOON + timedelta(microseconds=123456)),
        ("191240229123456", NOON),  # as some printed in the year 2000
        ("20240230123456", None),
        ("20240229", None),
        ("", None),
    ],
)
def test_times(text: str, expected: datetime | None) -> None:
    """Those of MLST and MDTM are in UTC."""
    assert moment(text) == expected


ANY = st.text() | st.sampled_from([*FACTS, *LINES, *IGNORED]).flatmap(
    lambda line: st.tuples(st.just(line), st.text(max_size=3), st.integers(0, len(line))).map(
        lambda given: given[0][: given[2]] + given[1] + given[0][given[2] :]
    )
)


@given(st.lists(ANY, max_size=5))
def test_no_listing_raises_anything_but_ours(lines: list[str]) -> None:
    """Whatever a server prints: names are never empty and never paths."""
    found = list(mlsd(lines))
    try:
        found += listed(lines)
    except StorageError:
        found += []
    for item in found:
        assert item.name
        assert "/" not in item.name
        assert item.size is None or item.size >= 0


@given(st.text(alphabet=st.characters(exclude_characters="/\r\n\0"), min_size=1))
def test_any_name_survives(name: str) -> None:
    """In both kinds of listings."""
    assert facts_of(f"type=file;size=1; {name}")[1] == name
    if name not in {".", ".."}:
        assert [i.name for i in mlsd([f"type=file;size=1; {name}"])] == [name]
    assert [i.name for i in listed([f"-rw-r--r-- 1 o g 1 Jun  3 12:34 {name}"])] == [name]
