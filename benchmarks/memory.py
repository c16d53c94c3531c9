"""Save and read one large file through each backend; print how much the process grew.

``make bench``, or ``.venv/bin/python benchmarks/memory.py --size 1024 overwrite database``.

Each row is two child processes, one that saves and one that reads. A child first moves a small
file, so that everything is imported and every buffer was used once, then the large one; the growth
of ``ru_maxrss`` between the two is what the large file cost. The content is generated while it is
read, cannot seek and has no length: the hardest kind of upload. What is read is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
CHUNK = 64 * 1024
WARM_UP = 8 * MIB

# A table of your own over ODBC is not here: it is one row per file, which passes in one piece.
BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "django": ("django.core.files.storage.FileSystemStorage", {}),  # for comparison
    "overwrite": ("storages.backends.overwrite.OverwriteStorage", {}),
    "image": ("storages.backends.image.ImageStorage", {}),
    "symlinkorcopy": ("storages.backends.symlinkorcopy.SymlinkOrCopyStorage", {}),
    "hashpath": ("storages.backends.hashpath.HashPathStorage", {}),
    "database": ("storages.backends.database.DatabaseStorage", {"using": "default"}),
}


def png() -> bytes:
    """A whole picture of one pixel: what follows it, ImageStorage does not look at."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = part(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    return (
        b"\x89PNG\r\n\x1a\n" + header + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")
    )


def content(size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes, the same each time; no two chunks are equal."""
    noise = random.Random(1).randbytes(CHUNK)  # noqa: S311 - test data
    start = png()
    for position in range(0, size, CHUNK):
        begin = position.to_bytes(8, "big") if position else start
        yield (begin + noise)[: min(CHUNK, size - position)]


class Upload:
    """Something that can be read once, from the start, and tells nothing else about itself."""

    def __init__(self, size: int) -> None:
        self._chunks = content(size)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return at least one byte and at most ``size``; nothing at the end."""
        rest = self._rest or next(self._chunks, b"")
        wanted = len(rest) if size < 0 else size
        self._rest = rest[wanted:]
        return rest[:wanted]


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def start_django(backend: str, directory: Path) -> None:
    """Configure Django with one storage and everything below ``directory``."""
    import django
    from django.conf import settings

    path, options = BACKENDS[backend]
    sys.path.insert(0, str(ROOT))
    settings.configure(
        USE_TZ=True,
        STORAGES={"default": {"BACKEND": path, "OPTIONS": options}},
        INSTALLED_APPS=["storages"],
        MEDIA_ROOT=str(directory / "media"),
        FILE_UPLOAD_TEMP_DIR=str(directory),
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(directory / "db.sqlite3"),
            }
        },
    )
    django.setup()


def child(backend: str, action: str, directory: Path, size: int) -> None:
    """Save or read, small then large; print what it took as JSON."""
    start_django(backend, directory)
    from django.core.files.storage import default_storage as storage
    from django.core.management import call_command

    names = directory / "names.json"
    if action == "save" and backend == "database":
        call_command("createstoragetable", verbosity=0)

    def read(name: str) -> str:
        digest = hashlib.sha256()
        with storage.open(name) as file:
            for chunk in file.chunks():
                digest.update(chunk)
        return digest.hexdigest()

    saved: dict[str, str] = {} if action == "save" else json.loads(names.read_text())
    result: dict[str, Any] = {}
    for kind, length in (("small", WARM_UP), ("large", size)):
        before, started = peak(), time.perf_counter()
        if action == "save":
            saved[kind] = storage.save(f"{kind}.png", cast("Any", Upload(length)))
        else:
            result["digest"] = read(saved[kind])
        result["seconds"] = time.perf_counter() - started
        result["growth"] = peak() - before
    names.write_text(json.dumps(saved))
    print(json.dumps(result))


def measure(backend: str, action: str, directory: Path, size: int) -> dict[str, Any]:
    """Run one child; return what it printed."""
    command = [sys.executable, __file__, "--child", action, "--size", str(size // MIB)]
    done = subprocess.run(
        [*command, "--directory", str(directory), backend], stdout=subprocess.PIPE, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def columns(result: dict[str, Any], size: int) -> str:
    """The two columns of one child: growth in MiB, MiB/s."""
    return f"{result['growth'] / MIB:>8.1f}{size / MIB / result['seconds']:>8.0f}"


def main() -> None:
    """Measure the backends that the command line names, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("backends", nargs="*", help=f"of {', '.join(BACKENDS)} (default: all)")
    parser.add_argument("--size", type=int, default=1024, help="MiB (default 1024)")
    parser.add_argument("--limit", type=int, default=32, help="MiB of growth allowed (default 32)")
    parser.add_argument("--directory", type=Path, help="where to write (twice the size is needed)")
    parser.add_argument("--child", choices=["save", "read"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.backends) - set(BACKENDS):
        parser.error(f"no such backend: {', '.join(sorted(unknown))}")
    size = given.size * MIB
    if given.child:
        child(given.backends[0], given.child, given.directory, size)
        return

    digest = hashlib.sha256()
    for chunk in content(size):
        digest.update(chunk)
    print(f"{given.size} MiB through each backend: growth of the process in MiB, and MiB/s")
    print(f"{'backend':<16}{'save':>8}{'MiB/s':>8}{'read':>8}{'MiB/s':>8}", flush=True)
    failed = False
    for backend in given.backends or BACKENDS:
        directory = Path(tempfile.mkdtemp(prefix="storages-bench-", dir=given.directory))
        try:
            save = measure(backend, "save", directory, size)
            read = measure(backend, "read", directory, size)
        finally:
            shutil.rmtree(directory)
        remarks = []
        if read["digest"] != digest.hexdigest():
            remarks.append("WRONG CONTENT")
        if max(save["growth"], read["growth"]) > given.limit * MIB:
            remarks.append("TOO MUCH")
        failed = failed or bool(remarks)
        print(f"{backend:<16}{columns(save, size)}{columns(read, size)}", *remarks, flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
