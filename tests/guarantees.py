"""Writes what a run of the tests has shown of each backend: ``pytest -p tests.guarantees``.

``make guarantees`` does that; the documentation's tables are made of the file that it writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest

from storages.testing.capabilities import FULL
from storages.testing.guarantees import Outcome, numbers_of

FILE = Path(__file__).resolve().parent.parent / "docs" / "guarantees.json"
#: How the reasons begin for which a case of Django's own storages is not counted as passed.
DIFFERS = "Django differs"


@dataclass(frozen=True)
class Column:
    """One backend on one server.

    ``module`` and ``contract`` are the module's end and the class that runs the contract;
    ``stress`` is the beginning of the one that runs the stress; ``scene`` is the class of
    ``tests.faults.scenes.<module>`` where faults are made, and the end of the test that makes them.
    """

    name: str
    service: str
    module: str
    contract: str
    stress: str = ""
    scene: str = ""

    @property
    def classes(self) -> list[str]:
        """The tests of the contract and of the stress, without their cases."""
        classes = [f"tests/contract/test_{self.module}.py::{self.contract}"]
        if self.stress:
            classes.append(f"tests/stress/test_{self.module}.py::{self.stress}Stress")
        return classes

    @property
    def faults(self) -> str:
        """The test that makes the scene's experiments."""
        return f"tests/faults/test_matrix_{self.module}.py::test_{self.scene.partition(':')[2]}"

    def scene_class(self) -> Any:
        """The class of the scene."""
        module = import_module(f"tests.faults.scenes.{self.module}")
        return getattr(module, self.scene.partition(":")[0])


COLUMNS = (
    Column("Django's", "FileSystemStorage", "django", "TestFileSystemStorage"),
    Column("overwrite", "disk", "local", "TestOverwriteStorage", "Overwrite"),
    Column("symlinkorcopy", "disk", "local", "TestSymlinkOrCopyStorage", "SymlinkOrCopy"),
    Column("hashpath", "disk", "local", "TestHashPathStorage", "HashPath"),
    Column("image", "disk", "local", "TestImageStorage", "Images"),
    Column("database", "SQLite", "database", "TestEmbedded", "Embedded"),
    Column(
        "database",
        "PostgreSQL",
        "database",
        "TestEmbeddedPostgreSQL",
        "EmbeddedPostgreSQL",
        "EmbeddedScene:embedded",
    ),
    Column(
        "database",
        "ODBC",
        "database",
        "TestOdbcPostgreSQL",
        "OdbcPostgreSQL",
        "PostgreSQLScene:postgresql",
    ),
    Column("s3", "moto", "s3", "MotoTest", "S3", "MotoScene:moto"),
    Column("sftp", "OpenSSH", "sftp", "SFTPTest", "SFTP", "SftpScene:sshd"),
    Column("ftp", "vsftpd", "ftp", "VsftpdTest", "FTP", "VsftpdScene:vsftpd"),
    Column("cloudfiles", "Swift", "cloudfiles", "SwiftTest", "CloudFiles", "SwiftScene:swift"),
    Column("couchdb", "PouchDB", "couchdb", "CouchDBContract", "CouchDB", "CouchDBScene:pouchdb"),
    Column("tahoe", "Tahoe-LAFS", "tahoe", "TahoeTest", "Tahoe", "GatewayScene:gateway"),
    Column("ipfs", "js-ipfs", "ipfs", "IPFSContract", "IPFS", "NodeScene:node"),
    Column("gridfs", "SecantusDB", "gridfs", "GridFSContract", "GridFS", "SecantusScene:secantus"),
    Column(
        "mogilefs", "cluster", "mogilefs", "MogileFSContract", "MogileFS", "ClusterScene:cluster"
    ),
)


def outcomes_of(reports: Any) -> dict[str, Outcome]:
    """What became of each test, by its id; the worst of its phases and subtests counts."""
    found: dict[str, Outcome] = {}
    for report in reports:
        if report.failed:
            found[report.nodeid] = Outcome("failed", str(report.longrepr).strip()[-300:])
        elif report.skipped and found.get(report.nodeid, Outcome("passed")).kind != "failed":
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            found[report.nodeid] = Outcome("skipped", reason.removeprefix("Skipped: "))
        elif report.when == "call":
            found.setdefault(report.nodeid, Outcome("passed"))
    return found


def cases_of(column: Column, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """The outcomes of the column's cases, by their names."""
    found = {}
    for name in column.classes:
        for test, outcome in outcomes.items():
            if test.startswith(f"{name}::"):
                found[test.removeprefix(f"{name}::")] = outcome
    return {name: each for name, each in found.items() if numbers_of(name)}


def _differences() -> dict[str, str]:
    from tests.contract import test_django

    told = {**test_django.ON_DISK, **test_django.SOMETIMES}
    return {case: f"{DIFFERS}: {reason}" for case, reason in told.items()}


def _faults_of(column: Column, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    from tests.faults.matrix import EXPERIMENTS, Scene, status

    scene: type[Scene] = column.scene_class()
    told: dict[str, Any] = {"passed": [], "failed": [], "elsewhere": {}, "declared": {}}
    passed = {
        test.rpartition("[")[2].rstrip("]"): outcome.kind
        for test, outcome in outcomes.items()
        if test.startswith(f"{column.faults}[")
    }
    for experiment in EXPERIMENTS:
        if experiment.http and not scene.http:
            continue
        how = status(experiment, scene)
        if how.declared is not None:
            told["declared"][experiment.id] = [how.declared.instead, how.declared.reason]
        if how.elsewhere:
            told["elsewhere"][experiment.id] = how.elsewhere
        if experiment.id in passed:
            told["passed" if passed[experiment.id] == "passed" else "failed"].append(experiment.id)
    return told


def summary(outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """What the documentation needs of a run."""
    from tests.faults.matrix import EXPERIMENTS

    found = [(column, cases_of(column, outcomes)) for column in COLUMNS]
    names = {name for _, cases in found for name in cases}
    return {
        "pass": "full" if FULL else "quick",
        "django": django.get_version(),
        "cases": sorted(names),
        "experiments": {each.id: each.promise for each in EXPERIMENTS},
        "columns": [_told(column, cases, names, outcomes) for column, cases in found],
    }


def _told(
    column: Column, cases: dict[str, Outcome], names: set[str], outcomes: dict[str, Outcome]
) -> dict[str, Any]:
    skipped = {name: each.reason for name, each in cases.items() if each.kind == "skipped"}
    failed = {name: each.reason for name, each in cases.items() if each.kind == "failed"}
    if column is COLUMNS[0]:
        # Its failures are expected by the tests: what passes there is the difference.
        failed |= _differences()
        skipped = {name: reason for name, reason in skipped.items() if name not in failed}
    told: dict[str, Any] = {
        "name": column.name,
        "service": column.service,
        "classes": column.classes,
        "skipped": skipped,
        "failed": failed,
        "missing": sorted(names - set(cases)),
    }
    if column.scene:
        told |= {"test": column.faults, "faults": _faults_of(column, outcomes)}
    return told


def _reports(session: pytest.Session) -> Iterator[Any]:
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    for found in reporter.stats.values():
        for report in found:
            if hasattr(report, "nodeid") and hasattr(report, "when"):
                yield report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file, in the process that has all reports."""
    if not hasattr(session.config, "workerinput"):
        told = summary(outcomes_of(_reports(session)))
        FILE.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
