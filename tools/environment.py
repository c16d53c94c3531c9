"""Make .venv and install one set of requirements: ``python3 tools/environment.py test``.

Runs on the standard library. A set that is installed already costs nothing and needs no network:
``.venv/installed-<set>`` keeps a hash of everything that decides what would be installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def texts(path: Path) -> list[str]:
    """The requirement files that ``path`` leads to through its ``-r`` lines, itself first."""
    text = path.read_text(encoding="utf-8")
    found = [text]
    for line in text.splitlines():
        if line.startswith("-r "):
            found += texts(path.parent / line.removeprefix("-r ").strip())
    return found


def works() -> bool:
    """Whether .venv has a Python that runs (its base may have been upgraded or removed)."""
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0


def main(which: str) -> None:
    """Bring .venv up to date with ``requirements/<which>.txt``."""
    if sys.version_info < (3, 10):
        sys.exit("Python 3.10 or later is needed; say which one: make PYTHON=python3.12 ...")
    requirements = ROOT / "requirements" / f"{which}.txt"
    if not works():
        print("making .venv", flush=True)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    decides = "\n".join([str(PYTHON), *texts(requirements)])
    digest = hashlib.sha256(decides.encode()).hexdigest()
    stamp = ENVIRONMENT / f"installed-{which}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    print(f"installing requirements/{which}.txt into .venv", flush=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "--requirement", str(requirements)], check=False)
    if done.returncode:
        sys.exit(f"pip could not install {requirements.relative_to(ROOT)}: see above")
    stamp.write_text(digest, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
