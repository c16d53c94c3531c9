"""Counts the experiments and the faults that have happened; the run ends with the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.faults.proxy import happened

_PROPERTY = "faults that happened"
Record: TypeAlias = Callable[[int], None]


@pytest.fixture(autouse=True)
def fault_record(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[Record]:
    """Record the faults of the fault proxies; call it for faults of another kind.

    They are added to the test's report, which pytest-xdist sends to the process that prints.
    """
    more: list[int] = []
    before = happened.total()
    yield more.append
    count = happened.total() - before + sum(more)
    if count:
        backend = request.path.stem.removeprefix("test_").removeprefix("matrix_")
        record_property(_PROPERTY, [backend, count])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many experiments were made, and how many faults happened in them."""
    experiments: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "teardown":
                continue
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    backend, count = value
                    experiments[backend] += 1
                    faults[backend] += count
    if experiments:
        terminalreporter.section("faults")
        for backend in sorted(experiments):
            terminalreporter.write_line(
                f"{backend:20} {experiments[backend]:6} experiments, {faults[backend]:6} faults"
            )
        terminalreporter.write_line(
            f"{experiments.total()} experiments, {faults.total()} faults fired"
        )
