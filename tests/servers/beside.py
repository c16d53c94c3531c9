"""Programs of the environments in ``.cache``, which servers that clash with our libraries have."""

from __future__ import annotations

from pathlib import Path

from tests.servers.process import MissingProgramError

ROOT = Path(__file__).resolve().parents[2]


def program(environment: str, name: str) -> str:
    """The path of the program ``name`` in ``.cache/<environment>``; a missing one is an error."""
    path = ROOT / ".cache" / environment / "bin" / name
    if not path.exists():
        command = f"python3 tools/environment.py servers/{environment}"
        raise MissingProgramError(f"{path} is missing: {command}")
    return str(path)
