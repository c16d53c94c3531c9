"""What the benchmarks share: an environment for today's django-storages, durations, tables."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["NONE", "ROOT", "peer_python", "table", "times", "write"]

ROOT = Path(__file__).resolve().parent.parent
NONE = "\N{EN DASH}"
_PEER = ROOT / ".venv" / "django-storages-1.14.6-{}"
_MILLISECOND = 1e-3


def peer_python(name: str, *packages: str) -> Path:
    """The Python of an environment that has today's django-storages, made when missing.

    ``packages`` are what it needs beside itself for the backend ``name``.
    """
    place = Path(str(_PEER).format(name))
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        print(f"installing django-storages 1.14.6 into {place.relative_to(ROOT)}", flush=True)
        import django

        venv.create(place, clear=True, with_pip=True)
        wanted = ["django-storages==1.14.6", f"Django=={django.__version__}", *packages]
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *filter(None, wanted)], check=True)
        (place / "ready").touch()
    return python


def times(seconds: float) -> str:
    """A duration, in the unit that suits it."""
    if seconds < _MILLISECOND:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def table(rows: Iterable[Sequence[str]]) -> str:
    """The rows, of which the first holds the headings, as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if at == 0 else ' '} - {cell}" for at, cell in enumerate(row)]
    return "\n".join(lines)


def write(page: Path, program: str, text: str) -> None:
    """Put a text between the marks of ``program`` in a page of the documentation."""
    begin, end = (f".. {word} of what benchmarks/{program} wrote" for word in ("Begin", "End"))
    head, rest = page.read_text(encoding="utf-8").split(begin)
    _, tail = rest.split(end)
    page.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", encoding="utf-8")
