"""Make virtual environments: ``python3 tools/environment.py test servers/swift``.

Each argument is a set of requirements, ``requirements/<set>.txt``. They are installed into .venv,
except those of ``requirements/servers``: a server whose libraries clash with ours gets an
environment of its own, ``.cache/<server>``.

Runs on the standard library. A set that is installed already costs nothing and needs no network:
``installed-<set>`` in the environment keeps a hash of everything that decides what would be
installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def place(which: str) -> Path:
    """The environment into which the set ``which`` is installed."""
    group, _, name = which.rpartition("/")
    return ROOT / ".cache" / name if group == "servers" else ROOT / ".venv"


def python(environment: Path) -> Path:
    """The Python of ``environment``."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def texts(path: Path) -> list[str]:
    """The requirement files that ``path`` leads to through its ``-r`` lines, itself first."""
    text = path.read_text(encoding="utf-8")
    found = [text]
    for line in text.splitlines():
        if line.startswith("-r "):
            found += texts(path.parent / line.removeprefix("-r ").strip())
    return found


def works(environment: Path) -> bool:
    """Whether its Python runs (the base of it may have been upgraded or removed)."""
    program = python(environment)
    if not program.exists():
        return False
    return subprocess.run([program, "-c", ""], check=False).returncode == 0


def main(which: str) -> None:
    """Bring the environment of ``requirements/<which>.txt`` up to date with it."""
    if sys.version_info < (3, 10):
        sys.exit("Python 3.10 or later is needed; say which one: make PYTHON=python3.12 ...")
    requirements = ROOT / "requirements" / f"{which}.txt"
    environment = place(which)
    name, program = environment.relative_to(ROOT), str(python(environment))
    if not works(environment):
        print(f"making {name}", flush=True)
        venv.create(environment, clear=True, with_pip=True)
    decides = "\n".join([program, *texts(requirements)])
    digest = hashlib.sha256(decides.encode()).hexdigest()
    stamp = environment / f"installed-{which.rpartition('/')[2]}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    print(f"installing requirements/{which}.txt into {name}", flush=True)
    pip = [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--requirement", str(requirements)], check=False)
    if done.returncode:
        sys.exit(f"pip could not install {requirements.relative_to(ROOT)}: see above")
    stamp.write_text(digest, encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        main(each)
