"""Whichever system call fails, a file is the old one or the new one, and the error is ours.

The n-th call of each kind fails, for n = 1, 2, 3 ..., until the scenario gets through without a
failure. strace makes the calls fail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storages.local import LocalStorage
from storages.staging import is_temporary
from storages.testing.capabilities import FULL
from tests.faults.victim import DONE, FULL_DISK, NAME, NEW, OLD, OTHER, OURS, THEIRS, prepared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is for Linux")

# Kinds of system calls; C libraries and processors differ in which of a kind they have.
CALLS = {
    "open": "?open,openat",
    "read": "read",
    "write": "write",
    "seek": "lseek",
    "sync": "fsync,fdatasync",
    "close": "close",
    "rename": "?rename,?renameat,renameat2",
    "link": "?link,linkat",
    "symlink": "?symlink,symlinkat",
    "unlink": "?unlink,unlinkat",
    "mkdir": "?mkdir,mkdirat",
    "chmod": "?chmod,fchmod,fchmodat",
    "stat": "?stat,?lstat,?fstat,?newfstatat,?statx",
    "list": "getdents64",
}
# Which errors they fail with.
EVERY = " ".join(CALLS)
ERRORS: dict[str, str] = {
    "EIO": EVERY,
    "ENOSPC": EVERY if FULL else "open write sync close rename link symlink mkdir",
    "EINTR": EVERY if FULL else "sync",
    **({"EDQUOT": EVERY, "EACCES": EVERY, "EPERM": EVERY} if FULL else {}),
}
# What Python calls again when a signal interrupted it; opening a directory is no such call, and
# closing must not be.
REPEATED = {"read", "write", "sync"}
BEFORE = {NAME: OLD, "d/other.bin": OTHER, "outside/original.bin": NEW}
WITHOUT = {name: data for name, data in BEFORE.items() if name != NAME}
SHA1 = "2a9316f2ed042f9551e982ef716d586ea05fa1ba"
# What is on the disk after each scenario, and the kinds of calls that it cannot do without.
SCENARIOS: dict[str, tuple[dict[str, bytes], str]] = {
    "overwrite": ({**BEFORE, NAME: NEW}, "open write sync close rename chmod stat"),
    "overwrite-upload": ({**BEFORE, NAME: NEW}, "open sync close rename link unlink chmod stat"),
    "write": ({**BEFORE, NAME: NEW}, "open write sync close rename chmod stat"),
    "create": (
        {**BEFORE, "new/g.bin": NEW},
        "open write sync close link unlink mkdir chmod stat",
    ),
    "create-without-links": (
        {**BEFORE, "new/g.bin": NEW},
        "open write sync close rename mkdir chmod stat",
    ),
    "create-upload": (
        {**BEFORE, "new/g.bin": NEW},
        "open sync close link unlink mkdir chmod stat",
    ),
    "hashpath": (
        {**BEFORE, f"new/2/a/{SHA1}": NEW},
        "open write sync close link unlink mkdir chmod stat",
    ),
    "symlink": ({**BEFORE, "d/g.bin": NEW}, "open sync close symlink stat"),
    "move": ({**WITHOUT, "new/g.bin": OLD}, "open sync close link unlink mkdir stat"),
    "move-over": ({**WITHOUT, "d/other.bin": OLD}, "open sync close rename stat"),
    "delete": (WITHOUT, "unlink"),
    "list": (BEFORE, "open close list"),
    "read": (BEFORE, "open read seek close stat"),
}
# Those that are given a file which is on the disk.
CALLERS_FILE = {"overwrite-upload", "create-upload", "symlink"}


class Victim:
    """The process whose forks are traced; see tests.faults.victim."""

    def __init__(self, uploads: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim", uploads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def run(self, scenario: str, root: Path, call: str, error: str, when: int) -> tuple[int, int]:
        """Do it with one failing call; return how it ended, and how many calls failed."""
        log = root.with_suffix(".strace")
        pid = self._ask(f"{scenario} {prepared(root)}")
        kinds = CALLS[call]
        inject = f"inject={kinds}:error={error}:when={when}"
        tracer = subprocess.Popen(
            ["strace", "-o", log, "-e", f"trace={kinds}", "-e", inject, "-p", pid],
            stderr=subprocess.PIPE,
            text=True,
        )
        with tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert attached.endswith("attached\n"), attached
            code = int(self._ask(""))
        return code, log.read_text().count("(INJECTED)")

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory in memory, where that is to be had: some hundred runs synchronize to it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def victim(place: Path) -> Iterator[Victim]:
    """A process that has imported everything."""
    if shutil.which("strace") is None:
        pytest.fail("strace is missing: install the Debian package 'strace' (make test does)")
    (place / "uploads").mkdir()
    process = Victim(place / "uploads")
    yield process
    process.close()


def check(scenario: str, root: Path, call: str, code: int) -> None:
    """Compare the disk with what it may look like after ``code``."""
    after, _ = SCENARIOS[scenario]
    paths = [path for path in root.rglob("*") if not path.is_dir()]
    orphans = [path for path in paths if is_temporary(path.name)]
    files = {str(p.relative_to(root)): p.read_bytes() for p in paths if p not in orphans}
    if code == THEIRS:
        # The caller's own file failed, and its error is handed on as it was.
        assert scenario in CALLERS_FILE
        assert call in {"read", "seek"}
    else:
        assert code in {DONE, OURS, FULL_DISK}
    assert files == after if code == DONE else files in (BEFORE, after)
    # Only what could not be removed stays, and nobody sees it.
    assert not orphans or call == "unlink"
    walked = LocalStorage(root).walk()
    assert {f"{top}/{name}" for top, _, names in walked for name in names} == set(files)
    if files == BEFORE and not orphans:
        assert not (root / "new").exists(), "a directory was made for nothing"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_old_or_new_whatever_fails(scenario: str, victim: Victim, place: Path) -> None:
    """After any failing call, every file is complete, the others untouched, the error ours."""
    _, needed = SCENARIOS[scenario]
    fired = dict.fromkeys(CALLS, 0)
    for error, calls in ERRORS.items():
        for call in calls.split():
            for when in range(1, 1000):
                root = place / f"{scenario}-{call}-{error}-{when}"
                code, injected = victim.run(scenario, root, call, error, when)
                check(scenario, root, call, code)
                shutil.rmtree(root)
                if not injected:
                    assert code == DONE
                    break
                fired[call] += 1
                if error in {"ENOSPC", "EDQUOT"} and call in {"write", "mkdir"}:
                    assert code == FULL_DISK
                if error == "EINTR" and call in REPEATED:
                    assert code == DONE, (call, when)
    assert [call for call in needed.split() if not fired[call]] == []
