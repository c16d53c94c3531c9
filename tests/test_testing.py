"""What ``storages.testing`` offers besides the contract, and how the contract is put together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import SimpleTestCase

import storages.testing as package
from storages.testing import (
    MemoryStorage,
    OperationAssertions,
    StorageContract,
    assertNumOperations,
    recorded_operations,
)
from storages.testing.aliases import aliases

# How many cases each chapter has, and which come with the backends that can fail them.
CHAPTERS = {
    "N": 13,
    "S": 22,
    "R": 22,
    "W": 16,
    "Z": 14,
    "L": 9,
    "T": 5,
    "U": 7,
    "C": 11,
    "F": 22,
    "B": 4,
    "X": 6,
    "P": 9,
    "M": 5,
    "D": 8,
    "O": 1,
}
LATER = {
    *(f"F{number:02}" for number in range(1, 22)),
    *("T04", "U04", "U05", "U06", "U07", "C05", "X05", "Z14"),
}
ELSEWHERE = {"D07": "tests/contract/test_admin.py"}
ROOT = Path(package.__file__).parents[2]


def cases() -> dict[str, list[str]]:
    """The contract's methods by their numbers."""
    found: dict[str, list[str]] = {}
    for method in dir(StorageContract):
        if method.startswith("test_"):
            numbers = re.match(r"test_((?:[A-Z]\d\d_)+)[a-z]", method)
            assert numbers, method
            for number in numbers[1].rstrip("_").split("_"):
                found.setdefault(number, []).append(method)
    return found


def test_every_number_has_a_case() -> None:
    """Each number of each chapter has a case, or comes later, or is in the place named here."""
    wanted = {f"{letter}{n:02}" for letter, count in CHAPTERS.items() for n in range(1, count + 1)}
    assert wanted - set(cases()) == LATER | set(ELSEWHERE)
    assert not LATER & set(cases())
    for place in ELSEWHERE.values():
        assert (ROOT / place).exists()


def test_later_numbers_are_told() -> None:
    """The package's documentation names each number that comes later."""
    text = package.__doc__ or ""
    text = text.replace("F01-F21", " ".join(f"F{number:02}" for number in range(1, 22)))
    for number in LATER:
        assert number in text


def test_every_case_states_a_fact() -> None:
    """Each case has a docstring that is a sentence."""
    for methods in cases().values():
        for method in methods:
            text = getattr(StorageContract, method).__doc__
            assert text, method
            assert text.split("\n\n")[0].rstrip().endswith("."), method


def test_capabilities_are_documented() -> None:
    """Each attribute that a class may declare has a docstring behind it."""
    for module in ("case", "consumers", "security"):
        source = (ROOT / f"storages/testing/{module}.py").read_text(encoding="utf-8")
        for match in re.finditer(r"^    (\w+): ClassVar.*?\n(.*)$", source, re.MULTILINE):
            assert match[2].startswith('    """'), match[1]


def test_unknown_name() -> None:
    """The package has what it lists, and tells what it does not have."""
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = package.no_such_thing


def test_memory_storage_loads_no_test_framework() -> None:
    """A project that uses the storage in memory loads neither unittest nor the contract."""
    code = (
        "import sys\n"
        "from storages.testing import MemoryStorage\n"
        "loaded = {'storages.testing.contract', 'unittest', 'hypothesis'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)


def test_contract_under_djangos_runner() -> None:
    """The contract runs under ``manage.py test`` as it does under pytest."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "test", "docs.examples.test_sqlar"]
        + [f"-ktest_{chapter}" for chapter in "NRCPD"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    ran = re.search(r"Ran (\d+) tests", done.stderr)
    assert ran
    assert int(ran[1]) > 90
    assert re.search(r"OK \(skipped=\d+\)", done.stderr)


class TestAssertNumOperations(OperationAssertions, SimpleTestCase):
    """Counting what is asked of a store."""

    def setUp(self) -> None:
        """Make two storages."""
        self.first = MemoryStorage(place="first")
        self.second = MemoryStorage(place="second")
        for storage in (self.first, self.second):
            self.addCleanup(storage.clear)

    def test_counts(self) -> None:
        """The right number passes, and the operations are given."""
        with self.assertNumOperations(2, using=self.first) as found:
            self.first.save("a", ContentFile(b"a"))
            self.first.size("a")
        assert [(event.operation, event.name) for event in found] == [("write", "a"), ("stat", "a")]

    def test_wrong_number(self) -> None:
        """Another number fails, and the message lists what happened."""
        wrong = pytest.raises(AssertionError, match="2 operations executed, 1 expected")
        with wrong as raised, self.assertNumOperations(1):
            self.first.exists("a")
        assert "1. stat 'a' failed: NotFound" in str(raised.value)
        assert "2. is_dir 'a'" in str(raised.value)

    def test_one_storage(self) -> None:
        """Only the storage that is asked about counts."""
        with self.assertNumOperations(1, using=self.second):
            self.first.save("a", ContentFile(b"a"))
            self.second.save("a", ContentFile(b"a"))

    def test_one_operation(self) -> None:
        """Only the operation that is asked about counts."""
        with self.assertNumOperations(1, using=self.first, operation="write"):
            self.first.save("a", ContentFile(b"a"))
            self.first.size("a")

    def test_error_comes_through(self) -> None:
        """An exception in the block is what is raised, whatever was counted."""
        with pytest.raises(FileNotFoundError), self.assertNumOperations(5):
            self.first.size("a")

    def test_default_storage(self) -> None:
        """An alias's proxy stands for its storage."""
        with aliases(default=self.first), assertNumOperations(1, using=default_storage):
            default_storage.save("a", ContentFile(b"a"))
        assert self.first.exists("a")

    def test_nothing_is_left(self) -> None:
        """After the block nothing is recorded any more."""
        with recorded_operations() as found:
            self.first.save("a", ContentFile(b"a"))
        self.first.size("a")
        assert len(found) == 1

    def test_aliases(self) -> None:
        """``aliases`` puts storages under names, for the time of the block."""
        with aliases(default=self.first, other=self.second):
            storages["other"].save("a", ContentFile(b"a"))
            assert self.second.exists("a")
            assert not default_storage.exists("a")
        assert "other" not in storages.backends
