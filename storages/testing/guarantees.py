"""What a storage promises, and which cases of the contract show that it keeps it.

``python -m storages.testing`` runs the cases for a storage and prints its column of this table;
see :mod:`storages.testing.column`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["PROMISES", "Outcome", "Promise", "Standing", "numbers_of", "standing"]

#: How a promise stands with a storage: all its cases passed; some did, and what the others would
#: show is declared not to be; none could be run; one failed.
Standing = Literal["kept", "partly", "not applicable", "broken"]

_NUMBERS = re.compile(r"test_((?:[A-Z]\d\d_)+)")


@dataclass(frozen=True)
class Outcome:
    """What became of one case; ``reason``: why it was skipped or how it failed."""

    kind: Literal["passed", "skipped", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class Promise:
    """One row of the table: a sentence, and the numbers of the cases that show it.

    ``cases``: ``"S10"`` stands for every case of that number. ``vacuous`` are those of them that
    say nothing about a storage for which they are skipped: it has no paths that could be left.
    """

    id: str
    heading: str
    text: str
    cases: tuple[str, ...]
    vacuous: frozenset[str] = frozenset()


def _promises(heading: str, *rows: tuple[str, str, str]) -> Iterable[Promise]:
    for slug, text, cases in rows:  # a question mark: vacuous where it is skipped
        numbers = cases.split()
        vacuous = frozenset(number.rstrip("?") for number in numbers if number.endswith("?"))
        every = tuple(number.rstrip("?") for number in numbers)
        yield Promise(slug, heading, text, every, vacuous)


PROMISES: tuple[Promise, ...] = (
    *_promises(
        "Saving",
        (
            "all-or-nothing",
            "A file appears under its name in one step, complete, or not at all.",
            "S08 S09 S10 S11 S12",
        ),
        (
            "no-lost-file",
            "Two savers of one name never lose a file, in threads and processes.",
            "C01 C02? C03? C04 C20 S02",
        ),
        ("max-length", "max_length holds, also when another saver was faster.", "S13 S14?"),
        (
            "as-given",
            "What is stored is what was given, from any kind of file; that is left open.",
            "S01 S03 S04 S05 S06 S07 S15 S16 S17 S18 S19 S20 S21",
        ),
        ("content-type", "The content type is kept with the file.", "S22"),
        (
            "failing-store",
            "Whichever call of the store fails or loses its answer, no file is lost or half there.",
            "F30 F31 F32 F33 F34 F35 F36",
        ),
    ),
    *_promises(
        "Names",
        (
            "names-kept",
            "Any name comes back as it was given, and no two are confused.",
            "N01 N02 N03 N04 N05 N06 N07 N08 N12 N14 X20",
        ),
        (
            "names-refused",
            "Names that lead elsewhere or break a protocol are refused, by every method.",
            "N09 N10 N11 N13 X01 X02? X03? X04 X21 X22 X23",
        ),
    ),
    *_promises(
        "Writing with open()",
        (
            "published-at-close",
            "Nothing is visible before a clean close(), everything after it.",
            "W00 W01 W02 W03 W04 W10 W11 W13 W17",
        ),
        (
            "exceptions-publish-nothing",
            "Leaving the block by an exception publishes nothing, nor does a forgotten file.",
            "W08 W09",
        ),
        ("exclusive", "Mode x lets one of many through.", "W05 C22"),
        ("updates", "Modes a and r+ lose no other writer's bytes.", "W06 W07 W12 C10 C27"),
        ("one-winner", "Of several writers of one name one wins, whole.", "C11"),
    ),
    *_promises(
        "Reading",
        (
            "like-a-file",
            "A file reads as one on disk does, for zipfile, csv, Pillow and responses too.",
            "R01 R02 R03 R04 R05 R06 R07 R08 R09 R10 R11 R12 R13 R14 R16 R21 R22",
        ),
        (
            "one-version",
            "A reader gets one version from beginning to end, or an error.",
            "R18 R19 R20 C06 C23 C25 C26",
        ),
        ("missing-at-open", "A missing file is missed at open().", "R15"),
        ("one-request", "Opening is one request, and the first read goes on with it.", "R17"),
        ("text", "Text is UTF-8, lines are as they are.", "M01 M02 M03 M04 M05 M06 W14 W15 W16"),
    ),
    *_promises(
        "Asking, listing, deleting",
        (
            "cannot-tell",
            'A store that cannot be reached is an error, never "it does not exist".',
            "Z13",
        ),
        ("missing", "A missing file raises FileNotFoundError.", "Z01 Z02 Z03 Z05"),
        ("directories", "Directories exist as Django expects.", "Z04 L01 L05 L07 L11?"),
        (
            "deleting",
            "Deleting what is not there is silent, what is refused is not.",
            "Z06 Z07 Z08 Z09 Z10 Z11 Z12 C09 C21 C28 Y09 Y10",
        ),
        (
            "listing",
            "A listing has every user's file once, and nothing else.",
            "L02? L03? L04 L06 L08 L09 L10 C29",
        ),
        ("stat", "Sizes, versions and checksums are true.", "Z15 Z16"),
        ("times", "Times are right, with and without USE_TZ.", "T01 T02 T03 T05"),
        (
            "copy-and-move",
            "Copies and moves are whole, and never onto another file unasked.",
            "Y01 Y02 Y03 Y04 Y05 Y06 Y07 Y08? C24",
        ),
        ("urls", "URLs lead to the file and nowhere else.", "U01 U02 U03? U08?"),
    ),
    *_promises(
        "Everywhere",
        (
            "errors",
            "Errors are ours and built-in ones, say what failed, and pickle.",
            "F22 P02",
        ),
        ("secrets", "No secret is shown.", "X06 X30 X31 X32? X33 X34"),
        ("memory", "Large files pass in little memory.", "B01 B02? B03?"),
        (
            "endurance",
            "Thousands of operations leave no descriptor, thread or connection behind.",
            "B04 B10 B11 P09",
        ),
        ("threads-and-forks", "One object works in many threads and in children.", "C07 C08"),
        (
            "migrations",
            "It pickles, deconstructs, and migrations see no change.",
            "P01 P03 P04 P10",
        ),
        (
            "inert",
            "Importing and constructing do no I/O and need no client library.",
            "P00 P05? P06 P07 P08?",
        ),
        (
            "django",
            "collectstatic, fields, forms and responses work.",
            "D01 D02 D03 D04 D05 D06 D08",
        ),
        ("async", "Every method has an async twin.", "A01 A02 A03 A04"),
        ("histories", "Random histories give what a dict gives.", "O01 O02?"),
    ),
)


def numbers_of(case: str) -> tuple[str, ...]:
    """Return the numbers of a case: those that its name begins with."""
    found = _NUMBERS.match(case)
    return tuple(found[1].rstrip("_").split("_")) if found else ()


def standing(promise: Promise, outcomes: Mapping[str, Outcome]) -> tuple[Standing, list[str]]:
    """Return how ``promise`` stands after a run, and why it is not simply kept.

    ``outcomes`` are those of the cases of one storage, by their names. A case that was skipped
    matters when none of its number passed: others of the number show what happens instead.
    """
    passed: set[str] = set()
    skipped: dict[str, str] = {}
    failed: list[str] = []
    for case, outcome in outcomes.items():
        numbers = set(numbers_of(case)).intersection(promise.cases)
        if outcome.kind == "passed":
            passed |= numbers
        elif numbers and outcome.kind == "skipped":
            skipped |= dict.fromkeys(numbers, outcome.reason)
        elif numbers:
            failed.append(f"{case}: {outcome.reason}" if outcome.reason else case)
    left = sorted(set(skipped) - passed)
    if failed:
        return "broken", failed
    if not passed:
        return "not applicable", _why(left, skipped)
    why = _why([number for number in left if number not in promise.vacuous], skipped)
    return ("partly", why) if why else ("kept", [])


def _why(numbers: list[str], skipped: Mapping[str, str]) -> list[str]:
    return [f"{number}: {skipped[number].removeprefix('not applicable: ')}" for number in numbers]
