"""A process whose system calls fail: run as ``python -m tests.faults.victim``.

Each line of standard input names a scenario and a directory. For each, a fork is started, whose
process id is printed; at the next line it does what the scenario says, and its end is printed. So
a tracer can be attached in between, which then meets the scenario's system calls and no others.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import django
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile

OLD = b"old" * 30_000
NEW = b"NEW!" * 50_000  # four blocks
OTHER = b"other"
NAME = "d/f.bin"

# How a fork ends: the scenario succeeded; with one of our errors; that for a full disk; with what
# the system said, unchanged; with anything else.
DONE, OURS, FULL_DISK, THEIRS, WRONG = 0, 3, 4, 5, 6

PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)


def prepared(root: Path) -> Path:
    """Make in ``root`` what the scenarios begin with."""
    (root / "d").mkdir(parents=True)
    (root / NAME).write_bytes(OLD)
    (root / "d/other.bin").write_bytes(OTHER)
    (root / "outside").mkdir()
    (root / "outside/original.bin").write_bytes(NEW)
    return root


def upload() -> TemporaryUploadedFile:
    """An upload on the disk."""
    file = TemporaryUploadedFile("f.bin", "application/octet-stream", len(NEW), None)
    file.write(NEW)
    file.seek(0)
    return file


class Scenarios:
    """What is done in ``root``, by name; what it takes is ready before."""

    def __init__(self, root: Path) -> None:
        from storages.backends.hashpath import HashPathStorage
        from storages.backends.overwrite import OverwriteStorage
        from storages.backends.symlinkorcopy import SymlinkOrCopyStorage
        from storages.local import LocalStorage

        overwriting, creating = OverwriteStorage(root), LocalStorage(root)
        linking = SymlinkOrCopyStorage(root / "d", symlink_within=[root / "outside"])
        hashing = HashPathStorage(root)
        self.storage = overwriting
        self.upload = upload()
        self.original = File((root / "outside/original.bin").open("rb"))
        self.actions: dict[str, Callable[[], object]] = {
            "overwrite": lambda: overwriting.save(NAME, ContentFile(NEW)),
            "overwrite-upload": lambda: overwriting.save(NAME, self.upload),
            "write": self.write,
            "create": lambda: creating.save("new/g.bin", ContentFile(NEW)),
            "create-without-links": lambda: self.without_links(
                lambda: creating.save("new/g.bin", ContentFile(NEW))
            ),
            "create-upload": lambda: creating.save("new/g.bin", self.upload),
            "hashpath": lambda: hashing.save("new/g.bin", ContentFile(NEW)),
            "symlink": lambda: linking.save("g.bin", self.original),
            "move": lambda: creating.move(NAME, "new/g.bin"),
            "move-over": lambda: creating.move(NAME, "d/other.bin", overwrite=True),
            "delete": lambda: creating.delete(NAME),
            "list": lambda: list(creating.walk()),
            "read": self.read,
        }

    def write(self) -> None:
        """Write through an open file."""
        with self.storage.open(NAME, "wb") as file:
            file.write(NEW)

    def without_links(self, action: Callable[[], object]) -> None:
        """Do it as on a filesystem that has no hard links."""
        refused = OSError(errno.EPERM, "no links")
        with mock.patch("storages.local_publish.os.link", side_effect=refused):
            action()

    def read(self) -> None:
        """Read all of a file, then its end once more."""
        with self.storage.open(NAME) as file:
            data = file.read()
            file.seek(len(OLD) - 1)
            data += file.read()
        if data != OLD + OLD[-1:]:
            raise AssertionError(f"read {len(data)} other bytes")

    def close(self) -> None:
        """Close what was opened."""
        self.upload.close()
        self.original.close()


def outcome(action: Callable[[], object]) -> int:
    """Do it; return how it ended."""
    from storages.errors import StorageError, StorageFull

    try:
        action()
    except StorageFull:
        return FULL_DISK
    except StorageError as error:
        located = error.operation and error.storage and isinstance(error, OSError)
        return OURS if located else WRONG
    except OSError:
        return THEIRS
    except BaseException:  # noqa: BLE001 - whatever it is, it is not ours
        traceback.print_exc()
        return WRONG
    return DONE


def rehearse(directory: Path) -> None:
    """Do everything once, and fail once, so that nothing is imported later."""
    first = Scenarios(prepared(directory / "first"))
    first.close()
    for name in first.actions:
        scenarios = Scenarios(prepared(directory / name))
        if outcome(scenarios.actions[name]) != DONE:
            sys.exit(f"{name} does not work")
        scenarios.close()
    scenarios = Scenarios(prepared(directory / "broken"))
    (directory / "broken/new").touch()
    if outcome(scenarios.actions["create"]) != OURS:
        sys.exit("saving below a file does not fail")
    scenarios.close()


def wait_and_do(name: str, root: Path) -> int:
    """In the fork: get ready, wait for the tracer, do it."""
    # Where only parents may trace their children, let anybody trace this one.
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
    action = Scenarios(root).actions[name]
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGUSR1})
    return outcome(action)


def main() -> None:
    """Start a fork per line, until there are no more."""
    settings.FILE_UPLOAD_TEMP_DIR = sys.argv[1]
    django.setup()
    with tempfile.TemporaryDirectory(dir=Path(sys.argv[1]).parent) as directory:
        rehearse(Path(directory))
    # The forks wait for it: a signal, because a read would be one of the traced calls.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for line in iter(sys.stdin.readline, ""):
        name, _, directory = line.rstrip("\n").partition(" ")
        pid = os.fork()
        if pid == 0:
            code = WRONG
            try:
                code = wait_and_do(name, Path(directory))
            finally:
                os._exit(code)
        sys.stdin.readline()
        os.kill(pid, signal.SIGUSR1)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
