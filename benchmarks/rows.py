"""What is measured: the rows. Each is one piece of work, on one line (near, or 20 ms away).

The program that starts the processes and the processes that do the work both read this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FAR", "GIB", "KB", "MB", "NEAR", "WATCHED", "Effort", "Row", "readable"]

KB = 1000
MB = 1000 * KB
MIB = 1024 * 1024
GIB = 1024 * MIB
NEAR, FAR, WATCHED = "near", "far", "watched"
#: Names in a directory of which a listing is measured once.
MOST = 100_000
#: How long the lines with a delay make a round trip, in seconds.
ROUND_TRIP = 0.02


@dataclass(frozen=True)
class Row:
    """One piece of work.

    A turn repeats it ``repeats`` times, or until ``seconds`` are over. ``count`` is the number of
    names in the directory, or of the files that are saved; ``threads`` save them. ``fresh``: in a
    process of its own, whose memory nothing else has used. ``counted``: what passes is counted.
    """

    kind: str
    title: str
    size: int = KB
    line: str = NEAR
    count: int = 0
    threads: int = 1
    repeats: int = 60
    seconds: float = 0.06
    turns: int = 5
    fresh: bool = False
    counted: bool = False

    @property
    def key(self) -> str:
        """Its name among the results."""
        parts = [self.kind, str(self.size)]
        parts += [f"{self.count}-names"] if self.kind.startswith("names-") else []
        parts += [f"{self.count}-by-{self.threads}"] if self.kind == "many" else []
        return "/".join([self.line, *parts])


@dataclass(frozen=True)
class Effort:
    """How much is measured: ``sizes`` of files in bytes, ``names`` in a directory."""

    name: str
    large: int
    sizes: tuple[int, ...]
    names: tuple[int, ...]
    files: int
    far_files: int
    threads: tuple[int, ...]
    turns: int
    huge: int = 0

    def rows(self) -> Iterator[Row]:
        """Yield them all, each once: where the large file is small, some would come again."""
        parts = (self._small(), self._bytes(), self._names(), self._many(), self._far())
        yield from {row.key: row for part in parts for row in part}.values()

    def _small(self) -> Iterator[Row]:
        turns = self.turns
        for kind, title in (
            ("save", "save 1 kB"),
            ("taken", "save 1 kB, name taken"),
            ("write", '``open("wb")``, 1 kB'),
            ("read", "open and read 1 kB"),
            ("missing", "open a missing name"),
            ("exists", "exists()"),
            ("size", "size()"),
        ):
            yield Row(kind, title, counted=True, turns=turns)
        yield Row("url", "url()", repeats=300, turns=turns)
        yield Row(
            "part",
            f"10 bytes in the middle of {readable(self.large)}",
            size=self.large,
            counted=True,
            turns=turns,
        )

    def _bytes(self) -> Iterator[Row]:
        for size in self.sizes:
            large = size >= self.large
            for kind, title in (("save", "save"), ("read", "open and read")):
                yield Row(
                    kind,
                    f"{title} {readable(size)}",
                    size=size,
                    repeats=2 if size > MB else 10,
                    seconds=0.2,
                    turns=(1 if size > self.large else 3) if large else min(3, self.turns),
                    fresh=large,
                    counted=size == MB,
                )

    def _names(self) -> Iterator[Row]:
        """Operations against the number of files; the first and the 10,000 are rows of tables."""
        for count in self.names:
            for kind, title in (
                ("list", f"list {count:,} names"),
                ("exists", f"exists() among {count:,} names"),
                ("read", f"open and read 1 kB among {count:,} names"),
                ("save", f"save 1 kB among {count:,} names"),
            ):
                yield Row(
                    f"names-{kind}",
                    title,
                    count=count,
                    repeats=5,
                    turns=min(3, self.turns) if count < MOST else 1,
                    counted=kind == "list" and count < MOST,
                )

    def _many(self) -> Iterator[Row]:
        for threads in self.threads:
            by = "1 thread" if threads == 1 else f"{threads} threads"
            yield Row(
                "many",
                f"save {self.files} files of 1 kB, {by}",
                count=self.files,
                threads=threads,
                repeats=1,
                turns=min(2, self.turns) if threads in {1, 8} else 1,
            )

    def _far(self) -> Iterator[Row]:
        turns = min(3, self.turns)
        for kind, title, size in (
            ("save", "save 1 kB", KB),
            ("taken", "save 1 kB, name taken", KB),
            ("read", "open and read 1 kB", KB),
            ("exists", "exists()", KB),
            ("size", "size()", KB),
            ("save", "save 1 MB", MB),
            ("read", "open and read 1 MB", MB),
            ("part", f"10 bytes in the middle of {readable(self.large)}", self.large),
        ):
            yield Row(kind, title, size=size, line=FAR, repeats=3, seconds=0.15, turns=turns)
        yield Row(
            "names-list", "list 10 names", line=FAR, count=10, repeats=3, seconds=0.15, turns=turns
        )
        for threads in (1, 8):
            by = "1 thread" if threads == 1 else f"{threads} threads"
            title = f"save {self.far_files} files of 1 kB, {by}"
            yield Row(
                "many",
                title,
                line=FAR,
                count=self.far_files,
                threads=threads,
                repeats=1,
                turns=1,
            )
        for kind, title in (("save", "save"), ("read", "open and read")):
            yield Row(
                kind,
                f"{title} {readable(self.large)}",
                size=self.large,
                line=FAR,
                repeats=1,
                turns=min(2, turns),
            )


def readable(size: int) -> str:
    """``100 MB``."""
    if size % GIB == 0:
        return f"{size // GIB} GiB"
    return f"{size // MB} MB" if size >= MB else f"{size // KB} kB"


TINY = Effort("tiny", MB, (KB, MB), (10, 100), 8, 8, (1, 2), 1)
QUICK = Effort(
    "quick",
    large=5 * MB,
    sizes=(MB, 5 * MB),
    names=(10, 100, 1000, 3000),
    files=40,
    far_files=8,
    threads=(1, 8),
    turns=1,
)
DEFAULT = Effort(
    "default",
    large=100 * MB,
    sizes=(32 * KB, MB, 10 * MB, 100 * MB),
    names=(10, 100, 1000, 10_000, 100_000),
    files=500,
    far_files=48,
    threads=(1, 2, 4, 8),
    turns=5,
)
FULL = Effort(**{**vars(DEFAULT), "name": "full", "sizes": (*DEFAULT.sizes, GIB), "far_files": 500})
EFFORTS = {effort.name: effort for effort in (TINY, QUICK, DEFAULT, FULL)}
