"""Directory listings: the facts of MLSD (RFC 3659), and what servers print for LIST.

MLSD is a standard; LIST is whatever the server's ``ls`` prints, so of its lines only what all of
them have is taken: what kind it is, the size, the name. Their times are in a zone that nobody
tells, and are good for nothing but comparison within one listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from storages.errors import StorageError
from storages.told import number

__all__ = ["Item", "facts_of", "item_of_facts", "listed", "mlsd", "moment"]

Kind = Literal["file", "dir", "link"]


@dataclass(frozen=True)
class Item:
    """What a listing tells of one name.

    ``modified`` is exact and aware (MLSD); ``date`` is what LIST shows. ``unique`` changes when
    another file takes the name.
    """

    name: str
    kind: Kind
    size: int | None = None
    modified: datetime | None = None
    unique: str = ""
    date: str = ""

    @property
    def printed(self) -> datetime | None:
        """The time that LIST shows: in an unknown zone, to the minute at best."""
        return _printed(self.date)


# ------------------------------------------------------------------------- MLSD, MLST


def facts_of(line: str) -> tuple[dict[str, str], str]:
    """Return the facts (their names in lower case) and the name of a line of MLSD or MLST."""
    text, _, name = line.partition(" ")
    facts = {}
    for fact in text.split(";"):
        key, equals, value = fact.partition("=")
        if equals:
            facts[key.lower()] = value
    return facts, name


def item_of_facts(facts: dict[str, str], name: str) -> Item | None:
    """Return the item; None for the directory itself and its parent."""
    kind = facts.get("type", "file").lower()
    if kind in {"cdir", "pdir"}:
        return None
    return Item(
        name=name,
        kind="dir" if kind == "dir" else "link" if "link" in kind else "file",
        size=number(facts.get("size")),
        modified=moment(facts.get("modify", "")),
        unique=facts.get("unique", ""),
    )


def mlsd(lines: Iterable[str]) -> Iterator[Item]:
    """Yield what the lines of MLSD tell."""
    for line in lines:
        facts, name = facts_of(line)
        name = name.rpartition("/")[2]  # some servers give the path
        if not facts or name in {"", ".", ".."}:
            continue
        item = item_of_facts(facts, name)
        if item is not None:
            yield item


_MOMENT = re.compile(r"(\d{14})(?:\.(\d{1,6})\d*)?")
# A server of the year 2000 printed the year as "19" and the years since 1900.
_MILLENNIUM = re.compile(r"19(1\d\d)(\d{10})")


def moment(text: str) -> datetime | None:
    """Return the time that MLSD and MDTM write ``YYYYMMDDHHMMSS[.ffffff]``, in UTC."""
    text = text.strip()
    if old := _MILLENNIUM.fullmatch(text):
        text = f"{1900 + int(old[1])}{old[2]}"
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        whole = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:  # the 31st of February
        return None
    return whole + timedelta(microseconds=int((found[2] or "0").ljust(6, "0")))


# ------------------------------------------------------------------------------- LIST

_TIME = r"\d{1,2}:\d{2}(?::\d{2})?"
_MONTH = r"[^\W\d_]{1,5}\.?"
_DATE = (
    rf"(?:(?:{_MONTH}\s+\d{{1,2}}|\d{{1,2}}\.?\s+{_MONTH})\s+(?:{_TIME}(?:\s+\d{{4}})?|\d{{4}})"
    rf"|\d{{4}}-\d{{2}}-\d{{2}}\s+{_TIME}(?:\.\d+)?(?:\s[+-]\d{{4}})?)"
)
# Owner and group may be missing, or have spaces in them: the size is what stands before the date.
_UNIX = re.compile(
    rf"(?P<kind>[-bcdlpsDP])(?:[-rwxsStTlLx]{{9}}[-+.@]?|\s+\[[-A-Za-z]+\])\s+"
    rf"(?:\S.*?\s)??(?P<size>\d+)\s+(?P<date>{_DATE})\s(?P<name>.+)"
)
_DOS = re.compile(
    r"(?P<date>(?:\d{2}-\d{2}-\d{2,4}|\d{4}-\d{2}-\d{2})\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AaPp][Mm])?)"
    r"\s+(?:<(?P<kind>[A-Za-z]+)>\s+|(?P<size>[\d.,]+)\s)(?P<name>.+)"
)
_DOS_DATE = re.compile(r"\d{2}-")
_EPLF = re.compile(r"\+(?P<facts>[^\t]*)\t(?P<name>.+)")
_IGNORED = re.compile(r"\s*|\s*[^\W\d_]+:?\s*\d+[KMG]?\b.*", re.IGNORECASE)  # "total 12"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def listed(lines: Iterable[str]) -> Iterator[Item]:
    """Yield what the lines of LIST tell, with ``.`` and ``..``.

    Lines that are no entry are passed over; StorageError, when no line at all is understood.
    """
    understood, strange = False, ""
    for line in lines:
        item = _line(line)
        if item is not None:
            understood = True
            yield item
        elif not _IGNORED.fullmatch(line):
            strange = strange or line
    if strange and not understood:
        raise StorageError(
            f"The server lists directories in a form that is not known: {strange[:80]!a}.",
            hint="Use a server with MLSD (RFC 3659).",
        )


def _line(line: str) -> Item | None:
    if found := _UNIX.fullmatch(line):
        name, kind = found["name"], found["kind"].lower()
        if kind == "l":
            name = name.partition(" -> ")[0]
        return _item(name, {"d": "dir", "l": "link"}.get(kind), found["size"], found["date"])
    if found := _DOS.fullmatch(line):
        size = re.sub("[.,]", "", found["size"] or "")
        kind = (found["kind"] or "").upper()
        known = {"": None, "SYMLINK": "link", "SYMLINKD": "link"}
        return _item(found["name"], known.get(kind, "dir"), size, found["date"])
    if found := _EPLF.fullmatch(line):
        facts = found["facts"].split(",")
        size = next((fact[1:] for fact in facts if fact.startswith("s")), "")
        return _item(found["name"], "dir" if "/" in facts else None, size, "")
    return None


def _item(name: str, kind: str | None, size: str, date: str) -> Item | None:
    name = name.rstrip("/").rpartition("/")[2]
    if not name:
        return None
    if kind == "dir":
        return Item(name, "dir", date=date)
    if kind == "link":
        return Item(name, "link", date=date)
    return Item(name, "file", number(size), date=date)


def _printed(date: str) -> datetime | None:
    """Return the time in a listing, as it stands there; None when its form is not known."""
    words = date.replace(".", " ").split()
    if _DOS_DATE.match(date):
        return _dos("".join(words))
    if len(words) > 1 and (stamp := " ".join(words[:2]))[:4].isdigit():
        return _iso(stamp)
    months = [n for n, w in enumerate(words[:2]) if w[:3].lower() in _MONTHS]
    if not months or len(words) < 3:  # noqa: PLR2004 - month, day, time or year
        return None
    month = _MONTHS.index(words[months[0]][:3].lower()) + 1
    clock, year = words[2], datetime.now(timezone.utc).year
    try:
        if ":" not in clock:
            return datetime(int(clock), month, int(words[1 - months[0]]))  # noqa: DTZ001 - likewise
        hour, minute = clock.split(":")[:2]
        year = int(words[3]) if len(words) > 3 else year  # noqa: PLR2004 - the fourth
        return datetime(year, month, int(words[1 - months[0]]), int(hour), int(minute))  # noqa: DTZ001
    except ValueError:
        return None


def _dos(text: str) -> datetime | None:
    for form in ("%m-%d-%y%I:%M%p", "%m-%d-%Y%I:%M%p", "%m-%d-%y%H:%M", "%m-%d-%Y%H:%M"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - of an unknown zone
        except ValueError:
            continue
    return None


def _iso(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None
