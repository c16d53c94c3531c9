"""The benchmarks run, and their results become tables and plots."""

from __future__ import annotations

import copy
import json
import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench, causes, figures, machine, measuring, pages, plots, tables
from benchmarks.place import OURS, PEER, RAW
from benchmarks.rows import EFFORTS, FAR, NEAR, Row

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """The least that can be measured, of the backend that needs no server."""
    found: dict[str, Any] = {}
    written = []
    kind = bench.places()["overwrite"]
    until = time.monotonic() + 120
    keep = lambda: written.append(json.dumps(found))  # noqa: E731 - a word
    measuring.measure(kind, EFFORTS["tiny"], found, keep, until, lambda _: True)
    assert len(written) > 1, "what is cut short leaves nothing"
    everything = {"machine": machine.facts(), "effort": "tiny", "backends": {"overwrite": found}}
    back: dict[str, Any] = json.loads(json.dumps(everything))
    return back


def made_up(*, ours: float, raw: float, peer: float = 2.0) -> dict[str, Any]:
    """Results of a backend that does not exist, in three turns without noise."""
    subjects = {
        who: {"turns": [each] * 3, "growth": 0}
        for who, each in ((OURS, ours), (RAW, raw), (PEER, peer))
    }
    row = {**vars(Row("save", "save 1 kB")), "subjects": subjects}
    backend = {
        "page": "s3",
        "server": "nothing",
        "subjects": {OURS: "this package", RAW: "a client", PEER: "the old one"},
        "rows": {"near/save/1000": row},
    }
    return {"machine": machine.facts(), "effort": "tiny", "backends": {"made-up": backend}}


def test_everything_is_measured(results: dict[str, Any]) -> None:
    """Each row of a local backend has figures of both subjects, or says why not."""
    rows = results["backends"]["overwrite"]["rows"]
    wanted = {row.key for row in EFFORTS["tiny"].rows() if row.line == NEAR}
    assert set(rows) == wanted
    for key, row in rows.items():
        for subject, found in row["subjects"].items():
            assert "turns" in found, f"{key}: {subject}: {found}"
            assert all(each > 0 for each in found["turns"])
            assert found["repeats"] >= len(found["turns"])
    assert figures.growth(rows["near/save/1000"], OURS) is not None


def test_tables_and_plots(results: dict[str, Any], tmp_path: Path) -> None:
    """What is measured is written into pages that have marks for it; plots are the same again."""
    program = "what benchmarks/bench.py wrote"
    mark = f".. Begin of {program}\n\nold\n\n.. End of {program}\n"
    (tmp_path / "backends").mkdir()
    for page in (tmp_path / "performance.rst", tmp_path / "backends" / "overwrite.rst"):
        page.write_text(f"before\n\n{mark}\nafter\n", encoding="utf-8")
    pages.write_all(results, tmp_path)
    overview = (tmp_path / "performance.rst").read_text(encoding="utf-8")
    detail = (tmp_path / "backends" / "overwrite.rst").read_text(encoding="utf-8")
    for text in (overview, detail):
        assert text.startswith("before")
        assert text.endswith("after\n")
        assert "old" not in text
    assert "save 1 MB" in detail
    assert machine.processor() in overview
    plots.draw(results, tmp_path / "again")
    drawn = {path.name for path in (tmp_path / "images" / "performance").iterdir()}
    assert drawn == {"beside-client.svg", "bytes.svg", "names.svg", "threads.svg"}
    for name in drawn:
        assert f"images/performance/{name}" in overview
        bytes_again = (tmp_path / "again" / name).read_bytes()
        assert (tmp_path / "images" / "performance" / name).read_bytes() == bytes_again
        ET.parse(tmp_path / "images" / "performance" / name)


@pytest.mark.parametrize(
    ("ours", "raw", "peer", "slow"),
    [
        (1.0, 1.0, 2.0, set()),
        (1.0, 0.89, 2.0, set()),  # within the noise
        (1.0, 0.8, 2.0, {RAW}),
        (2.0, 2.0, 1.0, {PEER}),
    ],
)
def test_what_is_slower_is_told(ours: float, raw: float, peer: float, slow: set[str]) -> None:
    """Less than 0.9 of the client library, or slower than the old package: it wants a cause."""
    found = made_up(ours=ours, raw=raw, peer=peer)
    assert {other for _, _, _, other, _ in figures.slower(found)} == slow
    assert len(tables.unexplained(found)) == len(slow)
    assert ("not explained" in tables.slow(found)) == bool(slow)


def test_a_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has a cause is not asked for again, and its cause is shown."""
    told = ((r"made-up near/save/\d+ raw", "It compares."),)
    monkeypatch.setattr(causes, "read", lambda: told)
    found = made_up(ours=1.0, raw=0.5)
    assert tables.unexplained(found) == []
    assert "It compares." in tables.slow(found)


def test_causes_are_of_what_is_measured() -> None:
    """Each cause has words, and its pattern matches a row that some backend has."""
    efforts = ("default", "quick")
    keys = {row.key for effort in efforts for row in EFFORTS[effort].rows()}
    asked = [
        f"{name} {key} {who}" for name in bench.places() for key in keys for who in (RAW, PEER)
    ]
    for pattern, cause in causes.read():
        assert cause
        assert any(re.match(pattern, each) for each in asked), pattern


def test_one_turn_is_no_proof() -> None:
    """Where a turn says otherwise nothing is called slower."""
    found = made_up(ours=1.0, raw=0.5)
    row = found["backends"]["made-up"]["rows"]["near/save/1000"]
    row["subjects"][RAW]["turns"][1] = 1.0
    assert not list(figures.slower(found))


def test_noise_is_told() -> None:
    """The sentence on noise counts what was measured in turns, and says how far they differ."""
    found = made_up(ours=1.0, raw=1.0)
    rows = found["backends"]["made-up"]["rows"]
    rows["near/read/1000"] = copy.deepcopy(rows["near/save/1000"])
    rows["near/read/1000"]["subjects"][RAW]["turns"] = [0.8, 1.0, 1.2]
    half, most, count = figures.noise(found)
    assert count == 2
    assert half == pytest.approx(0.1)
    assert most > 0.1
    assert "2 ratios" in tables.noise(found)


def test_the_machine_has_no_name() -> None:
    """Of the machine nothing is said that tells which one it is."""
    said = json.dumps(machine.facts()) + machine.name()
    assert "/" not in said.replace(machine.processor(), "")
    assert not {"node", "host", "hostname"} & set(machine.facts())


@pytest.mark.parametrize("effort", list(EFFORTS))
def test_rows_of_an_effort(effort: str) -> None:
    """A row's key is its own, or one would replace another's figures; some rows are far."""
    keys = [row.key for row in EFFORTS[effort].rows()]
    assert len(keys) == len(set(keys))
    assert any(key.startswith(FAR) for key in keys)


def test_every_backend_has_a_page() -> None:
    """What is measured is told on the page of its backend."""
    for name, kind in bench.places().items():
        page = ROOT / "docs" / "backends" / f"{kind.page}.rst"
        assert page.exists(), name
