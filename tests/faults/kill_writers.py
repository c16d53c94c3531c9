"""Kill writers at random moments and look at what they left.

Run as ``python -m tests.faults.kill_writers ROOT SCENARIO KILLS``; prints one JSON object.
Django is imported once; each writer is a fork, which saves one content after the other until it is
killed.
"""

from __future__ import annotations

import io
import json
import mmap
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

import django
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.uploadedfile import TemporaryUploadedFile

Action = Callable[[Storage, bytes], None]

NAME = "pictures/upload.bin"
OTHER = "other.bin"
# Not multiples of any block, so that a cut at a block's border shows.
SIZES = (3_000_017, 700_001)


def content(number: int, scale: int = 1) -> bytes:
    """The content of save ``number``: its length and every byte follow from the number.

    ``scale`` divides the lengths.
    """
    head = f"{number:012d}".encode()
    size = SIZES[number % 2] // scale
    return head * (size // len(head)) + head[: size % len(head)]


def number_of(data: bytes, scale: int = 1) -> int | None:
    """The number of the save whose complete content ``data`` is, or None for anything else."""
    head = data[:12]
    if len(head) < 12 or not head.isdigit() or content(int(head), scale) != data:
        return None
    return int(head)


@dataclass
class Report:
    """What the kills did.

    ``interrupted`` of them met a save under way; ``saves`` returned before; ``orphans`` are the
    temporaries that were left.
    """

    kills: int = 0
    interrupted: int = 0
    saves: int = 0
    orphans: int = 0
    wrong: list[str] = field(default_factory=list)


class Progress:
    """Two counters that a writer shares with the one who kills it: saves begun, saves returned."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def __getitem__(self, which: int) -> int:
        return int.from_bytes(self._memory[which * 8 : which * 8 + 8], "little")

    def __setitem__(self, which: int, value: int) -> None:
        self._memory[which * 8 : which * 8 + 8] = value.to_bytes(8, "little")


BEGUN, RETURNED = 0, 1


def uploaded(data: bytes) -> TemporaryUploadedFile:
    """An upload that Django has put on the disk."""
    upload = TemporaryUploadedFile("upload.bin", "application/octet-stream", len(data), None)
    upload.write(data)
    upload.seek(0)
    return upload


class Dawdling(io.BytesIO):
    """A source that takes its time, so that most of a save is spent between two writes."""

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, after a moment."""
        time.sleep(0.0002)
        return super().read(size)


def save(storage: Storage, data: bytes) -> None:
    """Save from a file that is read piece by piece."""
    storage.save(NAME, File(Dawdling(data)))


def save_upload(storage: Storage, data: bytes) -> None:
    """Save an upload's temporary file."""
    with uploaded(data) as upload:
        storage.save(NAME, upload)


def write(storage: Storage, data: bytes) -> None:
    """Write through an open file, in pieces."""
    with storage.open(NAME, "wb") as file:
        for start in range(0, len(data), 100_003):
            file.write(data[start : start + 100_003])


def storages() -> dict[str, tuple[Storage, Action]]:
    """Return the scenarios: a storage and what its writers do, by name."""
    from storages.backends.overwrite import OverwriteStorage
    from storages.backends.symlinkorcopy import SymlinkOrCopyStorage

    root = sys.argv[1]
    return {
        "overwrite": (OverwriteStorage(root), save),
        "overwrite-upload": (OverwriteStorage(root), save_upload),
        "write": (OverwriteStorage(root), write),
        "create": (SymlinkOrCopyStorage(root), save),
        "create-django": (FileSystemStorage(root), save),
        "create-upload": (SymlinkOrCopyStorage(root), save_upload),
    }


def writer(storage: Storage, action: Action, progress: Progress) -> None:
    """Save contents that follow each other, for ever."""
    while True:
        number = progress[RETURNED] + 1
        progress[BEGUN] = number
        action(storage, content(number))
        progress[RETURNED] = number


def fork_writer(work: Callable[[], None]) -> int:
    """Start a child that works until it is killed; one that fails says so and exits with 1."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        import traceback

        traceback.print_exc()
        os._exit(1)


def wait_for_a_save(progress: Progress, gone: int) -> float:
    """Wait until a new writer's first save has returned; return how long that took.

    The writer holds the other end of ``gone``: one that ends by itself is not waited for.
    """
    number, started = progress[RETURNED], time.monotonic()
    while progress[RETURNED] == number:
        if select.select([gone], [], [], 0.0005)[0]:
            break
    return time.monotonic() - started


def found_numbers(storage: Storage, directory: Path, report: Report) -> list[int]:
    """Look at every file; return the numbers of the saves whose contents are there."""
    from storages.staging import is_temporary

    numbers = []
    _, listed = storage.listdir(directory.name)
    if sorted(listed) != sorted(p.name for p in directory.iterdir() if not is_temporary(p.name)):
        report.wrong.append(f"listed: {listed}")
    for path in sorted(directory.iterdir()):
        if is_temporary(path.name):
            report.orphans += 1
            path.unlink()
        elif path.name == OTHER:
            if path.read_bytes() != b"untouched":
                report.wrong.append("another file changed")
        elif (number := number_of(path.read_bytes())) is None:
            report.wrong.append(f"{path.name} is torn")
        else:
            numbers.append(number)
    return numbers


def inspect(
    storage: Storage, root: Path, progress: Progress, report: Report, *, creates: bool
) -> None:
    """Compare what is on the disk with what the writer can have done; make room for the next."""
    numbers = found_numbers(storage, root / "pictures", report)
    done = progress[RETURNED]
    if creates:
        # Every save that returned made one file; the one under way may have made its own.
        expected = list(range(report.saves + 1, done + 1))
        if sorted(numbers) not in (expected, [*expected, done + 1]):
            report.wrong.append(f"returned {expected}, found {sorted(numbers)}")
        remove_files(root / "pictures")
    elif numbers not in ([done], [done + 1]):
        report.wrong.append(f"returned {done}, found {numbers}")
    remove_files(root / "uploads")
    # The next writer goes on with a number that no file has.
    report.saves = progress[RETURNED] = progress[BEGUN] = max([done, *numbers])


def remove_files(directory: Path) -> None:
    """Remove all files but the one that no writer touches."""
    for path in directory.iterdir():
        if path.name != OTHER:
            path.unlink()


def main() -> NoReturn:
    """Kill writers until as many were met at work as asked, and report."""
    django.setup()
    root, scenario, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # On the same filesystem, so that uploads are linked; and removed with it.
    settings.FILE_UPLOAD_TEMP_DIR = str(root / "uploads")
    (root / "uploads").mkdir(parents=True)
    storage, action = storages()[scenario]
    creates = scenario.startswith("create")
    (root / "pictures").mkdir()
    (root / "pictures" / OTHER).write_bytes(b"untouched")
    progress, report = Progress(), Report()
    for _ in range(2):  # the second finds the name taken
        action(storage, content(0))  # every lazy import happens here, not in the writers
    if creates:
        remove_files(root / "pictures")
    for _ in range(20 * kills):
        if report.interrupted == kills:
            break
        gone, held = os.pipe()
        pid = fork_writer(lambda: writer(storage, action, progress))
        os.close(held)
        # Then another save begins: the kill meets it at its start, in its middle, at its end.
        time.sleep(wait_for_a_save(progress, gone) * random.random())
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(gone)
        if not os.WIFSIGNALED(status):
            report.wrong.append(f"a writer ended by itself: {status}")
        report.kills += 1
        report.interrupted += progress[BEGUN] > progress[RETURNED]
        inspect(storage, root, progress, report, creates=creates)
    sys.stdout.write(json.dumps(asdict(report)))
    sys.exit(0)


if __name__ == "__main__":
    main()
