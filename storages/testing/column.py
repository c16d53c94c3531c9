"""The guarantees of one storage, shown by running its contract: ``python -m storages.testing``.

    $ python -m storages.testing tests.test_mine.MyStorageTest --settings mysite.settings

runs the cases of a class that derives from ``StorageContract`` (and ``StressContract``, for the
races and the made-up names) and prints what its storage promises, row by row.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from storages.testing.guarantees import PROMISES, Outcome, standing

__all__ = ["column", "main", "run"]

_WIDTH = 100
_MARK = 16


class _Outcomes(unittest.TestResult):
    """Keeps what became of each case, and says on ``stream`` that it goes on."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.outcomes: dict[str, Outcome] = {}
        self._progress = stream

    def _note(self, test: unittest.TestCase, outcome: Outcome, mark: str) -> None:
        name = getattr(test, "_testMethodName", str(test))
        # A case that has failed in one of its subtests has failed.
        if name not in self.outcomes or self.outcomes[name].kind != "failed":
            self.outcomes[name] = outcome
        self._progress.write(mark)
        self._progress.flush()

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, Outcome("passed"), ".")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, Outcome("skipped", reason), "s")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, Outcome("failed", _line(err[1])), "F")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._note(test, Outcome("failed", _line(err[1])), "E")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, Outcome("failed", _line(err[1])), "F")


def _line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}"[: _WIDTH * 2]


def run(case: type[unittest.TestCase], stream: TextIO | None = None) -> dict[str, Outcome]:
    """Run all cases of the class; return what became of each, by its name.

    ``stream`` is told of each case as it ends; by default nobody is.
    """
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        result = _Outcomes(stream or nowhere)
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result.outcomes


def column(outcomes: Mapping[str, Outcome]) -> str:
    """Return the table's column for the storage whose cases had these outcomes, as text."""
    lines: list[str] = []
    heading = ""
    for promise in PROMISES:
        if promise.heading != heading:
            heading = promise.heading
            lines += ["", heading, "-" * len(heading)]
        how, why = standing(promise, outcomes)
        rest = textwrap.wrap(promise.text, _WIDTH - _MARK)
        lines.append(f"{how:{_MARK}}{rest[0]}")
        indent = " " * _MARK
        lines += [f"{indent}{line}" for line in rest[1:]]
        for reason in why:
            lines += textwrap.wrap(
                reason, _WIDTH, initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  "
            )
    return "\n".join(lines[1:])


def _class_of(path: str) -> type[unittest.TestCase]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SystemExit(f"{path} cannot be imported: {error}") from error
    if not isinstance(found, type) or not issubclass(found, unittest.TestCase):
        raise SystemExit(f"{path} is no unittest.TestCase: derive it from one and the contract.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return 1 when a promise is broken, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m storages.testing", description="Print what a storage promises."
    )
    parser.add_argument(
        "classes", nargs="+", metavar="class", help="dotted path of a class that runs the contract"
    )
    parser.add_argument("--settings", help="the settings module; else DJANGO_SETTINGS_MODULE")
    given = parser.parse_args(arguments)
    if given.settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = given.settings
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        parser.error("DJANGO_SETTINGS_MODULE is not set: name your project's settings.")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as django-admin and pytest do

    import django

    django.setup()
    outcomes: dict[str, Outcome] = {}
    for path in given.classes:
        outcomes |= run(_class_of(path), sys.stderr)
    sys.stderr.write("\n")
    count = dict.fromkeys(("passed", "skipped", "failed"), 0)
    for outcome in outcomes.values():
        count[outcome.kind] += 1
    told = ", ".join(f"{number} {kind}" for kind, number in count.items() if number)
    sys.stdout.write(f"{', '.join(given.classes)}: {told}\n\n{column(outcomes)}\n")
    return 1 if count["failed"] or not outcomes else 0
